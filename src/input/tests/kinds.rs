use super::*;

#[test]
fn each_wrong_kind_of_file_has_its_own_sentence() {
    let files: [(&[u8], &str); 17] = [
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml xl/workbook.xml", "is not CSV but an Excel workbook (.xlsx)"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0", "is not CSV but an Excel workbook (.xls)"),
        (b"PK\x03\x04....list.csv", "is not CSV but a zip archive"),
        (b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet"),
        (b"\x1f\x8b\x08\0", "is compressed with gzip"),
        (b"\x28\xb5\x2f\xfd\0", "is compressed with zstd"),
        (b"%PDF-1.7\n", "is not CSV but a PDF document"),
        (b"{\"testInvitationId\": 5}", "is not CSV but JSON"),
        (b"\xef\xbb\xbf [\n  {\"id\": 5}\n]", "is not CSV but JSON"),
        (b"[5, 6]", "is not CSV but JSON"),
        (b"<!DOCTYPE html>\n<html>", "is not CSV but an HTML page"),
        (b"\r\n <HTML lang=\"en\">", "is not CSV but an HTML page"),
        (b"<?xml version=\"1.0\"?>", "is not CSV but XML"),
        (b"\xff\xfe\0\0i\0\0\0", "is in UTF-32"),
        (b"BZh91AY", "is compressed with bzip2"),
        (b"\xfd7zXZ\0\0", "is compressed with xz"),
        (b"SQLite format 3\0", "is not CSV but an SQLite database"),
    ];
    for (bytes, sentence) in files {
        let message = refused(bytes);
        assert!(message.contains(sentence), "{message}");
        assert!(!message.ends_with("| "), "{message}");
        assert!(stream_with(bytes, &options()).unwrap_err().message.contains(sentence));
    }
    assert!(refused("[id],[name]\n5,Ann\n").contains("no column is named like an invitation ID"));
}

#[test]
fn a_missing_file_a_directory_and_a_pipe_are_refused() {
    let given = given("id\n5\n");
    let message = |path: PathBuf| survey_file(&path, &options()).map(|_| ()).unwrap_err();
    let missing = message(given.directory.path().join("no.csv"));
    assert!(missing.message.contains("there is no input file") && missing.message.contains("no.csv"));
    assert!(missing.source.is_some() && missing.cause == Cause::Input);
    assert!(message(given.directory.path().to_owned()).message.contains("is a directory"));
    #[cfg(unix)]
    assert!(message(PathBuf::from("/dev/null")).message.contains("is not a file that can be read twice"));
}

#[cfg(unix)]
#[test]
fn a_file_without_the_right_to_read_it_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let given = given("id\n5\n");
    fs::set_permissions(&given.path, fs::Permissions::from_mode(0o000)).unwrap();
    // If the test runs as root, the file can be read.
    if fs::File::open(&given.path).is_err() {
        let refusal = survey_file(&given.path, &options()).map(|_| ()).unwrap_err();
        assert!(refusal.message.contains("may not be read by this user"), "{refusal}");
    }
}
