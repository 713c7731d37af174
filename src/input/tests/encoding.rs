use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::*;

fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

fn encoded_as(label: &str) -> ReadingOptions {
    ReadingOptions { encoding: Some(parse_encoding(label).unwrap()), ..options() }
}

#[test]
fn a_byte_order_mark_tells_the_encoding_and_is_no_text() {
    let text = "\u{feff}testInvitationId,name\r\n5,José 山田\r\n";
    let files = [
        (text.as_bytes().to_vec(), UTF_8),
        (utf_16(text, u16::to_le_bytes), UTF_16LE),
        (utf_16(text, u16::to_be_bytes), UTF_16BE),
    ];
    for (bytes, encoding) in files {
        let (survey, found) = read(&bytes);
        assert_eq!(survey.reading.encoding, encoding);
        assert!(survey.reading.layout.byte_order_mark);
        assert_eq!(survey.reading.layout.columns, ["testInvitationId", "name"]);
        assert_eq!(cell(&found[0], 1), "José 山田");
        assert_eq!(rows(&bytes), ["2 5"]);
        assert_eq!(rows_with(&bytes, &encoded_as("windows-1252")), ["2 5"]);
    }
}

#[test]
fn text_without_a_mark_is_utf_8() {
    let (survey, found) = read("id,name\n5,José\n");
    assert_eq!((survey.reading.encoding, survey.reading.layout.byte_order_mark), (UTF_8, false));
    assert_eq!(cell(&found[0], 1), "José");
}

#[test]
fn one_odd_byte_at_the_end_of_a_long_file_makes_it_windows_1252() {
    let mut bytes = b"id,name\n".to_vec();
    for id in 1..=30_000 {
        bytes.extend(format!("{id},Ann\n").bytes());
    }
    bytes.extend(b"30001,Jos\xe9 \x80\n");
    let (survey, found) = read(&bytes);
    assert_eq!(survey.reading.encoding, WINDOWS_1252);
    assert_eq!(cell(&found[30_000], 1), "José €");
    assert_eq!(survey.eligible, 30_001);
}

#[test]
fn a_character_that_two_chunks_share_is_still_utf_8() {
    for padding in 0..4 {
        let text = format!("id,name\n5,{}{}\n6,é\n", "a".repeat(padding), "é山".repeat(40_000));
        let (survey, found) = read(&text);
        assert_eq!(survey.reading.encoding, UTF_8);
        assert_eq!(cell(&found[0], 1).len(), padding + 200_000);
    }
}

#[test]
fn a_character_cut_off_at_the_end_of_the_file_is_no_utf_8() {
    assert_eq!(read(b"id,name\n5,Jos\xc3").0.reading.encoding, WINDOWS_1252);
}

#[test]
fn a_no_break_space_of_windows_1252_around_an_id_is_a_blank() {
    assert_eq!(rows(b"id,name\n\xa05\xa0,Jos\xe9\n"), ["2 5"]);
}

#[test]
fn an_encoding_can_be_given_by_any_label() {
    let (survey, found) = read_with(b"id,name\n5,\x8eR\x93c\n", &encoded_as("shift_jis")).unwrap();
    assert_eq!((survey.reading.encoding.name(), cell(&found[0], 1)), ("Shift_JIS", "山田"));
    let text = utf_16("id\tname\n5\tAnn\n", u16::to_le_bytes);
    assert_eq!(rows_with(text, &encoded_as("utf-16le")), ["2 5"]);
}

#[test]
fn utf_16_without_a_mark_is_refused_with_its_label() {
    let message = refused(utf_16("id,name\n5,Ann\n", u16::to_le_bytes));
    assert!(message.contains("looks like UTF-16") && message.ends_with("say --encoding utf-16le"), "{message}");
    assert!(refused(utf_16("id,name\n5,Ann\n", u16::to_be_bytes)).ends_with("say --encoding utf-16be"));
}

#[test]
fn bytes_that_mean_nothing_are_refused_with_their_line() {
    let message = refused_with(b"id,name\n5,Ann\n6,Jos\xe9\n7,x\n", &encoded_as("utf-8"));
    assert!(message.contains("line 3: bytes that mean nothing in UTF-8"), "{message}");
    assert!(message.ends_with("or name its encoding with --encoding"), "{message}");
}

#[test]
fn bytes_that_belie_the_byte_order_mark_are_refused_without_advice_that_it_would_overrule() {
    let files: [(&[u8], &str); 2] = [
        (b"\xef\xbb\xbfid,name\n5,Jos\xe9\n", "line 2: bytes that mean nothing in UTF-8, which the byte-order mark"),
        (b"\xff\xfei\0d\0\n\x005\0\n\0\0", "line 3: bytes that mean nothing in UTF-16LE, which the byte-order mark"),
    ];
    for (bytes, sentence) in files {
        for options in [options(), encoded_as("windows-1252")] {
            let message = refused_with(bytes, &options);
            assert!(message.contains(sentence) && message.ends_with("| export the file again as UTF-8"), "{message}");
            let error = stream_with(bytes, &options)
                .map_or_else(|refusal| refusal.message, |mut reader| reader.find_map(Result::err).unwrap().to_string());
            assert!(error.contains(sentence), "{error}");
        }
    }
}

#[test]
fn a_stream_is_read_as_windows_1252_row_by_row_where_it_is_not_utf_8() {
    let found: Vec<Screened> =
        stream_with(b"id,name\n5,Jos\xe9\n6,Jos\xc3\xa9\n\xa07,x\n", &options()).unwrap().map(Result::unwrap).collect();
    assert_eq!(brief(&found), ["2 5", "3 6", "4 7"]);
    assert_eq!((cell(&found[0], 1), cell(&found[1], 1)), ("José", "José"));
}
