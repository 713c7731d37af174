//! What a run leaves for the next: nothing of it is forgotten, whatever a kill, a power cut or a stranger's file does.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use imocha_cancel::sandbox::{Faults, Options, Sandbox};

use crate::resume::{refused, start};
use crate::support::{PATIENCE, Place, asked_for, column, sandbox, sandbox_with};

const RESULTS: &str = "input.results.csv";
const JOURNAL: &str = "input.results.csv.journal";

fn end(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Waits until there are so many arrivals.
fn wait(server: &Sandbox, arrivals: usize) {
    assert!(server.wait_for_arrivals(arrivals, PATIENCE));
}

#[test]
fn what_is_known_of_rows_that_were_tried_outlives_kills_before_their_turn() {
    let faults = r#"[{"ids": [101, 201, 301], "attempts": 1, "answer": {"status": 403}},
                     {"ids": 401, "attempts": 1, "answer": {"status": 302}},
                     {"ids": 101, "attempts": {"from": 2, "to": 3}, "hang": {}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let rows: String = (1..=4).map(|number| format!("{number}01\n")).collect();
    let place = Place::with_input(format!("id\n{rows}"));
    place.run(&server, &[]).expect_code(1);
    let behind = |place: &Place| -> Vec<_> {
        let mut rows = place.results();
        rows.sort_by_key(|row| row["line"].clone());
        rows.into_iter().skip(1).collect()
    };
    let before = behind(&place);
    assert_eq!(column(&before, "status"), ["forbidden", "forbidden", "unexpected_response"]);

    for kill in 0..2 {
        let process = start(&place, &server, &["--resume", "--rate", "1/s", "--concurrency", "1"]);
        wait(&server, 5 + kill);
        end(process);
        assert!(place.results().is_empty(), "no row is done");
    }
    place.run(&server, &["--resume", "--limit", "1"]).expect_code(1);
    assert_eq!(behind(&place), before, "as if there had been no kill");
    let first = place.results().into_iter().find(|row| row["line"] == "2").unwrap();
    assert_eq!((first["status"].as_str(), first["attempts"].as_str()), ("cancelled", "2"), "killed calls left no row");

    place.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(column(&place.results(), "attempts"), ["2", "2", "2", "2"]);
}

#[test]
fn a_row_that_was_tried_and_then_sent_by_a_killed_run_is_in_doubt() {
    let faults = r#"[{"answer": {"status": 403}, "ids": 201},
                     {"ids": 101, "attempts": 1, "answer": {"status": 403}},
                     {"ids": 101, "attempts": 2, "hang": {"applied": true}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = Place::with_input("id\n201\n101\n");
    place.run(&server, &[]).expect_code(1);
    let process = start(&place, &server, &["--resume"]);
    wait(&server, 4);
    end(process);
    for _ in 0..2 {
        place.run(&server, &["--resume", "--limit", "1"]).expect_code(1);
        let row = &place.results().into_iter().find(|row| row["line"] == "3").unwrap();
        let told = (row["status"].as_str(), row["http_status"].as_str(), row["attempts"].as_str());
        assert_eq!(told, ("unconfirmed", "403", "1"), "not forbidden any more: {row:?}");
        assert!(row["error"].contains("403"), "{row:?}");
    }
    place.run(&server, &["--resume"]).expect_code(1);
    let row = &place.results().into_iter().find(|row| row["line"] == "3").unwrap();
    assert_eq!((row["status"].as_str(), row["attempts"].as_str()), ("unconfirmed", "2"), "{row:?}");
}

/// A list of rows with long last cells, of which all but the last were sent by two runs; its results and its journal.
fn sent(server: &Sandbox, name: &str) -> (Place, Vec<u8>, Vec<u8>) {
    let rows: String = (1..=60).map(|number| format!("{number}01,\"{name}, {number}\"\n")).collect();
    let place = Place::with_input(format!("id,name\n{rows}"));
    place.run(server, &["--limit", "30", "--concurrency", "4"]).expect_code(1);
    place.run(server, &["--resume", "--limit", "29", "--concurrency", "4"]).expect_code(1);
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    let (results, journal) = (read(RESULTS), read(JOURNAL));
    (place, results, journal)
}

#[test]
fn from_where_a_power_cut_left_zeros_on_the_results_are_as_if_torn() {
    let server = sandbox();
    let (place, results, journal) = sent(&server, &"o\n".repeat(50));
    let row_ends: Vec<usize> =
        results.windows(2).enumerate().filter(|(_, at)| at == b"\"\n").map(|(at, _)| at + 2).collect();
    let length = results.len();
    for (from, to) in [
        (row_ends[10], row_ends[14]),          // whole rows
        (row_ends[10] + 3, row_ends[14] + 3),  // from row to row
        (row_ends[9] - 5, row_ends[14] - 5),   // from last cell to last cell: it looks like one row
        (row_ends[9] - 30, row_ends[9] - 10),  // within a quoted cell
        (row_ends[9] - 30, row_ends[12] + 50), // a quote that is never closed
        (4096, 8192),                          // a block of the disk
        (0, 512),                              // the header with it
        (row_ends[20], length),                // the end
        (0, length),                           // all of it
    ] {
        let mut torn = results.clone();
        torn[from..to].fill(0);
        place.write(RESULTS, &torn);
        place.write(JOURNAL, &journal);
        place.run(&server, &["--resume", "--max-attempts", "1"]);
        let mut rows = place.results();
        // The last was sent by the first of these runs, of which the others know nothing.
        rows.retain(|row| row["invitation_id"] != "6001");
        crate::storm::check_against_the_record(&server, &rows, 59);
        let statuses = column(&rows, "status");
        assert!(statuses.iter().all(|&status| ["cancelled", "unconfirmed"].contains(&status)), "{statuses:?}");
        let unconfirmed = statuses.iter().filter(|&&status| status == "unconfirmed").count();
        let lost = row_ends.iter().filter(|&&end| end > from).count();
        assert!(unconfirmed >= lost.saturating_sub(3) && unconfirmed <= lost, "{from}: {unconfirmed}, not {lost}");
        let name = &column(&rows, "name")[9];
        assert!(name.ends_with(", 10") && !name.contains('\0'), "{from}: {name:?}");
    }
}

#[test]
fn zeros_that_stand_in_the_input_are_no_sign_of_a_power_cut() {
    let server = sandbox();
    let (place, _results, _journal) = sent(&server, "Ann\0\0\0\0\0\0\0\0\0\0\0\0");
    place.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(asked_for(&server).len(), 60, "each was sent once");
}

#[test]
fn results_that_somebody_changed_are_refused() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n3\n");
    place.run(&server, &["--limit", "2", "--concurrency", "1"]).expect_code(1);
    let results = place.read(RESULTS);
    let row = results.lines().find(|line| line.contains(",cancelled,")).unwrap().to_owned();
    for changed in [
        results.replace(&row, &row.replacen("2,", "99999999999999,", 1)),
        results.replace(&row, &row.replacen("2,", "18446744073709551615,", 1)),
        results.replace(&row, &row.replacen("2,", "40,", 1)),
        format!("{results}{row}\n"),
        results.replace(",cancelled,", ",Cancelled,"),
        results.replace(&row, &row.replacen(",200,,1,", ",200,,18446744073709551615,", 1)),
    ] {
        assert_ne!(changed, results);
        place.write(RESULTS, &changed);
        refused(&place, &server, &[], "results_exist", &["damaged at byte", "put the file that the run wrote back"]);
    }
}

#[test]
fn what_is_no_journal_is_never_overwritten() {
    let server = sandbox();
    for foreign in ["my notes, one line", "my notes, one line\n", "\n", "{\"run\":{\"steps\":7}}", "\u{feff}{}\n"] {
        let place = Place::with_input("id\n1\n");
        place.write(JOURNAL, foreign);
        for (flag, outcome) in [("--resume", "refused"), ("--overwrite", "refused"), ("--dry-run", "dry_run")] {
            let ended = place.run(&server, &["--json", flag]).expect_code(2);
            assert_eq!(ended.json()["outcome"], outcome);
            ended.expect_said(&["is not a journal", "hint: "]);
            assert_eq!(place.read(JOURNAL), foreign);
        }
        assert!(!place.has(RESULTS));
    }
    assert!(asked_for(&server).is_empty());
}

#[test]
fn a_run_that_is_refused_is_told_who_holds_the_results_before_that_one_begins() {
    let server = sandbox_with(Options { latency: Duration::from_millis(100), ..Options::default() });
    let place = Place::with_input((1..=40).fold("id\n".to_owned(), |text, id| format!("{text}{id}01\n")));
    let killed = start(&place, &server, &[]);
    wait(&server, 1);
    let previous = killed.id();
    end(killed);
    let (results, journal) = (place.read(RESULTS), place.read(JOURNAL));

    // It holds the results, and waits for its input.
    let mut holder = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    holder.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    holder.args(["run", "-", "-y", "-o", RESULTS, "--overwrite", "--base-url", &server.base_url()]);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now() + PATIENCE;
    while !place.read(JOURNAL).contains("\"held\"") {
        assert!(Instant::now() < patience, "it never held the results");
        thread::yield_now();
    }
    let ended = place.run(&server, &["--resume", "--json"]).expect_code(2);
    assert_eq!(ended.json()["reason"], "locked");
    assert!(!ended.stderr.contains(&format!("process {previous} ")), "{}", ended.stderr);
    ended.expect_said(&[&format!("another run holds these results: process {} on ", holder.id())]);

    // Its input is no list, so it is refused, and leaves everything as it was.
    holder.stdin.take().unwrap().write_all(b"name,mail\nx,y\n").unwrap();
    assert_eq!(holder.wait().unwrap().code(), Some(2));
    assert_eq!((place.read(RESULTS), place.read(JOURNAL)), (results, journal));
    place.run(&server, &["--resume", "--concurrency", "32"]);
    crate::storm::check_against_the_record(&server, &place.results(), 40);
}
