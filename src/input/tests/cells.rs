use super::*;

#[test]
fn a_cell_as_spreadsheets_write_it_is_read_or_says_why_not() {
    let text = "testInvitationId,name\n 2932950 ,a\n\"\"\"2932951\"\"\",b\n'2932952,c\n0002932953,d\n2932954.0,e\n\
                2.93295E+06,f\n\"2,932,950\",g\n-5,h\n12.5,i\n,j\n99999999999999999999,k\n2932955,l\n2932956,m\n";
    let (survey, found) = read(text);
    assert_eq!(
        brief(&found),
        [
            "2 2932950",
            "3 2932951",
            "4 2932952",
            "5 2932953",
            "6 2932954",
            "7 invalid_id \"2.93295E+06\"",
            "8 invalid_id \"2,932,950\"",
            "9 invalid_id \"-5\"",
            "10 invalid_id \"12.5\"",
            "11 invalid_id \"\"",
            "12 invalid_id \"99999999999999999999\"",
            "13 2932955",
            "14 2932956"
        ]
    );
    assert!(reason(&found[5]).contains("Excel has turned the ID into this"));
    assert_eq!((survey.eligible, survey.invalid, survey.skipped.len()), (7, 6, 6));
    assert_eq!(
        survey.samples.iter().map(|(line, id)| (*line, id.get())).collect::<Vec<_>>(),
        [(2, 2_932_950), (3, 2_932_951), (4, 2_932_952)]
    );
    assert_eq!((survey.first.unwrap().get(), survey.last.unwrap().get()), (2_932_950, 2_932_956));
}

#[test]
fn a_row_that_ends_before_the_id_is_invalid() {
    let (_, found) = read("name,status,id\nAnn\nBob,x\nCy,y,5\nDee,z,6\nEd,z,7\n");
    assert_eq!(brief(&found)[..3], ["2 invalid_id \"\"", "3 invalid_id \"\"", "4 5"]);
    assert_eq!(reason(&found[0]), "the row ends before its column \"id\"");
}

#[test]
fn a_row_that_lacks_cells_behind_the_id_is_read_where_the_operator_says_so() {
    let text = "name,id,status,note\nAnn,5\nBob,6,x\nCy,7,x,y\n";
    assert_eq!(rows(text), ["2 invalid_id \"5\"", "3 invalid_id \"6\"", "4 7"]);
    assert_eq!(rows_with(text, &short_rows()), ["2 5", "3 6", "4 7"]);
}

#[test]
fn a_row_with_too_many_cells_is_read_and_keeps_them() {
    let (survey, found) = read("id,name\n5,Ann,x,y\n6,Bob\n");
    assert!(survey.reading.layout.extra_cells);
    assert_eq!(brief(&found), ["2 5", "3 6"]);
    assert_eq!(found[0].row().cells.iter().collect::<Vec<_>>(), [b"5".as_slice(), b"Ann", b"x", b"y"]);
    assert!(!read("id,name\n5,Ann\n6\n").0.reading.layout.extra_cells);
}

#[test]
fn a_row_with_too_many_cells_is_not_sent_where_the_id_may_have_moved() {
    let text = "address,id,score\nFlat 12, 34, 99,1\nHome,5,1,\nHome,6,1,x\nRoad 1, 2, 3, 4, 5\n\"a, b\",7,1\n8,9,10\n";
    let (_, found) = read(text);
    assert_eq!(
        brief(&found),
        ["2 invalid_id \" 34\"", "3 invalid_id \"5\"", "4 invalid_id \"6\"", "5 invalid_id \" 2\"", "6 7", "7 9"]
    );
    assert!(reason(&found[1]).contains("more cells than the header"));
    assert_eq!(rows("address,id,note\n12, 34,5,\nHome,6,x\n"), ["2 invalid_id \" 34\"", "3 6"]);
    assert_eq!(rows("address,id,note\nHome,5,x,\nHome,6,\n"), ["2 5", "3 6"]);
}

#[test]
fn a_number_with_thousands_separators_but_without_quotes_is_not_sent_in_part() {
    let text = "testInvitationId\n2,932,950\n29,32,950\n2932950\n2932951\n";
    assert_eq!(rows(text), ["2 invalid_id \"2\"", "3 invalid_id \"29\"", "4 2932950", "5 2932951"]);
    let given = ReadingOptions { id_column: Some("1".to_owned()), ..no_header() };
    assert_eq!(rows_with("2,932,950\n2,932,951\n5,,\n", &given), ["1 invalid_id \"2\"", "2 invalid_id \"2\"", "3 5"]);
    assert_eq!(rows("id,name\n2,932,950\n3,Ann\n4,Bob\n")[0], "2 invalid_id \"2\"");
    assert_eq!(rows("id,score\n2,932\n3,100\n"), ["2 2", "3 3"]);
}

#[test]
fn what_spreadsheets_write_around_a_number_does_not_hide_its_thousands_separators() {
    let texts = [
        "'2,932,951",
        "\u{a0}2,932,952",
        "2,932\u{a0}",
        "2,932.0",
        "932,950.00",
        "2, 932,953",
        "\u{200b}002,\u{200b}932,954",
        "\"2\",'932'",
        "29,32,955.00",
    ];
    for text in texts {
        for (header, filler) in [("testInvitationId", ""), ("id,name", ",x,y")] {
            let end = if filler.is_empty() { "" } else { "," };
            let all = format!("{header}\n{text}{filler}\n2932956,\n2932957,\n2932958{end}\n");
            let (_, found) = read(&all);
            assert!(reason(&found[0]).contains("thousands separators"), "{all}");
            assert_eq!(brief(&found)[1..], ["3 2932956", "4 2932957", "5 2932958"]);
        }
        let given = ReadingOptions { id_column: Some("1".to_owned()), delimiter: Some(b','), ..no_header() };
        assert!(rows_with(format!("{text}\n2932956,,,\n"), &given)[0].starts_with("1 invalid_id"), "{text}");
    }
    assert_eq!(rows("id,name\n2932950,932 Main St,x\n5,9 Main St,x\n6,Ann\n"), ["2 2932950", "3 5", "4 6"]);
}

#[test]
fn two_ids_on_one_line_of_a_single_column_are_not_sent_one_without_the_other() {
    let text = "testInvitationId\n2932950,2932951\n2932952,\n2932953,done\n2932954,,2932955\n2932956\n";
    let (_, found) = read(text);
    assert_eq!(
        brief(&found),
        ["2 invalid_id \"2932950\"", "3 2932952", "4 2932953", "5 invalid_id \"2932954\"", "6 2932956"]
    );
    assert!(reason(&found[0]).contains("give each ID its own row"));
    assert_eq!(rows("2932949\n2932950,2932951\n"), ["1 2932949", "2 invalid_id \"2932950\""]);
}

#[test]
fn a_duplicate_is_found_by_number_and_names_the_first_line() {
    let (survey, found) = read("id,n\n81,a\n082,b\n'081,c\n82.0,d\n081,e\n83,f\n");
    assert_eq!(
        brief(&found),
        ["2 81", "3 82", "4 duplicate \"81\"", "5 duplicate \"82\"", "6 duplicate \"81\"", "7 83"]
    );
    assert_eq!(reason(&found[2]), "same invitation as line 2");
    assert_eq!(reason(&found[4]), "same invitation as line 2");
    assert_eq!((survey.rows, survey.eligible, survey.duplicates), (6, 3, 3));
    let group = &survey.skipped[0];
    assert_eq!(
        (group.status, group.rows, group.reason.as_str()),
        (Status::Duplicate, 3, "same invitation as an earlier line")
    );
}

#[test]
fn examples_of_duplicates_are_looked_for_when_somebody_asks() {
    let given = given("id,n\n81,a\n082,b\n'081,c\n82.0,d\n081,e\n83,f\n81,g\nx,h\n");
    let (file, mut survey) = survey_file(&given.path, &options()).unwrap();
    let before: Vec<_> = survey.skipped.iter().map(|group| (group.status, group.examples.len())).collect();
    assert_eq!(before, [(Status::InvalidId, 1), (Status::Duplicate, 0)]);
    survey.find_duplicates(&file).unwrap();
    let examples = &survey.skipped[1].examples;
    assert_eq!(examples.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(examples[1].1.reason, "same invitation as line 3");
    assert_eq!(RowReader::from_file(file, survey.reading).unwrap().count(), 8);
}

#[test]
fn a_zero_byte_in_a_cell_is_a_byte_like_others() {
    let (_, found) = read(b"id,name\n5,A\0n\n6\0,b\n7,c\n");
    assert_eq!(brief(&found), ["2 5", "3 invalid_id \"6\\0\"", "4 7"]);
    assert_eq!(cell(&found[0], 1), "A\0n");
}

#[test]
fn an_id_cell_of_several_lines_holds_several_ids_or_one() {
    assert_eq!(rows("id\n\"5\n6\"\n\"7\n\"\n8\n"), ["2 invalid_id \"5\\n6\"", "4 7", "6 8"]);
}
