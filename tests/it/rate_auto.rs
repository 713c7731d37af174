//! `--rate auto`: the pace that the API bears is found, kept to, remembered, and told.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::support::{Ended, Place, column, sandbox, sandbox_with};
use imocha_cancel::sandbox::{Options, RateLimit, Sandbox};

fn limited(calls_a_second: u32) -> Sandbox {
    let calls = NonZeroU32::new(calls_a_second).unwrap();
    let rate_limit = Some(RateLimit::new(calls, Duration::from_secs(1)).unwrap());
    sandbox_with(Options { rate_limit, latency: Duration::from_millis(20), ..Options::default() })
}

/// Runs over as many rows at a rate that is found, with a place for what is remembered.
fn run(place: &Place, server: &Sandbox, rate: &str, further: &[&str]) -> Ended {
    let mut command = place.command(["run", "input.csv", "--yes", "--json", "--base-url", &server.base_url()]);
    command.env("IMOCHA_API_KEY", server.api_key()).env("XDG_STATE_HOME", place.path("state"));
    Ended::of(command.args(["--rate", rate]).args(further))
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
    assert!((10.0..=30.0).contains(&reached), "{reached}");
    let refused = json["rate"]["limited"].as_u64().unwrap();
    assert!(refused < 24, "{refused} of 240");
    let kept = place.read("state/imocha-cancel/rates.json");
    assert!(kept.contains(&server.base_url()) && !kept.contains(server.api_key()), "{kept}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = place.path("state/imocha-cancel/rates.json").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn no_second_has_more_calls_than_the_ceiling() {
    let (server, place) = (sandbox(), rows(120));
    run(&place, &server, "auto:20/s", &[]).expect_code(0);
    let arrivals: Vec<Instant> = server.record().arrivals.iter().map(|arrival| arrival.when).collect();
    let jitter = Duration::from_millis(25);
    for (first, one_more) in arrivals.iter().zip(arrivals.iter().skip(20)) {
        let time = one_more.duration_since(*first);
        assert!(time + jitter >= Duration::from_secs(1), "21 calls in {time:?}");
    }
    // It begins gently: before anything was answered, at two calls a second at the most.
    assert_eq!(arrivals.len(), 120);
}

#[test]
fn it_works_without_a_place_to_keep_what_was_found_and_with_one_that_is_broken() {
    let (server, place) = (sandbox(), rows(20));
    let mut command = place.command(["run", "input.csv", "--yes", "--rate", "auto", "--base-url", &server.base_url()]);
    Ended::of(command.env("IMOCHA_API_KEY", server.api_key())).expect_code(0);
    std::fs::create_dir_all(place.path("state/imocha-cancel")).unwrap();
    for broken in ["", "{", "[]", r#"{"salt":"","rates":[{"base_url":"x"}]}"#] {
        place.write("state/imocha-cancel/rates.json", broken);
        run(&place, &server, "auto", &["--overwrite"]).expect_code(1);
    }
    // A run of twenty rows that nothing refused has found no limit, and leaves what is there.
    let kept = place.read("state/imocha-cancel/rates.json");
    assert_eq!(kept, r#"{"salt":"","rates":[{"base_url":"x"}]}"#);
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
    let made = std::process::Command::new("mkfifo").arg(place.path("state/imocha-cancel/rates.json")).status();
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
    assert!(!place.has("state/imocha-cancel/rates.json"));
}

#[test]
fn what_is_no_rate_to_keep_to_is_refused_elsewhere() {
    let place = Place::new();
    for arguments in [["sandbox", "--rate-limit", "auto"], ["run", "--rate", "auto:auto"], ["run", "--rate", "auto:"]] {
        Ended::of(&mut place.command(arguments)).expect_code(2).expect_said(&["a rate"]);
    }
}
