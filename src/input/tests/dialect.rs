use super::*;

#[test]
fn each_usual_delimiter_is_found() {
    for delimiter in [",", ";", "\t", "|"] {
        let text = "name,testInvitationId,score\nAnn,5,1\nBob,6,2\n".replace(',', delimiter);
        let (survey, found) = read(&text);
        assert_eq!(survey.reading.layout.delimiter, delimiter.as_bytes()[0]);
        assert_eq!(brief(&found), ["2 5", "3 6"]);
    }
}

#[test]
fn a_delimiter_within_quotes_does_not_count() {
    let text = "\"name, first, last\";testInvitationId\n\"Doe, Ann, x\";5\n\"Roe, Bob, y\";6\n";
    assert_eq!(rows(text), ["2 5", "3 6"]);
}

#[test]
fn the_delimiter_that_shows_the_id_column_wins() {
    assert_eq!(rows("a,b,c;invitation id\n1,2,3;5\n1,2,3;6\n"), ["2 5", "3 6"]);
}

#[test]
fn a_given_delimiter_is_taken() {
    let colon = ReadingOptions { delimiter: Some(b':'), ..options() };
    assert_eq!(rows_with("id:name\n5:a,b,c\n", &colon), ["2 5"]);
}

#[test]
fn excels_separator_line_names_the_delimiter_and_counts_as_a_line() {
    for text in [
        "sep=;\r\nid;name\r\n5;Ann\r\n",
        "SEP=:\nid:name\n5:Ann\n",
        "\"sep=|\"\nid|name\n5|Ann\n",
        "sep=\t\rid\tname\r5\tAnn\r",
    ] {
        assert_eq!(rows(text), ["3 5"], "{text:?}");
        assert_eq!(read(text).0.reading.header_line, Some(2));
    }
    let given = ReadingOptions { delimiter: Some(b'|'), ..options() };
    assert_eq!(rows_with("sep=;\nid|name\n5|Ann\n", &given), ["3 5"]);
    assert!(refused("sep=ab\nid\n5\n").contains("line 1: sep= names \"ab\""));
}

#[test]
fn delimiters_are_given_as_a_character_or_as_tab() {
    assert_eq!(parse_delimiter(";"), Ok(b';'));
    assert_eq!(parse_delimiter("tab"), Ok(b'\t'));
    assert_eq!(parse_delimiter("\\t"), Ok(b'\t'));
    for wrong in ["", ";;", "é", "1", "x", "\"", "\n", "'"] {
        assert!(parse_delimiter(wrong).unwrap_err().contains("delimiter"), "{wrong:?}");
    }
}

#[test]
fn every_kind_of_line_end_ends_a_line() {
    for end in ["\n", "\r\n", "\r"] {
        let text = "id,name\n5,Ann\n\n6,Bob\n".replace('\n', end);
        assert_eq!(rows(&text), ["2 5", "4 6"], "{end:?}");
        assert_eq!(rows(text.trim_end()), ["2 5", "4 6"], "{end:?}");
    }
    assert_eq!(rows("id\r\n5\r\r6\n\r7\n\n8"), ["2 5", "4 6", "6 7", "8 8"]);
}

#[test]
fn a_blank_line_is_counted_but_is_no_row() {
    assert_eq!(rows("\n\n\r\nid\n\n5\n\n\n6\n\n\n"), ["6 5", "9 6"]);
    assert_eq!(read("\n\nid\n5\n").0.reading.header_line, Some(3));
}

#[test]
fn a_line_of_blanks_or_delimiters_is_a_row_without_an_id() {
    assert_eq!(
        rows("id,name\n5,a\n  \n,\n6,b\n\"\"\n7,c\n8,d\n"),
        ["2 5", "3 invalid_id \"  \"", "4 invalid_id \"\"", "5 6", "6 invalid_id \"\"", "7 7", "8 8"]
    );
}

#[test]
fn a_cell_of_several_lines_counts_them_all() {
    let text = "id,note\r\n5,\"one\r\ntwo\rthree\nfour\"\r\n6,\"\n\n\"\n7,x\n";
    assert_eq!(rows(text), ["2 5", "6 6", "9 7"]);
    assert_eq!(cell(&read(text).1[0], 1), "one\r\ntwo\rthree\nfour");
}

#[test]
fn a_quote_within_a_cell_is_text() {
    let (_, found) = read("id,size\n5,24\"\n6,24\" wide\n7,a \"b\" c\n8,\"say \"\"hi\"\"\"\n9, \"x\"\n");
    assert_eq!(brief(&found), ["2 5", "3 6", "4 7", "5 8", "6 9"]);
    let cells: Vec<_> = found.iter().map(|row| cell(row, 1)).collect();
    assert_eq!(cells, ["24\"", "24\" wide", "a \"b\" c", "say \"hi\"", " \"x\""]);
}

#[test]
fn an_input_without_rows_is_no_error() {
    for text in ["id,name\n", "id", "sep=;\nid;name", "\u{feff}id"] {
        assert_eq!(rows(text), Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn an_input_without_a_header_or_a_row_is_refused() {
    for text in ["", "\n\r\n", "\u{feff}", "\u{feff}\n", "sep=;"] {
        for options in [options(), no_header(), id_column("id")] {
            let message = refused_with(text, &options);
            assert!(message.contains("is empty: it has neither a header nor a row"), "{text:?}: {message}");
            assert!(stream_with(text, &options).unwrap_err().message.contains("standard input is empty"));
        }
    }
}
