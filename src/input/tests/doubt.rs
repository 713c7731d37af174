//! Rows whose cells are in doubt: torn rows, rows whose cells have moved, rows of another table, and rows that are not
//! part of the list.

use super::*;

#[test]
fn the_halves_of_a_row_that_a_line_break_has_torn_are_not_sent() {
    let text = "name,comment,invitation_id,phone\nAnn,hello\nworld,2932950,9876543210\nBob,x,2932951,5\n";
    let (_, found) = read(text);
    assert_eq!(brief(&found), ["2 invalid_id \"\"", "3 invalid_id \"9876543210\"", "4 2932951"]);
    assert!(reason(&found[1]).contains("--short-rows"));
    assert_eq!(rows("name,invitation_id,phone\nAnn,9123456789\nBob,5,6\n"), ["2 invalid_id \"9123456789\"", "3 5"]);
    let last = "id,name,note\n2932950,Ann,call\n9876543299\n2932951,Bob,x\n";
    assert_eq!(rows(last), ["2 2932950", "3 invalid_id \"9876543299\"", "4 2932951"]);
}

#[test]
fn rows_of_one_width_are_meant_where_they_cannot_all_be_torn() {
    let file = |text: &str| brief(&read(text).1);
    assert_eq!(file("id,name,note\n5,Ann\n6,Bob\n"), ["2 5", "3 6"]);
    assert_eq!(file("name,id,a,b\nAnn,5\nBob,6\n"), ["2 5", "3 6"]);
    assert_eq!(file("id,name\n5\n"), ["2 5"]);
    assert_eq!(file("id,name\n5\n77\n"), ["2 5", "3 77"]);
    for halves in ["id,note,phone\n2932950,call\n9876543299,5\n", "name,invitation_id,phone\nAnn,9123456789\n"] {
        assert!(refused(halves).contains("may have torn it"), "{halves}");
    }
    let stream: Vec<_> = stream_with("id,name\n5\n6\n", &options()).unwrap().map(Result::unwrap).collect();
    assert_eq!(brief(&stream), ["2 invalid_id \"5\"", "3 invalid_id \"6\""]);
}

#[test]
fn without_a_header_most_rows_say_how_many_cells_a_row_has() {
    let given = ReadingOptions { id_column: Some("1".to_owned()), ..no_header() };
    let text = "2932950,hello\n9876543299,x\n2932951,a,b\n2932952,a,b\n2932953,a,b\n";
    let (_, found) = read_with(text, &given).unwrap();
    let expected = ["1 invalid_id \"2932950\"", "2 invalid_id \"9876543299\"", "3 2932951", "4 2932952", "5 2932953"];
    assert_eq!(brief(&found), expected);
}

#[test]
fn without_a_header_a_first_row_that_is_shorter_may_have_lost_cells_or_the_others_their_places() {
    let given = ReadingOptions { id_column: Some("3".to_owned()), ..no_header() };
    let row = "Lee, Bob,44158,2932951,x\n";
    let message = refused_with(format!("Ann,44157,2932950,x\n{row}{row}"), &given);
    assert!(message.contains("has no row with an invitation ID"), "{message}");
    let message = refused_with(format!("Ann,44157,2932950,x\n{row}"), &given);
    assert!(message.contains("has no row with an invitation ID"), "{message}");
    let (_, found) = read_with(format!("Ann,44157,2932950,x\n{row}Cy,5,6,7\n"), &given).unwrap();
    assert_eq!(brief(&found), ["1 2932950", "2 invalid_id \"44158\"", "3 6"]);
    assert!(reason(&found[1]).contains("more cells than the first row"));
    let (_, found) = read_with("x,1,2932950,Ann\nx,2,2932951,Bob,y\n", &given).unwrap();
    assert_eq!(brief(&found), ["1 invalid_id \"2932950\"", "2 2932951"]);
}

#[test]
fn a_file_of_which_all_rows_are_longer_than_the_header_is_refused() {
    for text in [
        "id,name\n1,2932950,Ann\n2,2932951,Bob\n",
        "\"id\",\"name\"\n\"1\",2932950,\"Ann\"\n",
        "id,name\n5,Ann,x\n",
        "id,name,note\n1,2932950,Ann,\n2,2932951,Bob,\n",
        "id,name\n5,Ann,\n6,Bob,\n7,,\n",
    ] {
        let message = refused(text);
        assert!(message.contains("line 2: every row is longer than the header"), "{message}");
        assert!(message.contains("row.names = FALSE") && message.contains("index=False"), "{message}");
    }
    // For a stream, only what has come so far is known.
    assert!(stream_with("id,name\n1,2932950,Ann\n2,2932951,Bob\n", &options()).is_err());
    assert_eq!(rows("id,name,\n5,Ann,\n6,Bob,\n"), ["2 5", "3 6"]);
}

#[test]
fn a_row_with_a_number_in_front_is_not_sent() {
    let text = "id,name\n2932950,Ann\n17,2932951,Bob\n18,NA,Cy\n19,,Dee\n20,2.93E+06,Ed\n2932952,Flo,\n2932953,Gus,x\n";
    let (_, found) = read(text);
    assert_eq!(
        brief(&found),
        [
            "2 2932950",
            "3 invalid_id \"17\"",
            "4 invalid_id \"18\"",
            "5 invalid_id \"19\"",
            "6 invalid_id \"20\"",
            "7 2932952",
            "8 2932953"
        ]
    );
    assert!(reason(&found[1]).contains("put in front"));
    assert_eq!(rows("id,name,\n2932950,Ann,\n17,2932951,Bob\n"), ["2 2932950", "3 invalid_id \"17\""]);
}

#[test]
fn nothing_is_sent_from_another_table() {
    for below in [
        "name,id,phone\nBob,1001,5\n",
        "id,phone,name\n1001,5,Bob\n",
        "employee,name,email\n1001,Bob,5\n",
        "\nemployee,number,phone\n1001,7,5\n",
        ",,\nEmployees,,\n1001,7,5\n",
        " \nEmployees\n1001,7,5\n",
    ] {
        let text = format!("id,name,email\n5,Ann,x\n{below}id,name,email\n6,Cy,x\n");
        let (survey, found) = read(&text);
        let sent: Vec<_> = found.iter().filter(|row| matches!(row, Screened::ToCancel { .. })).collect();
        assert_eq!(sent.len(), 1, "{below}: {:?}", brief(&found));
        let begin = survey.other_table.unwrap();
        assert!(reason(found.last().unwrap()).contains(&format!("another table begins on line {begin}")), "{below}");
        let stream: Vec<Screened> = stream_with(&text, &options()).unwrap().map(Result::unwrap).collect();
        assert_eq!(brief(&stream), brief(&found));
    }
}

#[test]
fn the_header_once_more_and_a_blank_line_before_an_id_end_nothing() {
    let (survey, found) = read("id,name\n5,Ann\nID,Name\n6,Bob\n\n7,Cy\n\nid,name,\n8,Dee\nx,email\n9,name\n");
    assert_eq!(
        brief(&found),
        ["2 5", "3 invalid_id \"ID\"", "4 6", "6 7", "8 invalid_id \"id\"", "9 8", "10 invalid_id \"x\"", "11 9"]
    );
    assert_eq!(reason(&found[1]), "the header once more");
    assert_eq!(survey.other_table, None);
}

#[test]
fn totals_are_not_sent_whatever_column_is_given() {
    let text = "test,id\nJava,2932950\nJava Count,4\nTotal,8\nGrand total:,12\nSummer,2932951\nCount Dracula,2932952\n";
    let expected =
        ["2 2932950", "3 invalid_id \"4\"", "4 invalid_id \"8\"", "5 invalid_id \"12\"", "6 2932951", "7 2932952"];
    assert_eq!(rows(text), expected);
    assert_eq!(rows_with(text, &id_column("2")), expected);
}
