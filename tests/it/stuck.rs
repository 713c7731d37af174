//! Standard error and standard output that nobody reads: the run records all the same, and a second signal leaves.
#![cfg(unix)]

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use imocha_cancel::sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::support::{PATIENCE, Place, asked_for, column, sandbox, sandbox_with, wait_until};

/// How long an answer takes that nobody is to wait for.
const SLOW: Duration = Duration::from_secs(40);
/// At this rate each four rows are called for as soon as they are read, and not only when all that comes behind them is
/// logged.
const CALLED_AS_READ: &str = "40/s";
/// What a pipe holds that nobody reads.
const PIPE_BYTES: usize = 64 * 1024;

/// More calls than the log has room for, in a pipe that nobody reads and in what waits behind it.
const MORE_THAN_WAITS: usize = 4_000;

/// Rows to call for, and then many that are not sent.
fn many_rows(calls: usize) -> Place {
    let ids = (1..=calls).map(|number| format!("{number}01\n"));
    let skipped = (0..30_000).map(|_| "101\n".to_owned());
    Place::with_input(format!("id\n{}", ids.chain(skipped).collect::<String>()))
}

fn command(place: &Place, server: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    command.env("IMOCHA_CANCEL_RATE", "unlimited");
    command.args(["run", "input.csv", "-y", "--base-url", &server.base_url()]).args(arguments);
    command
}

fn send(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).stderr(Stdio::null()).status();
    assert!(sent.is_ok());
}

/// Sends this signal until the process has ended. Each of two may be taken for one when they come close together.
fn signal_until_it_ends(process: &mut Child, signal: &str) -> ExitStatus {
    let begun = Instant::now();
    loop {
        send(process, signal);
        let waiting = Instant::now();
        while waiting.elapsed() < Duration::from_millis(200) {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        assert!(begun.elapsed() < SLOW / 2, "it does not leave");
    }
}

/// A pipe that is full.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let (counted, mut filling) = (Arc::clone(&written), writer.try_clone().unwrap());
    thread::spawn(move || {
        while filling.write_all(&[b' '; 4096]).is_ok() {
            counted.fetch_add(4096, Ordering::Relaxed);
        }
    });
    wait_until("a full pipe", || written.load(Ordering::Relaxed) >= PIPE_BYTES);
    (reader, writer)
}

#[test]
fn a_second_signal_leaves_although_nobody_reads_standard_error() {
    let server = sandbox_with(Options { latency: SLOW, ..Options::default() });
    let place = many_rows(4);
    let (_reader, writer) = full_pipe();
    let mut process = command(&place, &server, &["-v", "--json", "--rate", CALLED_AS_READ])
        .stdout(Stdio::piped())
        .stderr(writer)
        .spawn()
        .unwrap();
    assert!(server.wait_for_arrivals(4, PATIENCE));
    let status = signal_until_it_ends(&mut process, "-TERM");

    assert_eq!(status.code(), Some(143));
    let mut stdout = String::new();
    process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&json["outcome"], &json["reason"]), (&"stopped".into(), &"interrupted".into()));
    assert!(json["without_result"].as_u64().unwrap() >= 4, "{json}");
    assert_eq!(json["without_result"].as_u64().unwrap() + json["rows"]["total"].as_u64().unwrap(), 30_004);
}

#[test]
fn what_is_in_flight_is_recorded_although_nobody_reads_standard_error() {
    let server = sandbox_with(Options { latency: Duration::from_millis(500), ..Options::default() });
    let place = many_rows(40);
    let (mut reader, writer) = full_pipe();
    let mut process = command(&place, &server, &["-v", "--rate", CALLED_AS_READ]).stderr(writer).spawn().unwrap();
    assert!(server.wait_for_arrivals(4, PATIENCE));
    send(&process, "-TERM");
    let rows = || place.read("input.results.csv").lines().count();
    wait_until("the last row", || rows() == 30_041);
    assert!(process.try_wait().unwrap().is_none(), "it waits for a reader");
    let results = place.results();
    let cancelled = results.iter().filter(|row| row["status"] == "cancelled").count();
    assert_eq!(cancelled, asked_for(&server).len(), "what was sent has its answer");
    assert!(cancelled < 40, "it was stopped");

    let mut said = [0; 4096];
    let status = loop {
        assert!(reader.read(&mut said).unwrap() > 0);
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(143));
}

#[test]
fn a_run_ends_although_nobody_reads_standard_error_and_says_so_later() {
    let ids = (1..=MORE_THAN_WAITS).fold("id\n".to_owned(), |text, number| format!("{text}{number}01\n"));
    let (server, place) = (Sandbox::start(Options::default()).unwrap(), Place::with_input(ids));
    let mut command = command(&place, &server, &["-v", "--json", "--concurrency", "32"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdout, mut summary) = (BufReader::new(process.stdout.take().unwrap()), String::new());
    stdout.read_line(&mut summary).unwrap();
    let json: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((&json["outcome"], &json["rows"]["cancelled"]), (&"finished".into(), &MORE_THAN_WAITS.into()));

    let mut said = String::new();
    process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains(" messages were left out here"), "{}", &said[said.len().saturating_sub(500)..]);
    assert!(said.contains("finished after"));
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_leaves_when_nobody_reads_the_summary() {
    let (server, place) = (sandbox(), Place::with_input("id\n101\n"));
    let (_reader, writer) = full_pipe();
    let mut process = command(&place, &server, &["--json"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut stderr) = (String::new(), process.stderr.take().unwrap());
    let mut byte = [0];
    while !said.contains("finished after") {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{said}");
        said.push(char::from(byte[0]));
    }
    let status = signal_until_it_ends(&mut process, "-INT");
    assert_eq!(status.code(), Some(0), "the run had ended well");
    assert_eq!(column(&place.results(), "status"), ["cancelled"]);
}

#[test]
fn a_second_signal_leaves_when_nobody_reads_the_results() {
    let server = sandbox_with(Options { latency: SLOW, ..Options::default() });
    let place = many_rows(4);
    let mut process =
        command(&place, &server, &["-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut begun = [0; 5];
    process.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"line,");
    let status = signal_until_it_ends(&mut process, "-TERM");
    assert_eq!(status.code(), Some(143));
}
