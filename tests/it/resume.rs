//! Going on: after a first step, a stop, a kill or a torn file, each row has one result, and none is untrue.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use imocha_cancel::sandbox::{Faults, Options, Sandbox};

use crate::support::{Ended, PATIENCE, Place, asked_for, column, sandbox, sandbox_with};

fn input(rows: u64) -> Place {
    Place::with_input((1..=rows).fold("id,name\n".to_owned(), |text, id| format!("{text}{id}01,\"a\nb {id}\"\n")))
}

fn statuses(place: &Place) -> Vec<String> {
    column(&place.results(), "status").into_iter().map(str::to_owned).collect()
}

#[test]
fn a_first_step_and_the_rest_are_one_run() {
    let server = sandbox();
    let place = input(30);
    let first = place.run(&server, &["--limit", "10", "--json"]).expect_code(1);
    let command = first.json()["resume_command"].as_str().unwrap().to_owned();
    assert!(command.starts_with("imocha-cancel run input.csv ") && command.ends_with(" --resume"), "{command}");
    assert!(!command.contains("--limit") && !command.contains("--yes"), "{command}");
    assert!(place.has("input.results.csv.journal"));

    let dry = place.run(&server, &["--resume", "--dry-run", "--json"]).expect_code(0);
    assert_eq!((&dry.json()["rows"]["cancelled"], &dry.json()["would_cancel"]), (&10.into(), &20.into()));
    dry.expect_said(&["10 by earlier runs", "20 invitations would be cancelled"]);
    // It is the same input by whatever name.
    fs::rename(place.path("input.csv"), place.path("renamed.csv")).unwrap();
    fs::copy(place.path("renamed.csv"), place.path("input.csv")).unwrap();
    let second = place.run(&server, &["--resume", "--json"]).expect_code(0);
    assert_eq!(statuses(&place), ["cancelled"; 30]);
    assert_eq!(asked_for(&server).len(), 30, "each was sent once");
    let json = second.json();
    assert_eq!((&json["rows"]["cancelled"], &json["calls"]["total"]), (&30.into(), &20.into()));
    assert_eq!((&json["this_run"]["cancelled"], &json["this_run"]["not_attempted"]), (&20.into(), &0.into()));
    assert_eq!(second.json()["resume_command"], serde_json::Value::Null);

    place.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(asked_for(&server).len(), 30, "a run that is done sends nothing more");
    assert_eq!(statuses(&place), ["cancelled"; 30]);
}

#[test]
fn one_line_for_cron_starts_and_goes_on_until_it_is_done() {
    let faults = r#"[{"ids": [101, 201], "attempts": {"to": 2}, "answer": {"status": 500}},
                     {"ids": 301, "attempts": 1, "answer": {"status": 403}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = input(5);
    let arguments = ["--resume", "--max-attempts", "1", "--max-outage", "0s", "--json"];
    let first = place.run(&server, &arguments).expect_code(1);
    assert_eq!(first.json()["rows"]["server_error"], 2);
    assert!(first.json()["resume_command"].is_string());
    let second = place.run(&server, &arguments).expect_code(1);
    assert_eq!(second.json()["calls"]["total"], 3, "a summary counts the calls of its own run");
    place.run(&server, &arguments).expect_code(0);
    let results = place.results();
    assert_eq!(column(&results, "status"), ["cancelled"; 5]);
    assert_eq!(column(&results, "attempts"), ["3", "3", "2", "1", "1"], "attempts are counted over all runs");
    assert_eq!(server.record().arrivals.len(), 10);
}

#[test]
fn a_refusal_after_an_earlier_run_that_may_have_worked_is_unconfirmed() {
    let faults = r#"[{"ids": 101, "attempts": 1, "answer": {"status": 500, "applied": true}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = input(1);
    place.run(&server, &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    assert_eq!(statuses(&place), ["server_error"]);
    place.run(&server, &["--resume"]).expect_code(1);
    assert_eq!(statuses(&place), ["unconfirmed"], "iMocha refuses what we have cancelled ourselves");
}

/// Expects a resumption to be refused, for this reason and in these words, without a call or a change.
pub(crate) fn refused(place: &Place, server: &Sandbox, arguments: &[&str], reason: &str, said: &[&str]) {
    let (calls, results) = (server.record().arrivals.len(), place.read("input.results.csv"));
    let ended = place.run(server, &[&["--resume", "--json"], arguments].concat()).expect_code(2);
    assert_eq!(ended.json()["reason"], reason, "{}", ended.stderr);
    ended.expect_said(said);
    assert_eq!(server.record().arrivals.len(), calls);
    assert_eq!(place.read("input.results.csv"), results);
}

#[test]
fn what_is_not_the_same_run_is_not_resumed() {
    let server = sandbox();
    let place = input(4);
    place.run(&server, &["--limit", "2"]).expect_code(1);
    refused(&place, &server, &["--where", "name=x"], "options_changed", &["--where"]);
    refused(&place, &server, &["--short-rows"], "options_changed", &["--short-rows"]);
    let elsewhere = sandbox();
    refused(&place, &elsewhere, &[], "options_changed", &["--base-url"]);
    refused(&place, &server, &["--overwrite"], "usage", &["--overwrite"]);

    let original = place.read("input.csv");
    place.write("input.csv", original.replace("101,", "102,"));
    refused(&place, &server, &[], "input_changed", &["input.csv", "is not the one"]);
    place.write("input.csv", original);

    let journal = place.read("input.results.csv.journal");
    place.write("input.results.csv.journal", journal.replace("\"format\":2", "\"format\":9"));
    refused(&place, &server, &[], "results_exist", &["newer version"]);
    fs::remove_file(place.path("input.results.csv.journal")).unwrap();
    refused(&place, &server, &[], "results_exist", &["its journal", "missing"]);
    place.write("input.results.csv.journal", journal);

    let results = place.read("input.results.csv");
    place.write("input.results.csv", results.replacen(",cancelled,", ",cancelld,", 1));
    refused(&place, &server, &[], "results_exist", &["damaged"]);
    place.write("input.results.csv", results.replacen("status", "state", 1));
    refused(&place, &server, &[], "results_exist", &["header"]);
    place.write("input.results.csv", results);
    place.run(&server, &["--resume"]).expect_code(0);
}

#[test]
fn standard_input_and_output_cannot_be_resumed() {
    let place = input(1);
    for arguments in [["run", "-", "-y", "-o", "x.csv"], ["run", "input.csv", "-y", "-o", "-"]] {
        Ended::of(place.command(arguments).arg("--resume")).expect_code(2).expect_said(&["--resume needs files"]);
    }
}

pub(crate) fn start(place: &Place, server: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    command.args(["run", "input.csv", "-y", "--base-url", &server.base_url()]).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn two_runs_over_the_same_results_exclude_each_other() {
    let server = sandbox_with(Options { latency: Duration::from_millis(300), ..Options::default() });
    let place = input(200);
    let mut first = start(&place, &server, &["--rate", "20/s"]);
    assert!(server.wait_for_arrivals(1, PATIENCE));
    for arguments in [["--resume", "--json"], ["--overwrite", "--json"]] {
        let ended = place.run(&server, &arguments).expect_code(2);
        assert_eq!(ended.json()["reason"], "locked");
        ended.expect_said(&["another run holds", &format!("process {}", first.id())]);
    }
    first.kill().unwrap();
    first.wait().unwrap();
    place.run(&server, &["--resume", "--concurrency", "32"]);
    assert_eq!(place.results().len(), 200, "the lock ends with its process");
}

#[test]
fn a_run_that_is_killed_again_and_again_loses_no_row_and_tells_no_untruth() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..6 {
        let latency = Duration::from_millis(random.u64(0..8));
        let server = sandbox_with(Options { latency, ..Options::default() });
        let rows = 250;
        let place = Place::with_input((1..=rows).fold("id\n".to_owned(), |text, id| format!("{text}{id}\n")));
        let mut kills = 0;
        while server.record().arrivals.len() < 200 {
            let mut process = start(&place, &server, &["--resume", "--rate", "800/s", "--concurrency", "8"]);
            let until = server.record().arrivals.len() + random.usize(1..20);
            assert!(server.wait_for_arrivals(until, PATIENCE), "seed {seed}, round {round}");
            process.kill().unwrap();
            process.wait().unwrap();
            kills += 1;
        }
        place.run(&server, &["--resume", "--concurrency", "8"]);
        let results = place.results();
        crate::storm::check_against_the_record(&server, &results, rows);
        let mut lines: Vec<&str> = results.iter().map(|row| row["line"].as_str()).collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), rows, "seed {seed}, round {round}: each row once");
        let unconfirmed = results.iter().filter(|row| row["status"] == "unconfirmed").count();
        // A tenth of a second at 800 calls a second is a block.
        assert!(unconfirmed <= kills * 80, "seed {seed}, round {round}: {unconfirmed} after {kills} kills");
        assert!(kills >= 3, "seed {seed}, round {round}: {kills}");
    }
}

#[test]
fn results_that_are_cut_at_any_byte_of_their_last_rows_are_made_whole() {
    let server = sandbox();
    let place = input(4);
    place.run(&server, &["--limit", "3", "--concurrency", "1"]).expect_code(1);
    let (results, journal) = (place.read("input.results.csv"), place.read("input.results.csv.journal"));
    // The row that was not attempted comes first, then those that were.
    let rows: Vec<usize> =
        results.match_indices(",cancelled,").map(|(at, _)| results[..at].rfind('\n').unwrap()).collect();
    for length in rows[1]..results.len() {
        place.write("input.results.csv", &results[..length]);
        place.write("input.results.csv.journal", &journal);
        place.run(&server, &["--resume", "--max-attempts", "1"]);
        let statuses = statuses(&place);
        assert_eq!(statuses.len(), 4, "cut at {length}");
        assert!(
            statuses.iter().all(|status| ["cancelled", "unconfirmed", "not_cancellable"].contains(&status.as_str()))
        );
        // The fourth was cancelled by the first of these runs, whose results the next one does not know.
        assert!(statuses[..3].iter().all(|status| status != "not_cancellable"), "cut at {length}: {statuses:?}");
        assert_eq!(
            column(&place.results(), "name")[2],
            "a\nb 3",
            "cut at {length}: {}",
            place.read("input.results.csv")
        );
    }
}

#[test]
fn a_run_that_is_interrupted_goes_on_where_it_stopped() {
    let server = sandbox_with(Options { latency: Duration::from_millis(100), ..Options::default() });
    let place = input(60);
    let process = start(&place, &server, &["--rate", "50/s"]);
    assert!(server.wait_for_arrivals(5, PATIENCE));
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    let ended = process.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(asked_for(&server).len() < 60);
    place.run(&server, &["--resume", "--concurrency", "32"]).expect_code(0);
    assert_eq!(asked_for(&server).len(), 60, "each was sent once");
    assert_eq!(statuses(&place), ["cancelled"; 60]);
}

#[test]
fn results_that_were_taken_away_leave_their_doubt_behind() {
    let server = sandbox();
    let place = input(6);
    place.run(&server, &["--limit", "3"]).expect_code(1);
    fs::remove_file(place.path("input.results.csv")).unwrap();
    place.run(&server, &["--resume"]).expect_code(1);
    let statuses = statuses(&place);
    assert_eq!(statuses[..3], ["unconfirmed"; 3], "they may have been sent, and were");
    assert_eq!(statuses[3..], ["cancelled"; 3]);
}

#[test]
fn doubt_survives_another_name_for_the_input_and_a_403() {
    let faults = r#"[{"ids": [101, 201], "attempts": 1, "answer": {"status": 500, "applied": true}},
                     {"ids": 201, "attempts": 2, "answer": {"status": 403}},
                     {"ids": 101, "attempts": 2, "hang": {}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = input(2);
    place.run(&server, &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    let absolute = place.path("input.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    command.arg("run").arg(absolute).args(["-y", "--resume", "--base-url", &server.base_url()]);
    let mut killed = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(server.wait_for_arrivals(4, PATIENCE));
    killed.kill().unwrap();
    killed.wait().unwrap();
    place.run(&server, &["--resume"]).expect_code(1);
    assert_eq!(statuses(&place), ["unconfirmed"; 2]);
}

#[test]
fn a_run_that_is_refused_leaves_results_and_journal_as_they_were() {
    let server = sandbox_with(Options { latency: Duration::from_millis(200), ..Options::default() });
    let place = input(50);
    let mut first = start(&place, &server, &["--rate", "20/s"]);
    assert!(server.wait_for_arrivals(2, PATIENCE));
    let mut stream = place.command(["run", "-", "-y", "--overwrite", "-o", "input.results.csv", "--json"]);
    stream.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key()).write_stdin("id\n9\n");
    assert_eq!(Ended::of(&mut stream).expect_code(2).json()["reason"], "locked");
    first.kill().unwrap();
    first.wait().unwrap();

    let (results, journal) = (place.read("input.results.csv"), place.read("input.results.csv.journal"));
    place.run(&server, &[]).expect_code(2);
    place.run(&server, &["--resume", "--max-cancels", "1"]).expect_code(2);
    assert_eq!((place.read("input.results.csv"), place.read("input.results.csv.journal")), (results, journal));
    place.run(&server, &["--resume", "--concurrency", "32"]);
    crate::storm::check_against_the_record(&server, &place.results(), 50);
}

#[test]
fn rows_that_stay_forbidden_do_not_keep_the_others_from_their_turn() {
    let server = sandbox();
    let ids: String = (1..=60).map(|number| format!("{number}96\n")).collect();
    let place = Place::with_input(format!("id\n1\n{ids}2\n"));
    place.run(&server, &["--limit", "61", "--concurrency", "1"]).expect_code(1);
    place.run(&server, &["--resume", "--concurrency", "1"]).expect_code(1);
    assert_eq!(statuses(&place).last().map(String::as_str), Some("cancelled"));
}

#[test]
fn a_run_over_another_column_is_not_resumed() {
    let server = sandbox();
    let place = Place::with_input("id,candidate\n101,7\n201,8\n");
    place.run(&server, &["--limit", "1"]).expect_code(1);
    refused(&place, &server, &["--id-column", "2"], "options_changed", &["--id-column"]);
}

#[test]
fn a_run_is_finished_at_its_deadline_only_when_nothing_is_left_to_do() {
    let faults = r#"[{"attempts": 1, "answer": {"status": 500}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = input(5);
    place.run(&server, &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    let cut = place.run(&server, &["--resume", "--rate", "1/s", "--max-duration", "1500ms", "--json"]).expect_code(3);
    assert_eq!((&cut.json()["outcome"], &cut.json()["reason"]), (&"stopped".into(), &"deadline".into()));
    let statuses = statuses(&place);
    assert!(statuses.contains(&"cancelled".to_owned()) && statuses.contains(&"server_error".to_owned()));
    assert!(statuses.iter().all(|status| ["cancelled", "server_error"].contains(&status.as_str())), "{statuses:?}");
    place.run(&server, &["--resume"]).expect_code(0);
}

#[test]
fn a_row_that_a_later_run_does_not_reach_keeps_the_result_that_it_had() {
    let faults = r#"[{"ids": [101, 201, 301], "answer": {"status": 403}}, {"ids": 401, "answer": {"status": 500}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = input(5);
    place.run(&server, &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    let tried = |place: &Place| -> Vec<_> {
        let mut rows = place.results();
        rows.sort_by_key(|row| row["line"].parse::<u64>().unwrap());
        rows.into_iter().skip(1).take(3).collect()
    };
    let before = tried(&place);
    assert_eq!(column(&before, "status"), ["forbidden", "forbidden", "server_error"]);

    place.run(&server, &["--resume", "--limit", "1", "--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    assert_eq!(tried(&place), before, "beyond the limit nothing is known that was not known before");
    assert_eq!(column(&place.results(), "attempts"), ["2", "1", "1", "1", "1"]);
}
