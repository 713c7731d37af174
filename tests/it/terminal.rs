//! What a person sees on a terminal: the question, and the bar.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use imocha_cancel::sandbox::{Options, Sandbox};
use rexpect::session::{PtySession, spawn_command};

use crate::canned::{Answer, Canned};
use crate::support::{PATIENCE, Place, asked_for, column, sandbox, sandbox_with};

/// `run input.csv` on a terminal of its own.
fn on_a_terminal(place: &Place, server: &Sandbox, arguments: &[&str]) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().env("TERM", "xterm").env("IMOCHA_API_KEY", server.api_key()).current_dir(place.path(""));
    command.args(["run", "input.csv", "--rate", "unlimited", "--base-url", &server.base_url()]).args(arguments);
    spawn_command(command, Some(u64::try_from(PATIENCE.as_millis()).unwrap())).unwrap()
}

#[test]
fn the_question_says_what_is_at_stake_and_yes_goes_on() {
    let server = sandbox();
    let place = Place::with_input("id\n31\nx\n32\n33\n");
    let mut session = on_a_terminal(&place, &server, &[]);
    let asked = session.exp_string("Type yes to go on:").unwrap();
    for text in [
        "cancel 3 invitations at 127.0.0.1:",
        "input.csv",
        "1 without a valid ID",
        "first 31, last 33",
        "e-mailed",
        "cannot be undone",
    ] {
        assert!(asked.contains(text), "no {text:?} in {asked}");
    }
    assert!(asked_for(&server).is_empty(), "nothing is sent before the answer");
    session.send_line("yes").unwrap();
    session.exp_string("finished after").unwrap();
    session.exp_eof().unwrap();
    assert_eq!(column(&place.results(), "status"), ["cancelled", "invalid_id", "cancelled", "cancelled"]);
}

#[test]
fn any_other_answer_sends_nothing() {
    for answer in ["", "no", "y", "yes please"] {
        let server = sandbox();
        let place = Place::with_input("id\n31\n");
        let mut session = on_a_terminal(&place, &server, &[]);
        session.exp_string("Type yes to go on:").unwrap();
        session.send_line(answer).unwrap();
        session.exp_string("not confirmed").unwrap();
        session.exp_eof().unwrap();
        assert!(server.record().arrivals.is_empty(), "{answer:?}");
        assert_eq!(place.names(), ["input.csv"]);
    }
}

#[test]
fn what_was_typed_before_the_question_is_no_answer_to_it() {
    let server = sandbox();
    let place = Place::with_input("id\n31\n");
    // The key is awaited meanwhile.
    assert!(Command::new("mkfifo").arg(place.path("key")).status().unwrap().success());
    // What the terminal shows of what was typed has been taken in, so it is told to show it.
    let mut command = Command::new("sh");
    command.env_clear().env("TERM", "xterm").current_dir(place.path(""));
    command.args(["-c", "stty echo; echo ready; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_imocha-cancel")]);
    command.args(["run", "input.csv", "--api-key-file", "key", "--base-url", &server.base_url()]);
    let mut session = spawn_command(command, Some(u64::try_from(PATIENCE.as_millis()).unwrap())).unwrap();
    session.exp_string("ready").unwrap();
    session.send_line("yes").unwrap();
    session.exp_string("yes").unwrap();
    place.write("key", server.api_key());
    session.exp_string("Type yes to go on:").unwrap();
    session.send_line("no").unwrap();
    session.exp_string("not confirmed").unwrap();
    session.exp_eof().unwrap();
    assert!(server.record().arrivals.is_empty());
}

#[test]
fn an_input_that_changes_while_the_question_is_asked_is_refused() {
    let server = sandbox();
    let place = Place::with_input("id\n31\n");
    let mut session = on_a_terminal(&place, &server, &[]);
    session.exp_string("Type yes to go on:").unwrap();
    place.write("input.csv", "id\n31\n666\n");
    session.send_line("yes").unwrap();
    session.exp_string("changed").unwrap();
    session.exp_eof().unwrap();
    assert!(server.record().arrivals.is_empty());
    assert_eq!(place.names(), ["input.csv"]);
}

#[test]
fn the_question_tells_a_limited_run_from_a_whole_one() {
    let server = sandbox();
    let place = Place::with_input("id\n31\n32\n33\n");
    let mut session = on_a_terminal(&place, &server, &["--limit", "2"]);
    let asked = session.exp_string("Type yes to go on:").unwrap();
    assert!(asked.contains("cancel 2 invitations") && asked.contains("2 of the 3 between 31 and 33"), "{asked}");
    session.send_line("no").unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn the_question_says_what_would_be_replaced() {
    let server = sandbox();
    let place = Place::with_input("id\n31\n32\n");
    place.write(
        "input.results.csv",
        "line,invitation_id,status,http_status\n2,31,cancelled,200\n3,32,server_error,500\n",
    );
    let mut session = on_a_terminal(&place, &server, &["--overwrite"]);
    let asked = session.exp_string("Type yes to go on:").unwrap();
    let replaced = "2 rows of an earlier run (1 cancelled, 1 server_error), of which 1 may be cancelled";
    assert!(asked.contains(replaced), "{asked}");
    session.send_line("no").unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn the_bar_shows_counts_and_goes_away_and_the_log_does_not_break_it() {
    let server = sandbox_with(Options { latency: std::time::Duration::from_millis(100), ..Options::default() });
    let ids: String = (1..=20).map(|number| format!("{number}01\n")).collect();
    let place = Place::with_input(format!("id\n{ids}"));
    let mut session = on_a_terminal(&place, &server, &["--yes", "-v", "--concurrency", "2"]);
    let (_, drawn) = session.exp_regex(r"of 20; .* \d+ cancelled").unwrap();
    assert!(drawn.contains("cancelled"));
    let rest = session.exp_eof().unwrap();
    for line in rest.lines().filter(|line| line.contains("recorded")) {
        let visible = line.rsplit('\r').next().unwrap();
        assert!(!visible.contains("of 20;"), "a log line and the bar stand in one line: {line:?}");
    }
    assert!(rest.contains("finished after"), "{rest}");
}

#[test]
fn the_bar_shows_a_pause_and_an_outage() {
    for (answer, shown) in [
        ("429 Slow Down\r\nRetry-After: 2", "pause of [23]s \\(429\\), [12]s left"),
        ("500 Broken", "of 12; down for \\d+s \\(HTTP 500\\), (next look in \\d+s|looking now), gives up in (9m|10m)"),
    ] {
        // One 429, or failures until the outage is shown.
        let is_shown = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&is_shown);
        let server = Canned::serve(move |path, before| {
            let fails = if answer.starts_with("429") {
                before == 0 && path.contains("/101/")
            } else {
                !is_over.load(Ordering::SeqCst)
            };
            if fails { Answer::json(answer, "{}") } else { Answer::cancelled(path) }
        });
        let ids: String = (1..=12).map(|number| format!("{number}01\n")).collect();
        let place = Place::with_input(format!("id\n{ids}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
        command.env_clear().env("TERM", "xterm").env("IMOCHA_API_KEY", "key").current_dir(place.path(""));
        command.args([
            "run",
            "input.csv",
            "-y",
            "--rate",
            "50/s",
            "--concurrency",
            "12",
            "--base-url",
            &server.base_url,
        ]);
        let mut session = spawn_command(command, Some(u64::try_from(PATIENCE.as_millis()).unwrap())).unwrap();
        session.exp_regex(shown).unwrap();
        is_shown.store(true, Ordering::SeqCst);
        session.exp_string("finished after").unwrap();
        session.exp_eof().unwrap();
    }
}

#[test]
fn errors_and_warnings_are_colored_on_a_terminal_unless_nobody_wants_that() {
    let server = sandbox();
    for (no_color, error, warning) in [
        (None, "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m ", "\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m "),
        (Some("1"), "error: the results", "warning: there is nothing"),
    ] {
        let place = Place::with_input("id\n");
        let run = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
            command
                .env_clear()
                .env("TERM", "xterm")
                .env("IMOCHA_API_KEY", server.api_key())
                .current_dir(place.path(""));
            command.envs(no_color.map(|value| ("NO_COLOR", value)));
            command.args(["run", "input.csv", "-y", "--base-url", &server.base_url()]);
            let mut session = spawn_command(command, Some(u64::try_from(PATIENCE.as_millis()).unwrap())).unwrap();
            session.exp_eof().unwrap()
        };
        let said = run();
        assert!(said.contains(warning), "{said:?}");
        let said = run();
        assert!(said.contains(error), "{said:?}");
    }
}

#[test]
fn the_bar_leaves_room_at_the_right_however_narrow_the_terminal_is() {
    for columns in [60_usize, 80, 120] {
        let server = Canned::serve(|path, before| {
            if before == 0 && path.contains("/101/") {
                Answer::json("429 Slow Down\r\nRetry-After: 1", "{}")
            } else {
                Answer::cancelled(path)
            }
        });
        let ids: String = (1..=40).map(|number| format!("{number}01\n")).collect();
        let place = Place::with_input(format!("id\n{ids}"));
        let mut command = Command::new("sh");
        command.env_clear().env("TERM", "xterm").env("IMOCHA_API_KEY", "key").current_dir(place.path(""));
        command.env("PATH", "/usr/bin:/bin");
        let script = format!("stty rows 24 cols {columns}; exec \"$@\"");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_imocha-cancel"), "run", "input.csv", "-y"]);
        command.args(["--rate", "20/s", "--base-url", &server.base_url]);
        let mut session = spawn_command(command, Some(u64::try_from(PATIENCE.as_millis()).unwrap())).unwrap();
        let shown = session.exp_eof().unwrap();
        let drawn: Vec<&str> = shown.split(['\r', '\n', '\u{1b}']).filter(|line| line.contains(" of 40")).collect();
        assert!(drawn.iter().any(|line| line.contains("pause of 1s (429), 1s left")), "{shown}");
        for line in drawn {
            let line = line.trim_start_matches(|character: char| character == '[' || character.is_ascii_uppercase());
            assert!(line.chars().count() <= columns - 4, "{columns}: {line:?}");
        }
    }
}
