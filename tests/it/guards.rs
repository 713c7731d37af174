//! The careful first steps: a dry run and a limit.

use crate::support::{Ended, Place, asked_for, column, sandbox};

#[test]
fn a_dry_run_makes_one_read_call_and_says_what_would_be_done() {
    let server = sandbox();
    let place = Place::with_input("id,name\n11,a\nx,b\n12,c\n011,d\n13,e\n");
    let ended = place.run(&server, &["--dry-run", "--json", "--rate", "1/s"]).expect_code(0);

    let record = server.record();
    let paths: Vec<&str> = record.arrivals.iter().map(|arrival| arrival.path.as_str()).collect();
    assert_eq!(paths, ["/v3/tests?pageNo=1&pageSize=1"]);
    assert_eq!(record.arrivals[0].method, "GET");
    assert_eq!(place.names(), ["input.csv"], "a dry run writes no results");
    let json = ended.json();
    assert_eq!((&json["outcome"], &json["dry_run"]), (&"dry_run".into(), &true.into()));
    assert_eq!(json["would_cancel"], 3);
    assert_eq!(json["rows"]["total"], 0, "there are no results");
    assert_eq!(json["calls"]["total"], 0);
    ended.expect_said(&[
        "nothing was cancelled",
        "3 invitations would be cancelled at 127.0.0.1:",
        "2 seconds",
        "UTF-8",
        "\"id\"",
        "accepted",
        "line 3",
        "same invitation as line 2",
    ]);
}

#[test]
fn a_dry_run_with_a_rejected_key_says_that_a_run_could_not_start() {
    let server = sandbox();
    let place = Place::with_input("id\n11\n");
    let ended = place.run_at(&server.base_url(), "s3cret-wrong", &["-n", "--json"]).expect_code(2);
    assert_eq!(ended.json()["reason"], "unauthorized");
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    ended.expect_said(&["rejected the API key"]);
    assert!(asked_for(&server).is_empty());
}

#[test]
fn a_dry_run_without_a_connection_says_so() {
    let place = Place::with_input("id\n11\n");
    let ended = place.run_at("http://127.0.0.1:1", "key", &["-n", "--json"]).expect_code(2);
    assert_eq!(ended.json()["reason"], "outage");
    ended.expect_said(&["could not connect", "--base-url"]);
}

#[test]
fn a_dry_run_refuses_what_the_run_would_refuse() {
    let server = sandbox();
    let place = Place::with_input("id\n11\n12\n");
    place.write("input.results.csv", "old");
    assert_eq!(place.run(&server, &["-n", "--json"]).expect_code(2).json()["reason"], "results_exist");
    let too_many = place.run(&server, &["-n", "--json", "--overwrite", "--max-cancels", "1"]);
    assert_eq!(too_many.expect_code(2).json()["reason"], "too_many");
    assert_eq!(place.read("input.results.csv"), "old");
}

#[test]
fn a_dry_run_reads_standard_input_too() {
    let server = sandbox();
    let place = Place::new();
    let mut command =
        place.command(["run", "-", "-o", "x.csv", "--dry-run", "--json", "--base-url", &server.base_url()]);
    let ended = Ended::of(command.env("IMOCHA_API_KEY", server.api_key()).write_stdin("id\n1\n2\n")).expect_code(0);
    assert_eq!(ended.json()["would_cancel"], 2);
}

#[test]
fn a_limit_sends_the_first_rows_and_leaves_the_others() {
    let server = sandbox();
    let place = Place::with_input("id\n11\nx\n12\n11\n13\n14\n");
    let ended = place.run(&server, &["--limit", "2", "--json"]).expect_code(1);

    let results = place.results();
    assert_eq!(
        column(&results, "status"),
        ["cancelled", "invalid_id", "cancelled", "duplicate", "not_attempted", "not_attempted"]
    );
    assert_eq!(column(&results, "error")[4], "beyond --limit");
    assert_eq!(ended.json()["outcome"], "finished");
    let mut asked = asked_for(&server);
    asked.sort_unstable();
    assert_eq!(asked, [11, 12]);
}
