use super::*;

fn id_of(text: &str) -> IdColumn {
    read(text).0.reading.id_column.unwrap()
}

#[test]
fn the_usual_names_are_found_in_any_spelling() {
    for name in [
        "testInvitationId",
        "TESTINVITATIONID",
        "test_invitation_id",
        "Test Invitation ID",
        " test-invitation-id ",
        "invitationId",
        "Invitation Id",
        "INVITATION_ID",
        "id",
        "ID",
        "Id",
    ] {
        let text = format!("name,\"{name}\",score\nAnn,5,1\n");
        assert_eq!(rows(&text), ["2 5"], "{name}");
        assert_eq!((id_of(&text).number, id_of(&text).choice), (2, Choice::Name));
    }
}

#[test]
fn id_alone_counts_only_where_there_is_no_longer_name() {
    assert_eq!(rows("id,testInvitationId\n77,5\n"), ["2 5"]);
}

#[test]
fn id_alone_does_not_count_where_another_name_speaks_of_invitations() {
    for (header, found) in [
        ("id,imocha_invitation_id,name", "column 1 \"id\", column 2 \"imocha_invitation_id\""),
        ("ID,Invite ID,name", "column 1 \"ID\", column 2 \"Invite ID\""),
        ("id,testInvitationId (iMocha),name", "column 1 \"id\", column 2 \"testInvitationId (iMocha)\""),
        ("Invited at,name,Id", "column 1 \"Invited at\", column 3 \"Id\""),
    ] {
        let message = refused(format!("{header}\n77,5,6\n"));
        let expected =
            format!("more than one column looks like the invitation ID: {found} | say which with --id-column");
        assert!(message.contains(&expected), "{message}");
    }
    assert_eq!(rows_with("ID,Invite ID\n77,5\n", &id_column("invite id")), ["2 5"]);
}

#[test]
fn a_name_that_only_resembles_a_usual_one_is_not_guessed_at() {
    let message = refused("name,Invite ID\nAnn,5\n");
    assert!(
        message.contains("no column is named like an invitation ID; the columns are \"name\", \"Invite ID\""),
        "{message}"
    );
}

#[test]
fn two_candidates_are_refused_and_named() {
    let message = refused("testInvitationId,name,Invitation ID\n5,Ann,6\n");
    assert!(message.contains("column 1 \"testInvitationId\", column 3 \"Invitation ID\""), "{message}");
    assert!(
        refused("invitationId,invitationId\n5,6\n").contains("column 1 \"invitationId\", column 2 \"invitationId\"")
    );
    assert!(refused("id,ID\n5,6\n").contains("more than one"));
    assert!(refused("testInvitationId,invitationId\n5,5\n").contains("more than one"));
    assert_eq!(rows_with("testInvitationId,invitationId\n5,6\n", &id_column("invitationId")), ["2 6"]);
}

#[test]
fn no_candidate_is_refused_and_the_headers_are_listed() {
    let message = refused("name,email,candidate id\nAnn,a@b.c,5\n");
    assert!(message.contains("line 1: no column is named like an invitation ID"), "{message}");
    assert!(
        message.contains("\"name\", \"email\", \"candidate id\" | say which one it is with --id-column"),
        "{message}"
    );
}

#[test]
fn a_column_can_be_given_by_name_in_any_spelling_or_by_number() {
    let text = "name,Candidate Id,id\nAnn,5,77\n";
    for given in ["Candidate Id", "candidate_id", "CANDIDATEID", "2"] {
        assert_eq!(rows_with(text, &id_column(given)), ["2 5"], "{given}");
    }
    assert_eq!(rows_with("a,A\n5,6\n", &id_column("A")), ["2 6"]);
    assert_eq!(read_with(text, &id_column("2")).unwrap().0.reading.id_column.unwrap().choice, Choice::Given);
}

#[test]
fn a_given_column_that_is_not_there_or_is_there_twice_is_refused() {
    let message = refused_with("name,id\nAnn,5\n", &id_column("invite"));
    assert!(message.contains("line 1: there is no column \"invite\"; the columns are \"name\", \"id\""), "{message}");
    assert!(refused_with("name,id\nAnn,5\n", &id_column("3")).contains("there is no column 3: the row has 2"));
    assert!(refused_with("name,id\nAnn,5\n", &id_column("0")).contains("there is no column 0"));
    let message = refused_with("x,x\n5,6\n", &id_column("x"));
    assert!(message.contains("means several columns: column 1 \"x\", column 2 \"x\""), "{message}");
    assert!(refused_with("a,1\n5,6\n", &id_column("1")).contains("number of one column and the name of another"));
}

#[test]
fn a_headerless_file_of_one_column_is_read() {
    assert_eq!(rows("5\n6\n"), ["1 5", "2 6"]);
    assert_eq!(rows("\n'0005\n6.0"), ["2 5", "3 6"]);
    assert_eq!(read("5\n6\n").0.reading.layout.columns, ["column_1"]);
}

#[test]
fn a_first_row_with_a_damaged_id_is_data_and_not_a_header() {
    assert_eq!(rows("2.93295E+06\n6\n7\n"), ["1 invalid_id \"2.93295E+06\"", "2 6", "3 7"]);
    assert!(refused("2,932,950\n6\n7\n8").contains("looks like data"));
    assert_eq!(rows("\"\"\n6\n"), ["1 invalid_id \"\"", "2 6"]);
    assert_eq!(rows("٢٩٣\n6\n"), ["1 invalid_id \"٢٩٣\"", "2 6"]);
    assert_eq!(rows_with("Ann,x9\nBob,6\n", &id_column("2")), ["1 invalid_id \"x9\"", "2 6"]);
    assert_eq!(rows_with("Ann,\nBob,6\n", &id_column("2")), ["1 invalid_id \"\"", "2 6"]);
    assert_eq!(rows_with("pending,id\n6,7\n", &no_header_column("1")), ["1 invalid_id \"pending\"", "2 6"]);
}

fn no_header_column(number: &str) -> ReadingOptions {
    ReadingOptions { id_column: Some(number.to_owned()), ..no_header() }
}

#[test]
fn a_single_column_is_a_list_of_ids_if_its_header_names_invitations() {
    for header in
        ["id", "IDs", "Invitations to cancel", "\u{feff}Invite ID ", "\"imocha_invitation_ids\"", "sep=;\nInvites"]
    {
        assert_eq!(rows(format!("{header}\n5\n6\n")).len(), 2, "{header}");
    }
    assert_eq!(id_of("Invite IDs\n5\n").choice, Choice::Only);
    for header in
        ["phone", "Test ID", "Employee No", "Phone 1", "2024 phones", "Invitee phone", "Invited at", "x9", "编号"]
    {
        let text = format!("{header}\n5\n6\n");
        let message = refused(&text);
        assert!(message.contains("line 1: the only column is called \""), "{message}");
        assert!(message.contains("insist with --id-column 1"), "{message}");
        assert!(stream_with(&text, &options()).unwrap_err().message.contains("which names no invitations"));
        assert!(
            refused(text.encode_utf16().fold(b"\xff\xfe".to_vec(), |mut bytes, unit| {
                bytes.extend(unit.to_le_bytes());
                bytes
            }))
            .contains("the only column is called")
        );
        let insisted = rows_with(&text, &id_column("1"));
        assert!(insisted.ends_with(&["2 5".to_owned(), "3 6".to_owned()]), "{insisted:?}");
        assert_eq!(rows_with(&text, &no_header())[1..], ["2 5", "3 6"]);
        assert_eq!(rows_with(&text, &id_column(header)), ["2 5", "3 6"]);
    }
    assert_eq!(rows_with("Employee No\n5\n", &id_column("1")), ["2 5"]);
}

#[test]
fn a_title_above_wider_rows_is_refused_whatever_it_says() {
    for title in [
        "Export of round 7",
        "invitation_id list",
        "ids",
        "invitation_id",
        "Export;;;",
        "ID;;",
        "sep=;\nID",
        "Round 7\nof invitations",
    ] {
        for options in [options(), id_column("1"), no_header()] {
            let text = format!("{title}\nNo;Name;Email\n1;Ann;a@b.c\n2;Bob;b@b.c\n3;Cy;c@b.c\n");
            let message = refused_with(&text, &options);
            assert!(stream_with(&text, &options).is_err(), "{title}");
            if options.header == HeaderOption::Find {
                let line = text.lines().take_while(|line| !line.starts_with("No;")).count() + 1;
                assert!(message.contains("is a title and no header"), "{title}: {message}");
                assert!(
                    message.contains(&format!("seems to be on line {line}: say --header-line {line},")),
                    "{title}: {message}"
                );
            }
        }
    }
    assert!(refused("invitation_id\n1,Ann\n2,Bob\n").contains("is a title"));
    assert!(refused("5\n1,Ann\n2,Bob\n").contains("the first row has one cell and the rows below have several"));
    assert_eq!(rows("id,,\n5,Ann,x\n6,Bob,y\n"), ["2 5", "3 6"]);
    assert_eq!(rows("id\n5\n6,done\n7\n"), ["2 5", "3 6", "4 7"]);
}

#[test]
fn a_table_below_a_list_is_not_taken_for_more_of_the_list() {
    let list = "5\n".repeat(20_000);
    let text = format!("id\n{list}No,Name\n1,Ann\n");
    let message = refused(&text);
    assert!(message.contains("line 20003: a table with several columns begins on line 20002"), "{message}");
    let mut reader = stream_with(&text, &options()).unwrap();
    assert_eq!(reader.by_ref().map_while(Result::ok).count(), 20_001);
    let message = refused(format!("id\n{}{}", "5\n".repeat(200), "6,Ann\n".repeat(201)));
    assert!(message.contains("line 402: this row has several cells, as most have"), "{message}");
}

#[test]
fn a_first_row_of_letters_is_not_lost_where_the_column_is_a_number() {
    for (text, options) in [
        ("Ann,abc\nBob,6\n", id_column("2")),
        ("Ann,no id,Pending\nBob,6,Pending\n", id_column("2")),
        ("abc\n6\n", id_column("1")),
        ("Ann,number,wrong number\nBob,number,x\nCy,6,x\n", id_column("2")),
        ("ID,abc,7\nIN,6,8\n", id_column("2")),
    ] {
        let found = rows_with(text, &options);
        assert!(found[0].starts_with("1 invalid_id"), "{found:?}");
        assert!(found.last().unwrap().ends_with(" 6"), "{found:?}");
    }
    for (text, options) in [
        ("name,Nummer\nAnn,6\n", id_column("2")),
        ("Kandidat;Telefon 1;Einladung\nAnn;5;6\n", id_column("3")),
        ("a,Kennung\nx,6\n", ReadingOptions { id_column: Some("2".to_owned()), ..filtered(&["a=x"]) }),
    ] {
        assert_eq!(rows_with(text, &options), ["2 6"]);
    }
}

#[test]
fn a_file_without_any_id_is_refused() {
    for (text, options, example) in [
        ("id\nabc\n", options(), "line 2 has \"abc\", text, not a number"),
        ("name,phone\nAnn,x\nBob,\n", id_column("2"), "line 2 has \"x\""),
        ("2,932,950\n2,932,951\n", no_header_column("1"), "line 1 has \"2\""),
    ] {
        let message = refused_with(text, &options);
        assert!(message.contains("has no row with an invitation ID") && message.contains(example), "{message}");
        assert!(stream_with(text, &options).is_ok());
    }
    let text = "id,s\nabc,x\n5,y\n";
    assert_eq!(rows_with(text, &filtered(&["s=x"])), ["2 invalid_id \"abc\"", "3 filtered \"5\""]);
}

#[test]
fn two_thousand_columns_of_one_name_make_a_short_sentence() {
    let text = format!("{}\n{}\n", vec!["id"; 2000].join(","), vec!["5"; 2000].join(","));
    for message in [refused(&text), refused_with(&text, &id_column("id"))] {
        assert!(message.contains("and 1970 more") && message.len() < 1200, "{message}");
    }
}

#[test]
fn a_column_given_by_number_may_have_a_header() {
    assert_eq!(rows_with("name,no\nAnn,5\n", &id_column("2")), ["2 5"]);
    assert_eq!(rows_with("Ann,5\nBob,6\n", &id_column("2")), ["1 5", "2 6"]);
    assert_eq!(rows_with("5,ID,Ann\n6,IN,Bob\n", &id_column("1")), ["1 5", "2 6"]);
    assert_eq!(rows_with("testInvitationId,other1\n5,6\n", &id_column("2")), ["2 6"]);
}

#[test]
fn a_headerless_file_of_several_columns_needs_a_number() {
    let message = refused("Ann,5\nBob,6\n");
    assert!(message.contains("looks like data") && message.contains("--no-header --id-column"), "{message}");
    assert!(refused("5,ID,Ann\n").contains("looks like data"));
    let message = refused_with("Ann,5\nBob,6\n", &no_header());
    assert!(message.contains("without a header, nothing says which column"), "{message}");
    assert_eq!(rows_with("Ann,5\nBob,6\n", &no_header_column("2")), ["1 5", "2 6"]);
    assert_eq!(rows_with("5\n6\n", &no_header()), ["1 5", "2 6"]);
    assert!(refused_with("Ann,5\n", &no_header_column("name")).contains("--no-header says there are no names"));
}

#[test]
fn a_found_column_of_which_most_cells_are_no_ids_is_refused() {
    let message = refused("id,name\na81b,x\nb92c,y\n5,z\n");
    assert!(
        message.contains("column 1 \"id\" does not hold invitation IDs: 2 of its first 3 cells are none"),
        "{message}"
    );
    assert!(message.contains("such as \"a81b\" on line 2 and \"b92c\" on line 3"), "{message}");
    assert!(message.ends_with("insist on this column with --id-column 1"), "{message}");
    assert_eq!(rows_with("id\na\nb\n5\n", &id_column("id")).len(), 3);
    assert_eq!(rows("id\na\n5\n").len(), 2);
    let late = format!("id\n{}{}", "5\n".repeat(60), "x\n".repeat(100));
    assert_eq!(rows(late).len(), 160);
    let message = refused("id:name\n5:Ann\n6:Bob\n");
    assert!(message.contains("called \"id:name\"") && message.contains("--delimiter"), "{message}");
    let message = refused("ids of invitations\n5:Ann\n6:Bob\n");
    assert!(message.contains("such as \"5:Ann\" on line 2") && message.contains("--delimiter"), "{message}");
    assert!(refused("# A page\nof text\nthat is no list\n").contains("names no invitations"));
}

#[test]
fn rows_that_are_filtered_out_cast_no_suspicion_on_the_column() {
    let text = "id,status\n,Done\n,Done\n,Done\n5,Pending\n";
    assert_eq!(rows_with(text, &filtered(&["status=pending"])).last().unwrap(), "5 5");
}

#[test]
fn a_results_file_is_input() {
    let header = RESULTS_HEADER;
    let text =
        format!("{header},testInvitationId,id\n2,5,cancelled,200,,1,9,t,5,1\n3,6,server_error,503,x,5,9,t,006,2\n");
    assert_eq!(rows(&text), ["2 5", "3 6"]);
    assert_eq!(id_of(&text).choice, Choice::Results);
    let again = rows_with(&text, &filtered(&["status=server_error"]));
    assert_eq!(again, ["2 filtered \"5\"", "3 6"]);
    assert_eq!(rows(text.replace(',', ";")), ["2 5", "3 6"]);
}

const RESULTS_HEADER: &str = "line,invitation_id,status,http_status,error,attempts,duration_ms,finished_at";

#[test]
fn the_names_of_the_columns_are_kept_as_they_are() {
    let (survey, _) = read("id, Name ,,name\n5,a,b,c\n");
    assert_eq!(survey.reading.layout.columns, ["id", " Name ", "", "name"]);
}
