//! `--rate auto`: the pace that the API bears is found, kept to, remembered, and told.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use imocha_cancel::sandbox::{Options, RateLimit, Sandbox};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{Ended, Place, column, sandbox, sandbox_with};

/// Where it is kept, in the place of a test.
const KEPT: &str = "state/imocha-cancel/rates.json";

fn limited(calls_a_second: u32) -> Sandbox {
    let calls = NonZeroU32::new(calls_a_second).unwrap();
    let rate_limit = Some(RateLimit::new(calls, Duration::from_secs(1)).unwrap());
    sandbox_with(Options { rate_limit, latency: Duration::from_millis(20), ..Options::default() })
}

/// A run at a rate that is found, with a place for what is remembered.
fn command(place: &Place, server: &Sandbox, rate: &str) -> Command {
    let mut command = place.command(["run", "input.csv", "--yes", "--json", "--base-url", &server.base_url()]);
    command.env("IMOCHA_API_KEY", server.api_key()).env("XDG_STATE_HOME", place.path("state"));
    command.args(["--rate", rate]);
    command
}

fn run(place: &Place, server: &Sandbox, rate: &str, further: &[&str]) -> Ended {
    Ended::of(command(place, server, rate).args(further))
}

/// Changes a field of the one rate that is kept.
fn change_what_is_kept(place: &Place, field: &str, value: impl Into<Value>) {
    let mut kept: Value = serde_json::from_str(&place.read(KEPT)).unwrap();
    kept["rates"][0][field] = value.into();
    place.write(KEPT, kept.to_string());
}

/// Fails if any second has more of the calls that came after so many others.
fn expect_at_most(calls: usize, server: &Sandbox, after: usize) {
    let record = server.record();
    let arrivals: Vec<Instant> = record.arrivals.iter().skip(after).map(|arrival| arrival.when).collect();
    assert!(arrivals.len() > calls);
    // On a machine with much to do, one call can take so much longer than the next.
    let jitter = Duration::from_millis(25);
    for (first, one_more) in arrivals.iter().zip(arrivals.iter().skip(calls)) {
        let time = one_more.duration_since(*first);
        assert!(time + jitter >= Duration::from_secs(1), "{} calls in {time:?}", calls + 1);
    }
}

fn rows(count: u64) -> Place {
    Place::with_input((1..=count).fold("id\n".to_owned(), |text, id| format!("{text}{id}01\n")))
}

#[test]
fn the_pace_is_found_and_told_and_remembered_without_the_key() {
    let (server, place) = (limited(20), rows(240));
    let ended = run(&place, &server, "auto", &[]).expect_code(0);
    assert_eq!(column(&place.results(), "status"), ["cancelled"; 240]);
    let json = ended.json();
    assert_eq!(json["rate"]["asked"], "auto");
    let reached = json["rate"]["reached_per_second"].as_f64().unwrap();
    // A burst of a second passes the limit of 20, and on a busy machine the calls come in bunches.
    assert!((8.0..=40.0).contains(&reached), "{reached}");
    let refused = json["rate"]["limited"].as_u64().unwrap();
    assert!(refused < 24, "{refused} of 240");
    let kept = place.read(KEPT);
    assert!(kept.contains(&server.base_url()) && !kept.contains(server.api_key()), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = place.path(KEPT).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn no_second_has_more_calls_than_the_ceiling() {
    let (server, place) = (sandbox(), rows(120));
    run(&place, &server, "auto:20/s", &[]).expect_code(0);
    expect_at_most(20, &server, 0);
    assert_eq!(server.record().arrivals.len(), 120);
}

#[test]
fn neither_pauses_nor_a_memory_above_it_make_more_calls_than_the_ceiling() {
    let (server, place) = (limited(12), rows(100));
    run(&place, &server, "auto", &[]).expect_code(0);
    change_what_is_kept(&place, "per_second", 90.0);
    let before = server.record().arrivals.len();
    let ended = run(&place, &server, "auto:20/s", &["--overwrite", "--verbose"]);
    ended.expect_said(&["the pace begins with the rate of an earlier run", "all calls pause"]);
    expect_at_most(20, &server, before);
}

#[test]
fn a_rate_of_months_ago_is_not_believed() {
    let (server, place) = (limited(4), rows(30));
    run(&place, &server, "auto", &[]).expect_code(0);
    let believed = "the pace begins with the rate of an earlier run";
    run(&place, &server, "auto", &["--overwrite", "-v", "--limit", "1"]).expect_said(&[believed, "per_second"]);
    let days_ago = |days: i64| (Timestamp::now() - SignedDuration::from_hours(days * 24)).to_string();
    for (found_at, is_believed) in
        [(days_ago(29), true), (days_ago(31), false), (days_ago(-31), false), ("yesterday".to_owned(), false)]
    {
        change_what_is_kept(&place, "found_at", found_at.as_str());
        let ended = run(&place, &server, "auto", &["--overwrite", "-v", "--limit", "1"]);
        assert_eq!(ended.stderr.contains(believed), is_believed, "{found_at}: {}", ended.stderr);
    }
}

#[test]
fn who_holds_the_file_holds_up_no_run() {
    let (server, place) = (limited(3), rows(15));
    std::fs::create_dir_all(place.path("state/imocha-cancel")).unwrap();
    let lock = std::fs::File::create(place.path("state/imocha-cancel/rates.lock")).unwrap();
    lock.lock().unwrap();
    let not_kept = "the rate that was found is not kept for the next run";
    run(&place, &server, "auto", &["-v"]).expect_code(0).expect_said(&[not_kept, "another run holds rates.lock"]);
    assert!(!place.has(KEPT));
    drop(lock);
    let ended = run(&place, &server, "auto", &["-v", "--overwrite"]);
    assert!(place.has(KEPT) && !ended.stderr.contains(not_kept), "{}", ended.stderr);
}

#[test]
fn it_works_without_a_place_to_keep_what_was_found_and_with_one_that_is_broken() {
    let (server, place) = (limited(4), rows(20));
    let mut command = place.command(["run", "input.csv", "--yes", "--rate", "auto", "--base-url", &server.base_url()]);
    Ended::of(command.env("IMOCHA_API_KEY", server.api_key())).expect_code(0);
    // Nobody can make a directory in a file, not even root.
    place.write("state", "");
    let ended = run(&place, &server, "auto", &["--overwrite", "-v"]).expect_code(1);
    ended.expect_said(&["the rate that was found is not kept for the next run"]);
    std::fs::remove_file(place.path("state")).unwrap();
    std::fs::create_dir_all(place.path("state/imocha-cancel")).unwrap();
    let broken = ["", "{", "[]", r#"{"salt":"","rates":[{"base_url":"x"}]}"#];
    for kept in broken {
        place.write(KEPT, kept);
        run(&place, &server, "auto", &["--overwrite", "--limit", "2"]).expect_code(1);
        assert_eq!(place.read(KEPT), kept, "two calls have found no limit, and leave what is there");
    }
    run(&place, &server, "auto", &["--overwrite"]).expect_code(1);
    let kept: Value = serde_json::from_str(&place.read(KEPT)).unwrap();
    assert_eq!(kept["rates"][0]["base_url"], server.base_url(), "what was broken is made anew");
}

#[test]
fn a_429_that_ends_the_run_is_among_those_that_are_told() {
    let calls = NonZeroU32::new(3).unwrap();
    let rate_limit = Some(RateLimit::new(calls, Duration::from_secs(3600)).unwrap());
    let (server, place) = (sandbox_with(Options { rate_limit, ..Options::default() }), rows(20));
    let ended = run(&place, &server, "auto", &[]).expect_code(3).expect_said(&["longer than --max-outage"]);
    let json = ended.json();
    assert_eq!(json["reason"], "rate_limited");
    let refused = server.record().arrivals.iter().filter(|arrival| arrival.status == Some(429)).count();
    assert!(refused > 0);
    assert_eq!(json["rate"]["limited"], refused);
}

#[test]
fn what_ends_a_run_ends_it_while_the_pace_is_being_found() {
    let (server, place) = (sandbox(), rows(400));
    let (reached, nobody) = (server.base_url(), "http://127.0.0.1:1".to_owned());
    let mut before = 0;
    for (base_url, key, patience, reason, least) in [
        (&reached, "wrong", [].as_slice(), "unauthorized", 1),
        (&reached, server.api_key(), &["--max-duration", "3s"], "deadline", 3),
        (&nobody, server.api_key(), &["--max-outage", "2s"], "outage", 0),
    ] {
        let mut command = place.command(["run", "input.csv", "-y", "--json", "--overwrite", "--rate", "auto:20/s"]);
        command.args(["--base-url", base_url]).args(patience);
        let command = command.env("IMOCHA_API_KEY", key).env("XDG_STATE_HOME", place.path("state"));
        let json = Ended::of(command).expect_code(3).json();
        assert_eq!((&json["reason"], &json["rate"]["asked"]), (&reason.into(), &"auto:20/s".into()), "{json}");
        assert_eq!((&json["rows"]["total"], &json["rate"]["limited"]), (&400.into(), &0.into()), "{json}");
        let calls = server.record().arrivals.len() - before;
        assert!(calls >= least && calls <= 70, "{reason}: {calls} calls");
        before += calls;
    }
    assert!(!place.has(KEPT), "none of them has found anything");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_in_order_while_all_calls_pause() {
    use std::process::Stdio;

    let calls = NonZeroU32::new(3).unwrap();
    let rate_limit = Some(RateLimit::new(calls, Duration::from_secs(300)).unwrap());
    let (server, place) = (sandbox_with(Options { rate_limit, ..Options::default() }), rows(20));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    command.args(["run", "input.csv", "-y", "--rate", "auto", "--json", "--base-url", &server.base_url()]);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(server.wait_for_arrivals(4, crate::support::PATIENCE));
    let sent = std::process::Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let json = Ended::from(process.wait_with_output().unwrap()).expect_code(143).json();
    assert_eq!(json["reason"], "interrupted");
    assert!(json["rate"]["limited"].as_u64().unwrap() >= 1, "{json}");
    let results = place.results();
    let statuses = column(&results, "status");
    let count = |word: &str| statuses.iter().filter(|&&status| status == word).count();
    let limited = server.record().arrivals.len() - 3;
    assert_eq!((statuses.len(), count("cancelled"), count("not_attempted")), (20, 3, 17 - limited), "{statuses:?}");
}

#[test]
fn the_lists_have_their_own_pace_whatever_the_environment_says_for_runs() {
    let (server, place) = (sandbox(), rows(2));
    run(&place, &server, "auto", &["-q"]).expect_code(0);
    let mut command = place.command(["verify", "input.results.csv", "-n", "--max-outage", "0s"]);
    command.env("IMOCHA_CANCEL_RATE", "auto").env("IMOCHA_CANCEL_BASE_URL", "http://127.0.0.1:1");
    // It gets as far as the host, which is another one than that of the run.
    Ended::of(command.env("IMOCHA_API_KEY", "k")).expect_code(2).expect_said(&["say --base-url"]);
}

#[cfg(unix)]
#[test]
fn a_place_that_is_a_pipe_holds_nobody_up() {
    let (server, place) = (sandbox(), rows(3));
    std::fs::create_dir_all(place.path("state/imocha-cancel")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(place.path(KEPT)).status();
    assert!(made.unwrap().success());
    run(&place, &server, "auto", &[]).expect_code(0);
}

#[test]
fn a_pace_that_nobody_came_near_to_is_neither_told_nor_kept() {
    let server = sandbox_with(Options { latency: Duration::from_millis(200), ..Options::default() });
    let place = rows(20);
    let summary = run(&place, &server, "auto", &["--concurrency", "1"]).expect_code(0).json();
    let reached = summary["rate"]["reached_per_second"].as_f64().unwrap();
    assert!(reached <= 5.5, "one call at a time, each of 200 ms: {reached}");
    assert!(!place.has(KEPT));
}

#[test]
fn what_is_no_rate_to_keep_to_is_refused_elsewhere() {
    let place = Place::new();
    for arguments in [["sandbox", "--rate-limit", "auto"], ["run", "--rate", "auto:auto"], ["run", "--rate", "auto:"]] {
        Ended::of(&mut place.command(arguments)).expect_code(2).expect_said(&["a rate"]);
    }
}
