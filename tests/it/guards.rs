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
fn a_dry_run_shows_the_file_and_then_what_a_run_would_be_refused_for() {
    let server = sandbox();
    let place = Place::with_input("id\n11\n12\n");
    place.write("input.results.csv", "old");
    for (arguments, reason) in [
        (&["-n", "--json"][..], "results_exist"),
        (&["-n", "--json", "--overwrite", "--max-cancels", "1"], "too_many"),
        (&["-n", "--json", "--max-cancels", "1"], "results_exist"),
    ] {
        let json = place.run(&server, arguments).expect_code(2).json();
        assert_eq!((&json["outcome"], &json["reason"]), (&"dry_run".into(), &reason.into()), "{json}");
        assert_eq!((&json["would_cancel"], &json["exit_code"]), (&2.into(), &2.into()), "{json}");
        assert!(json["message"].is_string() && json["run_command"].is_null(), "{json}");
    }
    let ended = place.run(&server, &["-n", "--max-cancels", "1"]).expect_code(2);
    for text in [
        "would send  11 (line 2), 12 (line 3)\n",
        "key         accepted\n",
        "2 invitations would be cancelled at 127.0.0.1:",
        "but a run could not start:\nerror: the results file \"input.results.csv\" is there already\n  hint: ",
        "error: 2 invitations would be cancelled, more than --max-cancels 1 allows\n",
    ] {
        assert!(ended.stdout.contains(text), "no {text:?} in {}", ended.stdout);
    }
    ended
        .expect_said(&["error: the results file \"input.results.csv\" is there already\n", "--max-cancels 1 allows\n"]);
    assert_eq!(place.read("input.results.csv"), "old");
    assert_eq!(place.names(), ["input.csv", "input.results.csv"], "nothing is left behind");
}

#[test]
fn a_dry_run_is_for_standard_output_also_when_nothing_else_is_said() {
    let server = sandbox();
    let place = Place::with_input("id\n11\n12\n");
    let ended = place.run(&server, &["-n", "-q"]).expect_code(0);
    assert_eq!(ended.stderr, "");
    for text in
        ["dry run: nothing was cancelled\n", "would be cancelled at 127.0.0.1:", ", simulated\n", "to run just this: "]
    {
        assert!(ended.stdout.contains(text), "no {text:?} in {}", ended.stdout);
    }
}

#[test]
fn a_dry_run_needs_no_key_to_look_at_a_file() {
    let place = Place::with_input("id\n11\nx\n");
    let ended = Ended::of(&mut place.command(["run", "input.csv", "-n"])).expect_code(2);
    for text in [
        "would send  11 (line 2)\n",
        "key         not checked, and neither was the connection\n",
        "1 invitation would be cancelled at apiv3.imocha.io\n",
        "but a run could not start:\nerror: there is no API key\n",
    ] {
        assert!(ended.stdout.contains(text), "no {text:?} in {}", ended.stdout);
    }
    let json = Ended::of(&mut place.command(["run", "input.csv", "-n", "--json"])).expect_code(2).json();
    assert_eq!((&json["outcome"], &json["reason"]), (&"dry_run".into(), &"no_key".into()));
}

#[test]
fn a_dry_run_lists_what_this_very_run_would_send() {
    let server = sandbox();
    let place = Place::with_input("id\n11\n12\n13\n12\n14\n15\n16\n");
    let shown = |arguments: &[&str]| {
        let ended = place.run(&server, &[arguments, &["-n"]].concat()).expect_code(0);
        let line = |name: &str| ended.stdout.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
        (line("would send").map(str::to_owned), line("would leave").map(str::to_owned))
    };
    let told = |sent: &str, left: Option<&str>| (Some(sent.to_owned()), left.map(str::to_owned));
    assert_eq!(shown(&[]), told("11 (line 2), 12 (line 3), 13 (line 4), … and last 16", None));
    assert_eq!(shown(&["--limit", "2"]), told("11 (line 2), 12 (line 3)", Some("4 beyond --limit 2")));
    place.run(&server, &["--limit", "2"]).expect_code(1);
    assert_eq!(shown(&["--resume"]), told("13 (line 4), 14 (line 6), 15 (line 7), … and last 16", None));
    assert_eq!(shown(&["--resume", "--limit", "1"]), told("13 (line 4)", Some("3 beyond --limit 1")));
}

#[test]
fn what_cannot_be_gone_on_with_leaves_the_number_open() {
    let server = sandbox();
    let place = Place::with_input("id\n11\n12\n");
    place.run(&server, &["--limit", "1"]).expect_code(1);
    std::fs::remove_file(place.path("input.results.csv.journal")).unwrap();
    let ended = place.run(&server, &["-n", "--resume"]).expect_code(2);
    assert!(ended.stdout.contains("nobody can say how many invitations are left"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("would send"), "{}", ended.stdout);
    assert!(place.run(&server, &["-n", "--resume", "--json"]).expect_code(2).json()["would_cancel"].is_null());
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
