//! The main job: a CSV in, cancellations out, a result for every row.

use imocha_cancel::sandbox::{InvitationState, SentKey};

use crate::support::{Ended, OWN_COLUMNS, Place, asked_for, column, sandbox};

#[test]
fn every_invitation_is_cancelled_and_every_row_has_its_result() {
    let server = sandbox();
    let place = Place::with_input("testInvitationId,name\n2932901,May\n2932902,\"Lee, Jo\"\n2932903,Ann\n");
    place.run(&server, &[]).expect_code(0);

    let results = place.results();
    assert_eq!(column(&results, "invitation_id"), ["2932901", "2932902", "2932903"]);
    assert_eq!(column(&results, "line"), ["2", "3", "4"]);
    assert_eq!(column(&results, "status"), ["cancelled"; 3]);
    assert_eq!(column(&results, "http_status"), ["200"; 3]);
    assert_eq!(column(&results, "error"), [""; 3]);
    assert_eq!(column(&results, "attempts"), ["1"; 3]);
    assert_eq!(column(&results, "name"), ["May", "Lee, Jo", "Ann"]);
    for id in [2_932_901, 2_932_902, 2_932_903] {
        assert_eq!(server.state_of(id), Some(InvitationState::Canceled));
    }
    assert_eq!(
        place.names(),
        ["input.csv", "input.results.csv", "input.results.csv.journal"],
        "nothing else is left behind"
    );
}

#[test]
fn the_call_is_exactly_the_documented_one() {
    let server = sandbox();
    Place::with_input("invitation_id\n2932950\n").run(&server, &[]).expect_code(0);

    let record = server.record();
    let [call] = record.arrivals.as_slice() else { panic!("{record:?}") };
    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/v3/invitations/2932950/cancel"));
    assert_eq!(call.key, SentKey::Right);
    assert_eq!(call.content_type.as_deref(), Some("application/json"));
    assert_eq!(call.body, b"{}");
    assert_eq!(call.user_agent.as_deref(), Some(concat!("imocha-cancel/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(call.accept_encoding, None, "an answer is not to be decompressed");
}

#[test]
fn what_the_api_says_of_each_invitation_stands_in_its_row() {
    let server = sandbox();
    let place = Place::with_input("id\n190\n191\n192\n193\n194\n195\n196\n197\n198\n");
    place.run(&server, &[]).expect_code(1);

    let results = place.results();
    let refused = "not_cancellable";
    assert_eq!(
        column(&results, "status"),
        [refused, refused, refused, refused, refused, refused, "forbidden", "not_found", "cancelled"]
    );
    assert_eq!(column(&results, "http_status"), ["400", "400", "400", "400", "400", "400", "403", "404", "200"]);
    assert!(column(&results, "error")[..8].iter().all(|error| error.starts_with("HTTP 4")));
    assert_eq!(server.state_of(190), Some(InvitationState::InProgress));
}

#[test]
fn a_duplicate_is_sent_once_and_what_is_no_id_never() {
    let server = sandbox();
    let place = Place::with_input("id,name\n81,a\n-5,b\n081,c\n,d\nx,e\n82,f\n");
    place.run(&server, &["--concurrency", "1"]).expect_code(1);

    let results = place.results();
    let invalid = "invalid_id";
    assert_eq!(column(&results, "status"), ["cancelled", invalid, "duplicate", invalid, invalid, "cancelled"]);
    assert_eq!(column(&results, "invitation_id"), ["81", "-5", "81", "", "x", "82"]);
    assert_eq!(column(&results, "error")[2], "same invitation as line 2");
    assert_eq!(column(&results, "attempts"), ["1", "0", "0", "0", "0", "1"]);
    assert_eq!(asked_for(&server), [81, 82]);
}

#[test]
fn a_run_of_cancelled_and_duplicate_rows_is_a_success() {
    let server = sandbox();
    Place::with_input("id\n1\n1\n").run(&server, &[]).expect_code(0);
    assert_eq!(asked_for(&server), [1]);
}

#[test]
fn a_header_alone_is_a_run_with_nothing_to_do() {
    let server = sandbox();
    let place = Place::with_input("id,name\n");
    let ended = place.run(&server, &["--json"]).expect_code(0);
    assert_eq!(ended.json()["rows"]["total"], 0);
    assert_eq!(place.read("input.results.csv"), format!("{OWN_COLUMNS},id,name\n"));
    assert_eq!(server.record().arrivals.len(), 0);
}

#[test]
fn an_empty_file_and_one_without_any_id_are_refused_and_leave_nothing_behind() {
    let server = sandbox();
    for (content, said) in [("", "is empty"), ("id\nnone\n", "has no row with an invitation ID: line 2")] {
        let place = Place::with_input(content);
        let ended = place.run(&server, &["--json"]).expect_code(2);
        assert_eq!(ended.json()["reason"], "input");
        ended.expect_said(&[said]);
        assert_eq!(place.names(), ["input.csv"]);
        let mut command = place.command(["run", "-", "-y", "-o", "out.csv", "--base-url", &server.base_url()]);
        command.env("IMOCHA_API_KEY", server.api_key()).write_stdin(content);
        // Of a stream nobody knows what will come, unless it has ended.
        Ended::of(&mut command).expect_code(if content.is_empty() { 2 } else { 1 });
    }
}

#[test]
fn nothing_to_do_needs_no_yes() {
    let server = sandbox();
    let place = Place::with_input("id,team\n1,b\n");
    let mut command = place.command(["run", "input.csv", "--where", "team=a", "--base-url", &server.base_url()]);
    Ended::of(command.env("IMOCHA_API_KEY", server.api_key())).expect_code(0);
    assert_eq!(column(&place.results(), "status"), ["filtered"]);
}

#[test]
fn the_sandbox_inside_the_process_needs_no_key_and_no_question() {
    let place = Place::with_input("id\n1\n2\n97\n");
    let ended = Ended::of(&mut place.command(["run", "input.csv", "--sandbox", "--rate", "unlimited"]));
    ended.expect_code(1).expect_said(&["cancelled", "not_found", "input.results.csv"]);
    assert_eq!(column(&place.results(), "status"), ["cancelled", "cancelled", "not_found"]);
}

#[test]
fn standard_input_is_read_to_its_end() {
    let server = sandbox();
    let place = Place::new();
    let mut command = place.command(["run", "-", "-o", "out.csv", "--yes", "--rate", "unlimited"]);
    command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    Ended::of(command.write_stdin("id\n7\n8\n7\n")).expect_code(0);

    let results = crate::support::parse_results(&place.read("out.csv"));
    assert_eq!(column(&results, "status"), ["cancelled", "cancelled", "duplicate"]);
    assert_eq!(asked_for(&server).len(), 2);
}

#[test]
fn many_rows_on_many_workers_are_each_called_once() {
    let server = sandbox();
    let ids: Vec<u64> = (1..=3000).map(|number| number * 100 + 1).collect();
    let place = Place::with_input(ids.iter().fold("id\n".to_owned(), |text, id| format!("{text}{id}\n")));
    let ended = place.run(&server, &["--concurrency", "32", "--json"]).expect_code(0);

    let mut asked = asked_for(&server);
    asked.sort_unstable();
    assert_eq!(asked, ids);
    assert_eq!(place.results().len(), ids.len());
    assert_eq!(ended.json()["rows"]["cancelled"], 3000);
    assert_eq!(ended.json()["calls"]["total"], 3000);
}
