//! The flags: how the input is read, and their twins in the environment.

use crate::support::{Ended, Place, asked_for, column, sandbox};

#[test]
fn the_id_column_can_be_named_or_counted() {
    for flag in ["Invite No", "invite_no", "2"] {
        let server = sandbox();
        let place = Place::with_input("name,Invite No,id\na,5,x\n");
        place.run(&server, &["--id-column", flag]).expect_code(0);
        assert_eq!(asked_for(&server), [5], "{flag}");
    }
}

#[test]
fn a_file_without_a_header_is_read_from_its_first_line() {
    for arguments in [vec![], vec!["--no-header"]] {
        let server = sandbox();
        let place = Place::with_input("5\n6\n");
        place.run(&server, &arguments).expect_code(0);
        assert_eq!(column(&place.results(), "line"), ["1", "2"]);
        assert_eq!(column(&place.results(), "column_1"), ["5", "6"]);
    }
}

#[test]
fn the_delimiter_can_be_given() {
    let server = sandbox();
    let place = Place::with_input("id^name\n5^a,b\n");
    place.run(&server, &["--delimiter", "^"]).expect_code(0);
    assert!(place.read("input.results.csv").ends_with("^5^a,b\n"));
}

#[test]
fn only_rows_that_match_every_filter_are_sent() {
    let server = sandbox();
    let place =
        Place::with_input("id,Test Status,team\n1,Pending,a\n2,Complete,a\n3, pending ,b\n4,Pending,c\n2,Pending,a\n");
    place.run(&server, &["--where", "Test Status=Pending", "--where", "team!=B"]).expect_code(0);
    assert_eq!(column(&place.results(), "status"), ["cancelled", "filtered", "filtered", "cancelled", "cancelled"]);
    let mut asked = asked_for(&server);
    asked.sort_unstable();
    assert_eq!(asked, [1, 2, 4], "a filtered row is no earlier line for a duplicate");
}

#[test]
fn every_lasting_flag_has_a_twin_in_the_environment() {
    let server = sandbox();
    let place = Place::with_input("key;No\na;5\nb;6\nb;7\n");
    place.write("key.txt", server.api_key());
    let base_url = server.base_url();
    let ended = Ended::of(place.command(["run", "input.csv", "-y"]).envs([
        ("IMOCHA_CANCEL_OUTPUT", "out.csv"),
        ("IMOCHA_CANCEL_ID_COLUMN", "no"),
        ("IMOCHA_CANCEL_DELIMITER", ";"),
        ("IMOCHA_CANCEL_ENCODING", "utf-8"),
        ("IMOCHA_CANCEL_WHERE", "key=b"),
        ("IMOCHA_CANCEL_LIMIT", "1"),
        ("IMOCHA_CANCEL_MAX_CANCELS", "5"),
        ("IMOCHA_CANCEL_MAX_INPUT_AGE", "1d"),
        ("IMOCHA_CANCEL_RATE", "unlimited"),
        ("IMOCHA_CANCEL_CONCURRENCY", "2"),
        ("IMOCHA_CANCEL_TIMEOUT", "20s"),
        ("IMOCHA_CANCEL_BASE_URL", base_url.as_str()),
        ("IMOCHA_CANCEL_API_KEY_FILE", "key.txt"),
        ("IMOCHA_CANCEL_JSON", "true"),
        ("IMOCHA_CANCEL_LOG_FORMAT", "json"),
        ("IMOCHA_CANCEL_NO_PROGRESS", "1"),
        ("IMOCHA_CANCEL_QUIET", "1"),
        ("IMOCHA_CANCEL_VERBOSE", "0"),
        ("IMOCHA_CANCEL_NO_HEADER", "no"),
    ]))
    .expect_code(1);
    let rows = &ended.json()["rows"];
    assert_eq!((&rows["cancelled"], &rows["filtered"], &rows["not_attempted"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(asked_for(&server), [6]);
    assert!(place.has("out.csv"));
}

#[test]
fn the_one_off_switches_have_no_twin() {
    let server = sandbox();
    let place = Place::with_input("id\n5\n");
    let mut command = place.command(["run", "input.csv", "--base-url", &server.base_url()]);
    command.env("IMOCHA_API_KEY", server.api_key());
    Ended::of(command.env("IMOCHA_CANCEL_YES", "true").env("IMOCHA_CANCEL_SANDBOX", "true")).expect_code(2);
    assert!(server.record().arrivals.is_empty());
}

#[test]
fn extra_root_certificates_must_be_some() {
    let server = sandbox();
    let place = Place::with_input("id\n5\n");
    place.write("ca.pem", "nothing");
    for (file, said) in [("ca.pem", "PEM"), ("missing.pem", "missing.pem")] {
        place.run(&server, &["--ca-file", file]).expect_code(2).expect_said(&[said]);
    }
}

#[test]
fn a_sandbox_that_cannot_be_served_names_the_flag_that_mends_it() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = Place::new();
    place.write("record.jsonl", "somebody's\n");
    for (arguments, remedy) in
        [(["--port", &port], "--port"), (["--port=0", "--record=record.jsonl"], "--record that is not there yet")]
    {
        let ended = Ended::of(place.command(["sandbox"]).args(arguments)).expect_code(2);
        let hint = ended.stderr.lines().find(|line| line.contains("hint: ")).unwrap_or_default().to_owned();
        assert!(hint.contains(remedy), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("127.0.0.1"), remedy == "--port", "{}", ended.stderr);
    }
    assert_eq!(place.read("record.jsonl"), "somebody's\n");
}
