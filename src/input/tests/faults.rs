use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

use super::*;

/// Returns the rows that a stream yields before it ends with an error, and the error.
fn until_error(bytes: impl AsRef<[u8]>) -> (Vec<String>, String) {
    let mut reader = stream_with(bytes, &options()).unwrap();
    let mut found = Vec::new();
    let error = loop {
        match reader.next() {
            Some(Ok(row)) => found.push(row),
            Some(Err(error)) => break error.to_string(),
            None => break String::new(),
        }
    };
    assert!(reader.next().is_none());
    (brief(&found), error)
}

#[test]
fn a_quote_that_is_never_closed_is_refused_with_the_line_where_it_was_opened() {
    let text = "id,name\n5,Ann\n6,\"Bob\n7,Cy\n8,Dee\n";
    let message = refused(text);
    assert!(message.contains("line 3: the quote that opens a cell on this line is never closed"), "{message}");
    let (sent, error) = until_error(text);
    assert_eq!(sent, ["2 5"]);
    assert!(error.starts_with("standard input, line 3: the quote"), "{error}");
}

#[test]
fn text_behind_a_closing_quote_is_refused() {
    let message = refused("id,name\n5,\"Ann\" Smith\n6,Bob\n");
    assert!(message.contains("line 2: text stands behind the closing quote"), "{message}");
    let message = refused("id,name\n5,\"Ann\n6,Bob\n7,\"Cy\"\n");
    assert!(
        message.contains("line 4: text stands behind the closing quote of the cell that begins on line 2"),
        "{message}"
    );
    assert_eq!(rows("id,name\n5,\"Ann\" \n\"6\" ,\"Bob\"\t\n\"7\"\t,x\n"), ["2 5", "3 6", "4 7"]);
}

#[test]
fn quotes_escaped_with_a_backslash_are_named_with_the_remedy() {
    for text in ["id,name\n5,\"say \\\"hi\\\", x\"\n", "id,name\n5,\"a 3\\\" pipe\"\n"] {
        let message = refused(text);
        assert!(
            message.contains("line 2: text stands behind the quote") && message.contains("a backslash"),
            "{message}"
        );
        assert!(message.contains("with quotes doubled"), "{message}");
    }
    assert_eq!(rows("id,path\n5,\"C:\\\"\n6,\"D:\\\",\n"), ["2 5", "3 6"]);
}

#[test]
fn a_row_of_nothing_but_delimiters_takes_no_more_memory_than_others() {
    let message = refused(format!("id,name\n5,Ann\n6{}\n", ",".repeat(20_000)));
    assert!(message.contains("line 3: the row that begins here has more than 16384 cells"), "{message}");
    assert_eq!(rows(format!("id,name\n5,Ann\n6{}\n", ",".repeat(16_383))), ["2 5", "3 6"]);
}

/// Overwrites a part of a file and sets its time back, so that neither its size nor its time shows the change.
fn overwrite_unseen(given: &Given, at: u64, text: &str) {
    let modified = fs::metadata(&given.path).unwrap().modified().unwrap();
    let mut file = OpenOptions::new().write(true).open(&given.path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_modified(modified).unwrap();
}

#[test]
fn a_block_that_is_not_as_it_was_surveyed_gives_no_row() {
    let text: String =
        std::iter::once("id\n".to_owned()).chain((100_000..200_000).map(|id| format!("{id}\n"))).collect();
    for at in [3, 64 * 1024 + 2, 300_000, 699_996] {
        let given = given(&text);
        let (file, survey) = survey_file(&given.path, &options()).unwrap();
        let at = at - (at - 3) % 7;
        overwrite_unseen(&given, at, "777777");
        file.check_unchanged().unwrap();
        let rows: Vec<_> = match RowReader::from_file(file, survey.reading) {
            Ok(reader) => reader.collect(),
            Err(error) => vec![Err(error)],
        };
        assert!(matches!(rows.last(), Some(Err(ReadError::Changed { .. }))), "{at}");
        let sent = u64::try_from(rows.len()).unwrap() - 1;
        assert!(sent * 7 + 3 <= at, "{at}: {sent} rows");
        let rows: Vec<Screened> = rows.into_iter().map_while(Result::ok).collect();
        assert!(rows.iter().all(|row| cell(row, 0) != "777777"), "{at}");
    }
}

#[test]
fn the_duplicates_that_are_shown_are_those_of_the_surveyed_bytes() {
    let given = given("id\n5\n6\n5\n");
    let (file, mut survey) = survey_file(&given.path, &options()).unwrap();
    overwrite_unseen(&given, 5, "5");
    assert!(matches!(survey.find_duplicates(&file), Err(ReadError::Changed { .. })));
}

#[test]
fn a_quote_behind_blanks_is_refused_where_it_matters() {
    let message = refused("id,name\n5, \"Smith, Ann\"\n6,Bob\n");
    assert!(message.contains("line 2: a quote stands behind blanks at the start of a cell"), "{message}");
    let (sent, error) = until_error("id,note\n5, \"see invitation\n77,ok\"\n6,x\n");
    assert_eq!(sent, Vec::<String>::new());
    assert!(error.contains("line 2: a quote stands behind blanks"), "{error}");
    assert_eq!(rows("id, name\n \"5\", \"Ann\"\n6, \"the \"\"best\"\"\" one\n"), ["2 5", "3 6"]);
}

#[test]
fn rows_that_a_quote_too_many_joins_are_refused() {
    let joined = [
        ("id,note\n5,\"abc\n6,x\n7,y\n8,24\"\n9,z\n", 2, 8),
        ("id,name,note\n4,a,b\n5,Ann,\"abc\n6,Bob,24\"\n", 3, 6),
        ("id,name,note\r\n5,\"Ann,x\r\n6,24\",y\r\n", 2, 6),
        ("id,\"name\n5,24\"\n6,x\n", 1, 5),
        ("id,\"name,note\n5,24\",x\n6,x,y\n", 1, 5),
        ("id,note\n5,\"oops\n6,Bob\"\n", 2, 6),
        ("note,id\n\"oops,2932950\nBob 24\",2932951\n", 2, 2_932_951),
        ("id,note\n2932950,\"oops\n2932951,Bob\nthe end\"\n", 2, 2_932_951),
    ];
    for (text, line, id) in joined {
        let message = refused(text);
        let expected = format!(
            "line {line}: quotes join this row with one below, which looks like a row of its own with the ID {id}"
        );
        assert!(message.contains(&expected), "{message}");
        assert!(stream_with(text, &options()).map_or(true, |mut reader| reader.any(|row| row.is_err())));
    }
}

#[test]
fn cells_of_several_lines_are_no_joined_rows() {
    assert_eq!(rows("name,id\n\"Doe,\nAnn\",5\n\"Roe\r\nof\r\n7 lines\",6\n"), ["2 5", "4 6"]);
    assert_eq!(
        rows("id,address\n5,\"1 Main St\n75001, Paris\"\n6,\"2 Main St\n75001, Paris\nFrance\"\n"),
        ["2 5", "4 6"]
    );
    assert_eq!(rows("id,address\n2932950,\"1 Main St\n110001, New Delhi\"\n"), ["2 2932950"]);
    assert_eq!(rows("id,\"Score\n(1,2)\"\n5,x\n"), ["3 5"]);
    assert_eq!(rows("id,a,b\n5,\"x\ny\n6\",\"z\n7\"\n6,a,b\n"), ["2 5", "6 6"]);
}

#[test]
fn a_row_without_end_is_refused() {
    let text = format!("id,name\n5,\"{}", "x\n".repeat(1024 * 1024));
    let message = refused(&text);
    assert!(message.contains("line 2: the row that begins here is longer than 1 MiB"), "{message}");
    let text = format!("id,name\n5,{}\n6,x\n", "y".repeat(900_000));
    assert_eq!(rows(text), ["2 5", "3 6"]);
}

#[test]
fn a_file_that_changes_after_the_survey_is_noticed() {
    let given = given("id\n5\n6\n");
    let (file, survey) = survey_file(&given.path, &options()).unwrap();
    file.check_unchanged().unwrap();
    OpenOptions::new().append(true).open(&given.path).unwrap().write_all(b"7\n").unwrap();
    assert_eq!(file.check_unchanged().unwrap_err().cause, Cause::InputChanged);
    let error = RowReader::from_file(file, survey.reading).and_then(|mut reader| reader.next().unwrap()).unwrap_err();
    assert!(matches!(error, ReadError::Changed { .. }), "{error}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed_within_a_chunk() {
    let text: String = std::iter::once("id\n".to_owned()).chain((1..100_000).map(|id| format!("{id}\n"))).collect();
    let given = given(text);
    let (file, survey) = survey_file(&given.path, &options()).unwrap();
    let mut reader = RowReader::from_file(file, survey.reading).unwrap();
    reader.next().unwrap().unwrap();
    let written = OpenOptions::new().write(true).open(&given.path).unwrap();
    written.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    let rest: Vec<_> = reader.collect();
    assert!(rest.len() < 20_000);
    assert!(matches!(rest.last(), Some(Err(ReadError::Changed { .. }))));
}

#[test]
fn a_file_put_in_the_place_of_the_surveyed_one_is_not_read() {
    let given = given("id\n5\n");
    let (file, survey) = survey_file(&given.path, &options()).unwrap();
    let other = given.directory.path().join("other");
    fs::write(&other, "id\n6\n").unwrap();
    fs::rename(&other, &given.path).unwrap();
    let read: Vec<Screened> = RowReader::from_file(file, survey.reading).unwrap().map(Result::unwrap).collect();
    assert_eq!(brief(&read), ["2 5"]);
}

#[test]
fn the_fingerprint_is_the_sha_256_of_the_bytes() {
    let fingerprint = read("\u{feff}id\n5\n").0.fingerprint.unwrap();
    assert_eq!(fingerprint.sha256.to_string(), "b5f7fa3f2a656de858ab82c59fc00e13f9e8191df86f01751f032388a76a4e2b");
    assert_eq!(fingerprint.bytes, 8);
    assert!(fingerprint.modified.is_some());
}
