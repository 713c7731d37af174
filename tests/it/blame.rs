//! Whose fault it is: rows that are themselves to blame hold up nobody, and what is the API's fault costs no row.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use imocha_cancel::outcome::Status;

use crate::canned::{Answer, Canned, answer_once};
use crate::engine::{Settings, run_ahead};
use crate::retries::{failed, input, refused, row_after};
use crate::support::{Place, at_once, column};

#[test]
fn rows_that_always_fail_do_not_keep_the_others_from_their_turn() {
    // In the middle, at the beginning and at the end of the file: no place makes them an outage.
    at_once([6..=17, 1..=12, 29..=40], |poisoned| {
        let range = poisoned.clone();
        let server = Canned::serve(move |path, _before| {
            let id: usize = path.split('/').nth(3).unwrap().parse().unwrap();
            if range.contains(&id) { Answer::json("500 Oops", "{}") } else { Answer::cancelled(path) }
        });
        let settings = Settings { rate: "unlimited", max_outage: Duration::from_secs(5), max_attempts: "5" };
        let (summary, stop, _) = run_ahead(&input(40), &server, &settings);
        let counts = (summary.count(Status::Cancelled), summary.count(Status::ServerError));
        assert_eq!((counts, stop), ((28, 12), None), "{poisoned:?}");
    });
}

#[test]
fn a_resumed_run_goes_past_the_rows_that_stopped_the_one_before() {
    let server = Canned::serve(|path, _before| {
        let id: usize = path.split('/').nth(3).unwrap().parse().unwrap();
        if id <= 40 { Answer::json("500 Oops", "{}") } else { Answer::cancelled(path) }
    });
    let place = input(60);
    let arguments = ["--max-outage", "1s", "--max-attempts", "2", "--json", "--resume", "--concurrency", "4"];
    let mut reasons = Vec::new();
    for _ in 0..5 {
        let ended = place.run_at(&server.base_url, "key", &arguments);
        reasons.push(ended.json()["reason"].clone());
        if ended.code == 1 {
            break;
        }
    }
    assert_eq!(reasons.first().and_then(|reason| reason.as_str()), Some("outage"), "forty rows look like an outage");
    assert_eq!(reasons.last(), Some(&serde_json::Value::Null), "it ends: {reasons:?}");
    let results = place.results();
    let statuses = column(&results, "status");
    assert_eq!((&statuses[..40], &statuses[40..]), (&["server_error"; 40][..], &["cancelled"; 20][..]));
}

#[test]
fn a_resumed_run_goes_past_fifty_rows_that_are_forbidden() {
    let server = Canned::serve(|path, _before| {
        let id: usize = path.split('/').nth(3).unwrap().parse().unwrap();
        if id <= 60 { Answer::json("403 Forbidden", "{}") } else { Answer::cancelled(path) }
    });
    let place = input(80);
    let ended = place.run_at(&server.base_url, "key", &["--concurrency", "1", "--json"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "wrong_input");
    let ended = place.run_at(&server.base_url, "key", &["--concurrency", "1", "--json", "--resume"]).expect_code(1);
    assert_eq!((&ended.json()["rows"]["forbidden"], &ended.json()["rows"]["cancelled"]), (&60.into(), &20.into()));
}

#[test]
fn a_row_that_is_always_told_429_ends_alone_and_the_run_finishes() {
    let server = Canned::serve(|path, _before| match path {
        "/v3/invitations/5/cancel" => Answer::json("429 Slow Down", "{}"),
        _ => Answer::cancelled(path),
    });
    let settings = Settings { rate: "20/s", max_outage: Duration::from_secs(600), max_attempts: "5" };
    let (summary, stop, elapsed) = run_ahead(&input(60), &server, &settings);
    assert!(elapsed < Duration::from_secs(40), "{elapsed:?}");
    let counts = (summary.count(Status::Cancelled), summary.count(Status::RateLimited));
    assert_eq!((counts, stop), ((59, 1), None));
}

#[test]
fn an_outage_costs_none_of_the_last_rows_however_few_attempts_they_have() {
    // Does not answer a dozen calls once two rows are left.
    let failed_calls = AtomicUsize::new(0);
    let server = Canned::serve(move |path, _before| {
        let id: usize = path.split('/').nth(3).unwrap().parse().unwrap();
        let fails = id > 8 && failed_calls.fetch_add(1, Ordering::SeqCst) < 12;
        if fails { failed() } else { Answer::cancelled(path) }
    });
    let settings = Settings { rate: "unlimited", max_outage: Duration::from_secs(600), max_attempts: "1" };
    let (summary, stop, _) = run_ahead(&input(10), &server, &settings);
    assert_eq!((summary.count(Status::Cancelled), stop), (10, None));
}

#[test]
fn a_look_at_an_outage_waits_for_a_retry_after() {
    // Ten failures and a 429 come together; nothing may leave in the two seconds behind it, not even the look that is due after one.
    let limited = AtomicBool::new(false);
    let server = Canned::serve(move |path, before| {
        let id: usize = path.split('/').nth(3).unwrap().parse().unwrap();
        match (id, before) {
            (11, 0) => {
                limited.store(true, Ordering::SeqCst);
                Answer::limited("2")
            }
            (_, 0) if !limited.load(Ordering::SeqCst) => failed(),
            _ => Answer::cancelled(path),
        }
    });
    let place = input(30);
    place.run_at(&server.base_url, "key", &["--concurrency", "1", "--rate", "50/s"]).expect_code(0);
    let record = server.record();
    let told = record.iter().find(|(_, path)| path.contains("/11/")).unwrap().0;
    let next = record.iter().map(|(when, _)| *when).find(|&when| when > told).unwrap();
    assert!(next.duration_since(told) >= Duration::from_millis(1950), "{:?}", next.duration_since(told));
}

#[test]
fn a_503_that_says_when_to_come_back_pauses_like_a_429_and_leaves_doubt() {
    let cancelled = Answer::cancelled("/v3/invitations/1/cancel");
    let busy = Answer::json("503 Busy\r\nRetry-After: 1", "{}");
    let (status, attempts, _) = row_after(vec![busy.clone(), cancelled], &["--max-attempts", "1"]);
    assert_eq!((status.as_str(), attempts.as_str()), ("cancelled", "2"));
    let (status, ..) = row_after(vec![busy, refused()], &[]);
    assert_eq!(status, "unconfirmed");
}

#[test]
fn a_date_to_come_back_at_is_meant_by_the_servers_clock() {
    // By our clock this date is years ahead.
    let dates = "Date: Fri, 20 Jan 2040 02:00:00 GMT\r\nRetry-After: Fri, 20 Jan 2040 02:00:01 GMT";
    let limited = Answer::json(&format!("429 Slow Down\r\n{dates}"), "{}");
    let (status, ..) = row_after(vec![limited, Answer::cancelled("/v3/invitations/1/cancel")], &[]);
    assert_eq!(status, "cancelled");
}

#[test]
fn a_row_that_was_answered_is_not_unreachable_when_the_server_is_gone() {
    // In one run: told 429, and then nobody is there.
    let place = Place::with_input("id\n1\n");
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || answer_once(&listener, &Answer::limited("1")));
    place.run_at(&base_url, "key", &["--max-attempts", "1", "--max-outage", "1s"]).expect_code(1);
    serving.join().unwrap();
    let row = &place.results()[0];
    assert_eq!((row["status"].as_str(), row["http_status"].as_str()), ("rate_limited", "429"));
    assert!(row["error"].starts_with("HTTP 429") && row["error"].contains("could not be sent"), "{}", row["error"]);

    // In a later one: it stays forbidden.
    let place = Place::with_input("id\n1\n");
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let forbidden = Answer::json("403 Forbidden", r#"{"message":"not yours"}"#);
    let serving = std::thread::spawn(move || answer_once(&listener, &forbidden));
    place.run_at(&base_url, "key", &[]).expect_code(1);
    serving.join().unwrap();
    place.run_at(&base_url, "key", &["--resume", "--max-attempts", "1", "--max-outage", "200ms"]).expect_code(1);
    let row = &place.results()[0];
    assert_eq!((row["status"].as_str(), row["http_status"].as_str()), ("forbidden", "403"));
    assert!(row["error"].starts_with("HTTP 403: not yours; then a call could not be sent"), "{}", row["error"]);
}

#[test]
fn the_http_status_of_a_row_is_that_of_its_last_answer() {
    let (status, http_status) = {
        let server = Canned::serve(|_path, before| if before == 0 { failed() } else { Answer::HangUp });
        let place = input(1);
        place.run_at(&server.base_url, "key", &["--max-attempts", "2", "--max-outage", "200ms"]);
        let row = &place.results()[0];
        (row["status"].clone(), row["http_status"].clone())
    };
    assert_eq!((status.as_str(), http_status.as_str()), ("unconfirmed", "503"));
}
