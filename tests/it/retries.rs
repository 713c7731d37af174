//! Tries again, pauses, outages and doubt: whatever the API does, each row says no more than what is known.

use std::collections::HashSet;
use std::io::Write;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::canned::{Answer, Canned};
use crate::support::{Ended, Place, at_once, column, wait_until};

pub(crate) fn failed() -> Answer {
    Answer::json("503 Unavailable", "{}")
}

pub(crate) fn refused() -> Answer {
    Answer::json("400 Bad Request", r#"{"statusCode":400,"message":"can not be cancelled."}"#)
}

pub(crate) fn input(rows: usize) -> Place {
    Place::with_input((1..=rows).fold("id\n".to_owned(), |text, id| format!("{text}{id}\n")))
}

/// Runs one row whose calls are answered in this order, the last answer for all that follow, and gives its status,
/// attempts and error.
pub(crate) fn row_after(answers: Vec<Answer>, arguments: &[&str]) -> (String, String, String) {
    let server = Canned::serve(move |_path, before| answers.get(before).or(answers.last()).unwrap().clone());
    let place = input(1);
    place.run_at(&server.base_url, "key", arguments);
    let row = &place.results()[0];
    assert_eq!(row["attempts"], server.requests().to_string());
    (row["status"].clone(), row["attempts"].clone(), row["error"].clone())
}

#[test]
fn what_may_pass_is_tried_again_until_it_is_confirmed() {
    let garbage = Answer::Bytes(b"garbage\r\n\r\n".to_vec());
    at_once([failed(), Answer::json("500 Oops", ""), Answer::HangUp, garbage], |setback| {
        let path = "/v3/invitations/1/cancel";
        let (status, attempts, error) = row_after(vec![setback.clone(), setback, Answer::cancelled(path)], &[]);
        assert_eq!((status.as_str(), attempts.as_str(), error.as_str()), ("cancelled", "3", ""));
    });
}

#[test]
fn a_row_is_tried_no_more_often_than_asked_for_while_others_are_answered() {
    at_once([(failed(), "server_error"), (Answer::HangUp, "unconfirmed")], |(setback, status)| {
        let server = Canned::serve(move |path, _before| match path {
            "/v3/invitations/1/cancel" => setback.clone(),
            _ => Answer::cancelled(path),
        });
        // The wait before its second attempt is half a second at the most, and the others at this rate take longer.
        let place = input(60);
        place.run_at(&server.base_url, "key", &["--max-attempts", "2", "--rate", "50/s"]).expect_code(1);
        let results = place.results();
        let row = results.iter().find(|row| row["line"] == "2").unwrap();
        assert_eq!((row["status"].as_str(), row["attempts"].as_str()), (status, "2"));
    });
}

#[test]
fn a_call_that_takes_too_long_is_tried_again() {
    let cancelled = Answer::cancelled("/v3/invitations/1/cancel");
    let (status, attempts, _) = row_after(vec![Answer::Silence, cancelled], &["--timeout", "300ms"]);
    assert_eq!((status.as_str(), attempts.as_str()), ("cancelled", "2"));
}

#[test]
fn a_refusal_after_a_call_that_may_have_worked_is_unconfirmed() {
    at_once([failed(), Answer::HangUp], |setback| {
        let (status, attempts, error) = row_after(vec![setback, refused()], &[]);
        assert_eq!((status.as_str(), attempts.as_str()), ("unconfirmed", "2"));
        assert!(
            error.contains("an earlier call may have cancelled it") && error.contains("HTTP 400: can not"),
            "{error}"
        );
    });
    let (status, ..) = row_after(vec![Answer::limited("0"), refused()], &[]);
    assert_eq!(status, "not_cancellable", "a 429 has certainly not cancelled");
}

#[test]
fn a_429_uses_up_no_attempt() {
    let cancelled = Answer::cancelled("/v3/invitations/1/cancel");
    let (status, attempts, _) = row_after(vec![Answer::limited("1"), cancelled], &["--max-attempts", "1"]);
    assert_eq!((status.as_str(), attempts.as_str()), ("cancelled", "2"));
}

#[test]
fn a_429_is_followed_by_silence_from_all_workers_for_as_long_as_it_asks() {
    let server = Canned::serve(|path, before| match (path, before) {
        ("/v3/invitations/5/cancel", 0) => Answer::limited("2"),
        _ => Answer::cancelled(path),
    });
    let place = input(30);
    place.run_at(&server.base_url, "key", &["--concurrency", "8", "--rate", "100/s"]).expect_code(0);
    let record = server.record();
    let limited = record.iter().find(|(_, path)| path.contains("/5/")).unwrap().0;
    let after: Vec<Instant> = record.iter().map(|(when, _)| *when).filter(|&when| when >= limited).collect();
    let silence = after.windows(2).position(|pair| pair[1].duration_since(pair[0]) >= Duration::from_millis(1950));
    let in_flight = silence.unwrap_or_else(|| panic!("nobody was silent: {record:?}"));
    assert!(in_flight < 8, "only what was in flight came before the silence");
    assert!(after.len() > in_flight + 10, "most calls come after it");
}

#[test]
fn a_retry_after_longer_than_the_operators_patience_stops_the_run_at_once() {
    let server = Canned::serve(|_path, _before| Answer::limited("3600"));
    let place = input(5);
    let started = Instant::now();
    let ended = place.run_at(&server.base_url, "key", &["--concurrency", "1", "--json"]).expect_code(3);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!((&ended.json()["reason"], server.requests()), (&"rate_limited".into(), 1));
    assert_eq!(column(&place.results(), "status")[0], "rate_limited");
    assert_eq!(column(&place.results(), "status")[1..], ["not_attempted"; 4]);
    ended.expect_said(&["1h", "--max-outage 10m"]);
}

/// A server that fails all calls until they were for so many rows.
fn failing_at_first(rows: usize) -> Canned {
    let failed_rows = Mutex::new(HashSet::new());
    Canned::serve(move |path, _before| {
        let mut failed_rows = failed_rows.lock().unwrap();
        if failed_rows.len() < rows {
            failed_rows.insert(path.to_owned());
            return failed();
        }
        Answer::cancelled(path)
    })
}

#[test]
fn an_outage_costs_time_and_no_row() {
    at_once(["1", "4"], |concurrency| {
        let server = failing_at_first(11);
        let place = input(40);
        let ended = place.run_at(&server.base_url, "key", &["--concurrency", concurrency, "--json"]).expect_code(0);
        assert_eq!(ended.json()["rows"]["cancelled"], 40);
        // Ten rows that fail are an outage, and the eleventh is the first look.
        let mut rows = HashSet::new();
        let is_known = |(_, path): &(Instant, String)| rows.insert(path.clone()) && rows.len() == 10;
        let later_calls = server.record().len() - server.record().iter().position(is_known).unwrap();
        assert!(later_calls <= 40 + 1 + 4, "one row probes, the others wait: {later_calls} calls");
        ended.expect_said(&["iMocha is not answering", "iMocha answers again"]);
    });
}

#[test]
fn an_outage_longer_than_the_operators_patience_stops_the_run() {
    let server = failing_at_first(usize::MAX);
    let place = input(60);
    let ended = place.run_at(&server.base_url, "key", &["--max-outage", "2s", "--json"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "outage");
    let results = place.results();
    assert_eq!(results.len(), 60);
    for row in &results {
        assert_eq!(row["status"], if row["attempts"] == "0" { "not_attempted" } else { "server_error" });
    }
    assert!(column(&results, "status").contains(&"not_attempted"));
}

#[test]
fn a_server_that_is_not_there_is_an_outage_in_which_nothing_was_sent() {
    let place = input(60);
    let ended = place.run_at("http://127.0.0.1:1", "key", &["--max-outage", "1s", "--json"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "outage");
    assert!(column(&place.results(), "status").iter().all(|status| ["unreachable", "not_attempted"].contains(status)));
}

#[test]
fn fifty_first_answers_of_403_or_404_stop_the_run() {
    let server = Canned::serve(|path, _before| {
        let odd = path.split('/').nth(3).unwrap().ends_with(['1', '3', '5', '7', '9']);
        Answer::json(if odd { "404 Not Found" } else { "403 Forbidden" }, "{}")
    });
    let place = input(80);
    let ended = place.run_at(&server.base_url, "key", &["--concurrency", "1", "--json"]).expect_code(3);
    assert_eq!((&ended.json()["reason"], server.requests()), (&"wrong_input".into(), 50));
    ended.expect_said(&["all 403 or 404", "ID column"]);

    let lossy = Canned::serve(|path, before| match (path, before) {
        ("/v3/invitations/7/cancel", 0) => Answer::HangUp,
        _ => Answer::json("404 Not Found", "{}"),
    });
    let place = input(80);
    let ended = place.run_at(&lossy.base_url, "key", &["--concurrency", "1", "--json"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "wrong_input", "a lost answer says nothing about the file");

    let place = input(49);
    assert_eq!(place.run_at(&server.base_url, "key", &["--json"]).expect_code(1).json()["outcome"], "finished");
}

#[test]
fn one_other_answer_among_the_first_fifty_lets_the_run_go_on() {
    let server = Canned::serve(|path, _before| match path {
        "/v3/invitations/50/cancel" => refused(),
        _ => Answer::json("404 Not Found", "{}"),
    });
    input(80).run_at(&server.base_url, "key", &["--concurrency", "1"]).expect_code(1);
    assert_eq!(server.requests(), 80);
}

#[test]
fn no_call_starts_after_the_time_for_the_run_and_what_is_in_flight_ends() {
    let server = Canned::serve(|path, _before| Answer::cancelled(path));
    let place = input(60);
    let ended: Ended =
        place.run_at(&server.base_url, "key", &["--max-duration", "1s", "--rate", "10/s", "--json"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "deadline");
    let calls = server.requests();
    assert!((2..=11).contains(&calls), "{calls}");
    let results = place.results();
    let cancelled = column(&results, "status").iter().filter(|&&status| status == "cancelled").count();
    assert_eq!((cancelled, results.len()), (calls, 60));
    ended.expect_said(&["--max-duration 1s"]);
}

#[test]
fn a_row_that_backs_off_when_the_run_stops_says_how_its_last_call_ended() {
    let server = Canned::serve(|path, before| match path {
        "/v3/invitations/1/cancel" if before < 30 => failed(),
        "/v3/invitations/40/cancel" => Answer::json("401 Unauthorized", "{}"),
        _ => Answer::cancelled(path),
    });
    let place = input(60);
    let arguments = ["--concurrency", "2", "--rate", "200/s", "--max-attempts", "100"];
    place.run_at(&server.base_url, "key", &arguments).expect_code(3);
    let results = place.results();
    let first = results.iter().find(|row| row["line"] == "2").unwrap();
    assert_eq!((first["status"].as_str(), first["http_status"].as_str()), ("server_error", "503"));
    assert_eq!(results.len(), 60);
}

#[test]
fn a_row_that_backs_off_lets_others_call_and_comes_back_before_them() {
    // It fails until another row has called, which it would never live to see if it kept the only worker for itself.
    let other_called = AtomicBool::new(false);
    let server = Canned::serve(move |path, _before| {
        if path != "/v3/invitations/1/cancel" {
            other_called.store(true, Ordering::SeqCst);
        } else if !other_called.load(Ordering::SeqCst) {
            return failed();
        }
        Answer::cancelled(path)
    });
    // The first wait is half a second at the most, and the rows at this rate take a whole one.
    let place = input(51);
    place.run_at(&server.base_url, "key", &["--concurrency", "1", "--rate", "50/s"]).expect_code(0);
    let calls: Vec<String> = server.record().into_iter().map(|(_when, path)| path).collect();
    let again = calls.iter().rposition(|path| path == "/v3/invitations/1/cancel").unwrap();
    assert!((1..calls.len() - 1).contains(&again), "{calls:?}");
}

#[test]
fn a_row_is_tried_again_while_standard_input_is_idle() {
    let server = Canned::serve(|path, before| if before == 0 { failed() } else { Answer::cancelled(path) });
    let place = Place::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", "key");
    command.args(["run", "-", "-y", "-o", "out.csv", "--concurrency", "1", "--base-url", &server.base_url]);
    let mut running = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    input.write_all(b"id\n1\n2\n").unwrap();

    // Nothing more comes, and the input does not end before both have been tried twice.
    wait_until("the second tries, although a row of the input is awaited", || server.requests() == 4);
    drop(input);
    assert_eq!(running.wait().unwrap().code(), Some(0));
}
