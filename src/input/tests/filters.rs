use super::*;

const TEXT: &str = "id,Test Status,Note\n5,Pending,\n6, PENDING ,x\n7,Completed,x\nx,Completed,\n5,pending,y\n8\n8,\n";

#[test]
fn a_filter_lets_through_what_is_equal_but_for_blanks_and_case() {
    assert_eq!(
        rows_with(TEXT, &filtered(&["test_status=pending"])),
        [
            "2 5",
            "3 6",
            "4 filtered \"7\"",
            "5 filtered \"x\"",
            "6 duplicate \"5\"",
            "7 invalid_id \"8\"",
            "8 invalid_id \"8\""
        ]
    );
}

#[test]
fn all_filters_must_hold() {
    let both = filtered(&["Test Status=Pending", "Note!=x"]);
    assert_eq!(rows_with(TEXT, &both)[..2], ["2 5", "3 filtered \"6\""]);
}

#[test]
fn no_filter_lets_a_row_through_that_ends_before_its_column() {
    for (filter, last) in [
        ("note=", ["7 filtered \"8\"", "8 filtered \"8\""]),
        ("note!=x", ["7 filtered \"8\"", "8 filtered \"8\""]),
        ("2!=completed", ["7 filtered \"8\"", "8 8"]),
        ("2=", ["7 filtered \"8\"", "8 8"]),
        ("2=x|", ["7 filtered \"8\"", "8 filtered \"8\""]),
    ] {
        let options = ReadingOptions { short_rows: ShortRows::Meant, ..filtered(&[filter]) };
        let (_, found) = read_with(TEXT, &options).unwrap();
        assert_eq!(brief(&found)[5..], last, "{filter}");
        assert!(reason(&found[5]).contains("the row ends before the column"), "{filter}");
        assert!(rows_with(TEXT, &filtered(&[filter]))[5..].iter().all(|row| row.contains("invalid_id")), "{filter}");
    }
}

#[test]
fn a_filtered_row_is_no_first_occurrence() {
    let text = "id,s\n5,no\n5,yes\n5,yes\n";
    let (survey, found) = read_with(text, &filtered(&["s=yes"])).unwrap();
    assert_eq!(brief(&found), ["2 filtered \"5\"", "3 5", "4 duplicate \"5\""]);
    assert_eq!(reason(&found[2]), "same invitation as line 3");
    assert_eq!(reason(&found[0]), "excluded by --where \"s=yes\": the cell is \"no\"");
    assert_eq!((survey.filtered, survey.eligible, survey.duplicates), (1, 1, 1));
}

#[test]
fn letters_beyond_ascii_are_compared_without_case() {
    assert_eq!(rows_with("id,city\n5,ÖREBRO\n6,Oslo\n", &filtered(&["city=örebro"])), ["2 5", "3 filtered \"6\""]);
}

#[test]
fn a_filter_decides_about_a_row_with_too_many_cells_only_where_no_move_of_its_cell_matters() {
    let text =
        "name,id,status\nDoe,5,x,Pending\nRoe,6,x,Completed\nPoe,7,Pending,pending\nLee,8,Completed,\nKim,9,Pending\n";
    let (_, found) = read_with(text, &filtered(&["status!=completed"])).unwrap();
    assert_eq!(brief(&found), ["2 5", "3 invalid_id \"6\"", "4 7", "5 invalid_id \"8\"", "6 9"]);
    assert!(reason(&found[1]).contains("more cells than the header"));
    assert_eq!(
        rows_with(text, &filtered(&["status=pending"])),
        ["2 invalid_id \"5\"", "3 filtered \"6\"", "4 7", "5 filtered \"8\"", "6 9"]
    );
}

#[test]
fn one_filter_that_certainly_fails_leaves_out_a_row_whose_cells_have_moved() {
    let text = "kind,id,status\nA,5,x,Pending\nB,6,x,Pending\nA,7,Pending\n";
    assert_eq!(
        rows_with(text, &filtered(&["status=pending", "kind=A"])),
        ["2 invalid_id \"5\"", "3 filtered \"6\"", "4 7"]
    );
}

#[test]
fn a_filter_on_a_column_before_the_id_has_moved_only_where_the_id_may_have() {
    let text = "status,id,note\nPending,5,x,y\nDone,6,x,y\nPending,7,8,y\nDone,7,8,y\nPending,9,x\n";
    assert_eq!(
        rows_with(text, &filtered(&["status=pending"])),
        ["2 5", "3 filtered \"6\"", "4 invalid_id \"7\"", "5 filtered \"7\"", "6 9"]
    );
}

#[test]
fn an_unknown_or_ambiguous_column_is_refused() {
    let message = refused_with(TEXT, &filtered(&["state=x"]));
    assert!(
        message.contains("there is no column \"state\"; the columns are \"id\", \"Test Status\", \"Note\""),
        "{message}"
    );
    let message = refused_with("id,a,a\n5,x,y\n", &filtered(&["a=x"]));
    assert!(message.contains("--where \"a\" means several columns: column 2 \"a\", column 3 \"a\""), "{message}");
    assert_eq!(rows_with("id,a,a\n5,x,y\n", &filtered(&["3=y"])), ["2 5"]);
}

#[test]
fn without_a_header_columns_have_numbers() {
    let options = |filter| ReadingOptions { id_column: Some("1".to_owned()), ..filtered(&[filter]) };
    for filter in ["column_2=a", "2=a"] {
        assert_eq!(rows_with("5,a\n6,b\n", &options(filter)), ["1 5", "2 filtered \"6\""]);
    }
    assert!(refused_with("5,a\n", &options("s=a")).contains("the columns are \"column_1\", \"column_2\""));
}
