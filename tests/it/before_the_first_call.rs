//! A signal before the first call ends in order: with its exit code and the summary, and with nothing left behind.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use imocha_cancel::sandbox::{Options, Sandbox};
use rexpect::session::spawn_command;

use crate::canned::{Answer, Canned};
use crate::support::{Ended, PATIENCE, Place, asked_for, at_once, column, sandbox, sandbox_with, wait_until};

fn command(place: &Place, base_url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", "key");
    command.args(["run", "--json", "--base-url", base_url]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn send(process: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
}

/// Waits until the process listens to this signal, given by its number.
fn wait_until_it_listens(process: &Child, number: u32) {
    wait_until("it listens", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught >> (number - 1) & 1 == 1)
    });
}

/// Fails unless the run was stopped by a signal and nothing happened.
#[track_caller]
fn expect_stopped(mut process: Child, place: &Place, before: &[String], code: i32) {
    // Open to the end, so that it is the signal that ends it.
    let _stdin = process.stdin.take();
    let ended = Ended::from(process.wait_with_output().unwrap()).expect_code(code);
    let json = ended.json();
    assert_eq!((&json["outcome"], &json["reason"]), (&"stopped".into(), &"interrupted".into()), "{json}");
    assert_eq!((&json["exit_code"], &json["rows"]["total"]), (&code.into(), &0.into()));
    assert_eq!(place.names(), before, "nothing may be left behind");
    assert_eq!(ended.stderr.matches("SIG").count(), 1, "the reason is told once: {}", ended.stderr);
    assert!(ended.stderr.contains("before the first call, nothing was sent"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn while_standard_input_is_awaited() {
    for (signal, number, code) in [("-INT", 2, 130), ("-TERM", 15, 143), ("-HUP", 1, 143)] {
        let (server, place) = (sandbox(), Place::new());
        let process = command(&place, &server.base_url(), &["-", "-y", "-o", "out.csv"]).spawn().unwrap();
        wait_until_it_listens(&process, number);
        send(&process, signal);
        expect_stopped(process, &place, &[], code);
        assert!(asked_for(&server).is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn while_the_key_is_awaited() {
    let (server, place) = (sandbox(), Place::with_input("id\n1\n"));
    assert!(Command::new("mkfifo").arg(place.path("key")).status().unwrap().success());
    let before = place.names();
    let arguments = ["input.csv", "-y", "--api-key-file", "key"];
    let process = command(&place, &server.base_url(), &arguments).spawn().unwrap();
    wait_until_it_listens(&process, 15);
    send(&process, "-TERM");
    expect_stopped(process, &place, &before, 143);
}

#[cfg(target_os = "linux")]
#[test]
fn while_a_dry_run_asks_whether_the_key_is_good() {
    let server = Canned::serve(|_path, _before| Answer::Silence);
    let place = Place::with_input("id\n1\n");
    let process = command(&place, &server.base_url, &["input.csv", "-n"]).spawn().unwrap();
    wait_until("it asks", || server.requests() > 0);
    send(&process, "-INT");
    expect_stopped(process, &place, &["input.csv".to_owned()], 130);
}

#[test]
fn at_the_question() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        let (server, place) = (sandbox(), Place::with_input("id\n31\n"));
        let mut command = Command::new("sh");
        command.env_clear().env("TERM", "xterm").env("IMOCHA_API_KEY", server.api_key()).current_dir(place.path(""));
        command.args(["-c", "echo pid=$$; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_imocha-cancel"), "run", "input.csv"]);
        command.args(["--json", "--base-url", &server.base_url()]);
        let mut session = spawn_command(command, Some(u64::try_from(PATIENCE.as_millis()).unwrap())).unwrap();
        let (_, pid) = session.exp_regex("pid=[0-9]+").unwrap();
        session.exp_string("Type yes to go on:").unwrap();
        let sent = Command::new("kill").args(["-s", signal, pid.trim_start_matches("pid=")]).status().unwrap();
        assert!(sent.success());
        let said = session.exp_eof().unwrap();
        assert!(said.contains(&format!("\"exit_code\":{code}")), "{said}");
        assert!(said.contains("\"reason\":\"interrupted\"") && said.contains(&format!("SIG{signal}")), "{said}");
        assert!(said.contains("to begin again: imocha-cancel run input.csv --base-url"), "{said}");
        assert!(asked_for(&server).is_empty());
        assert_eq!(place.names(), ["input.csv"]);
    }
}

fn one_slow_row() -> (Sandbox, Place) {
    (sandbox_with(Options { latency: Duration::from_secs(2), ..Options::default() }), Place::with_input("id\n101\n"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    at_once([("HUP", "-HUP"), ("INT", "-INT"), ("TERM", "-TERM")], |(name, ignored)| {
        let (server, place) = one_slow_row();
        let mut command = Command::new("sh");
        command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
        let script = format!("trap '' {name}; exec \"$@\"");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_imocha-cancel"), "run", "input.csv", "-y", "--json"]);
        command.args(["--base-url", &server.base_url()]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().unwrap();
        assert!(server.wait_for_arrivals(1, PATIENCE));
        send(&process, ignored);
        send(&process, ignored);
        let ended = Ended::from(process.wait_with_output().unwrap()).expect_code(0);
        assert_eq!(ended.json()["outcome"], "finished", "{name}");
        assert_eq!(column(&place.results(), "status"), ["cancelled"]);
    });
}
