//! Signals: the first ends the run in order, the second at once.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use imocha_cancel::sandbox::{Options, Sandbox};

use crate::support::{Ended, PATIENCE, Place, asked_for, column, sandbox_with};

fn slow_sandbox() -> Sandbox {
    sandbox_with(Options { latency: Duration::from_millis(300), ..Options::default() })
}

fn input() -> Place {
    Place::with_input((1..=400).fold("id\n".to_owned(), |text, number| format!("{text}{number}01\n")))
}

fn start(place: &Place, server: &Sandbox) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    command.args(["run", "input.csv", "-y", "--rate", "100/s", "--json", "--base-url", &server.base_url()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn the_first_signal_finishes_what_is_in_flight_and_records_it() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 143)] {
        let (server, place) = (slow_sandbox(), input());
        let process = start(&place, &server);
        assert!(server.wait_for_arrivals(6, PATIENCE));
        send(&process, signal);
        let ended = Ended::from(process.wait_with_output().unwrap()).expect_code(code);

        assert_eq!(ended.stderr.matches("what is in flight").count(), 1, "told once: {}", ended.stderr);
        let json = ended.json();
        assert_eq!(
            (&json["outcome"], &json["reason"], &json["exit_code"]),
            (&"stopped".into(), &"interrupted".into(), &code.into())
        );
        assert_eq!(json["rows"]["total"], 400);
        let results = place.results();
        let statuses = column(&results, "status");
        let cancelled = statuses.iter().filter(|&&status| status == "cancelled").count();
        assert_eq!(cancelled, asked_for(&server).len(), "what was sent has its answer, and nothing was sent after");
        assert_eq!(statuses.iter().filter(|&&status| status == "not_attempted").count(), 400 - cancelled);
    }
}

#[test]
fn the_second_signal_leaves_at_once_and_what_was_recorded_stays() {
    let server = sandbox_with(Options { latency: Duration::from_secs(20), ..Options::default() });
    let place = input();
    let mut process = start(&place, &server);
    assert!(server.wait_for_arrivals(4, PATIENCE));
    let begun = std::time::Instant::now();
    send(&process, "-TERM");
    let mut said = String::new();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    while !said.contains("stopping") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "the first signal is not heard: {said}");
    }
    send(&process, "-INT");
    stderr.read_to_string(&mut said).unwrap();
    let ended = Ended::from(process.wait_with_output().unwrap()).expect_code(143);
    assert!(begun.elapsed() < Duration::from_secs(15), "it waited for the answers");
    assert_eq!(ended.json()["reason"], "interrupted");
    assert!(!said.contains("panicked"), "{said}");
    let (_, since) = said.split_once("leaving at once: nobody waits for what is in flight").unwrap();
    assert!(!since.contains("finished") && !since.contains("recorded"), "{since}");
    for text in [
        "left at once after ",
        ": 400 rows at 127.0.0.1:",
        "  without a result ",
        "4 rows without a result may have taken effect, because calls were made; --resume tells them apart:\n    line 2, 101\n",
    ] {
        assert!(since.contains(text), "no {text:?} in {since}");
    }
    // Between the signals, rows that no call was made for may have got their result.
    let json = ended.json();
    let (recorded, left) = (json["rows"]["total"].as_u64().unwrap(), json["without_result"].as_u64().unwrap());
    assert_eq!((recorded + left, json["rows"]["not_attempted"].as_u64()), (400, Some(recorded)));
    let unsent = format!("\n{} rows without a result: not sent\n", left.saturating_sub(4));
    assert!(left >= 4 && (left < 6 || since.contains(&unsent)), "{left}: {since}");
    assert!(place.read("input.results.csv").starts_with("line,"));
}

#[test]
fn two_signals_at_once_break_nothing() {
    for _ in 0..8 {
        let (server, place) = (sandbox_with(Options::default()), input());
        let process = start(&place, &server);
        assert!(server.wait_for_arrivals(6, PATIENCE));
        send(&process, "-INT");
        send(&process, "-INT");
        let ended = Ended::from(process.wait_with_output().unwrap()).expect_code(130);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert_eq!(ended.json()["reason"], "interrupted");
    }
}
