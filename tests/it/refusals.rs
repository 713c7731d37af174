//! A run that cannot be right does not start: exit 2, one clear sentence, not one request, and no results file.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::{Ended, Place, sandbox};

/// Runs with these arguments beside a good `input.csv`, and expects a refusal for this reason.
fn refused(place: &Place, arguments: &[&str], reason: &str) -> Ended {
    let server = sandbox();
    let before = place.names();
    let mut command = place.command(arguments);
    command.args(["--json", "--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let ended = Ended::of(&mut command).expect_code(2);
    let json = ended.json();
    assert_eq!(json["outcome"], "refused", "{json}");
    assert_eq!(json["reason"], reason, "{json}\n{}", ended.stderr);
    assert_eq!(json["exit_code"], 2);
    assert_eq!(json["rows"]["total"], 0);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert!(server.record().arrivals.is_empty(), "nothing may be sent");
    assert_eq!(place.names(), before, "nothing may be left behind");
    ended
}

fn good() -> Place {
    Place::with_input("id,name\n1,a\n2,b\n3,c\n")
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_sent() {
    refused(&good(), &["run", "input.csv"], "not_confirmed").expect_said(&[
        "3 invitations",
        "127.0.0.1:",
        "--dry-run",
        "--yes",
    ]);
}

#[test]
fn an_existing_results_file_is_kept() {
    let place = good();
    place.write("input.results.csv", "precious");
    refused(&place, &["run", "input.csv", "-y"], "results_exist").expect_said(&["input.results.csv", "--overwrite"]);
    assert_eq!(place.read("input.results.csv"), "precious");
}

#[test]
fn overwrite_replaces_an_existing_results_file() {
    let server = sandbox();
    let place = good();
    place.write("input.results.csv", "old");
    place.run(&server, &["--overwrite"]).expect_code(0);
    assert_eq!(place.results().len(), 3);
}

#[test]
fn more_cancels_than_allowed_are_refused() {
    refused(&good(), &["run", "input.csv", "-y", "--max-cancels", "2"], "too_many")
        .expect_said(&["3 invitations", "--max-cancels 2"]);
    let server = sandbox();
    good().run(&server, &["--max-cancels", "3"]).expect_code(0);
    good().run(&server, &["--max-cancels", "2", "--limit", "2"]).expect_code(1);
}

#[test]
fn an_input_that_is_too_old_is_refused() {
    let place = good();
    let hour_ago = SystemTime::now().checked_sub(Duration::from_secs(3700)).unwrap();
    std::fs::File::options().append(true).open(place.path("input.csv")).unwrap().set_modified(hour_ago).unwrap();
    refused(&place, &["run", "input.csv", "-y", "--max-input-age", "1h"], "stale_input").expect_said(&[
        "input.csv",
        "--max-input-age 1h",
        "export it again",
    ]);
    place.run(&sandbox(), &["--max-input-age", "2h"]).expect_code(0);
}

#[cfg(unix)]
#[test]
fn output_and_input_must_differ_by_whatever_name() {
    let place = good();
    std::os::unix::fs::symlink(place.path("input.csv"), place.path("link.csv")).unwrap();
    std::fs::hard_link(place.path("input.csv"), place.path("hard.csv")).unwrap();
    let absolute = place.path("input.csv");
    for output in ["input.csv", "./input.csv", "link.csv", "hard.csv", absolute.to_str().unwrap()] {
        refused(&place, &["run", "input.csv", "-y", "--overwrite", "-o", output], "usage").expect_said(&["same file"]);
    }
    assert_eq!(place.read("input.csv"), "id,name\n1,a\n2,b\n3,c\n");
}

#[test]
fn results_need_a_directory_and_a_place_for_a_file() {
    let place = good();
    refused(&place, &["run", "input.csv", "-y", "-o", "missing/out.csv"], "usage").expect_said(&["missing"]);
    refused(&place, &["run", "input.csv", "-y", "--overwrite", "-o", "."], "usage").expect_said(&["directory"]);
}

#[test]
fn standard_input_has_no_count_and_no_age() {
    let place = good();
    refused(&place, &["run", "-", "-y"], "usage").expect_said(&["--output"]);
    refused(&place, &["run", "-", "-o", "x.csv"], "not_confirmed").expect_said(&["standard input", "--yes"]);
    refused(&place, &["run", "-", "-y", "-o", "x.csv", "--max-cancels", "5"], "usage")
        .expect_said(&["--max-cancels", "--limit"]);
    refused(&place, &["run", "-", "-y", "-o", "x.csv", "--max-input-age", "5m"], "usage")
        .expect_said(&["--max-input-age"]);
}

#[test]
fn what_is_wrong_with_the_input_is_said_by_name() {
    let place = good();
    refused(&place, &["run", "missing.csv", "-y"], "input").expect_said(&["missing.csv"]);
    refused(&place, &["run", ".", "-y", "-o", "x.csv"], "input").expect_said(&["directory"]);
    place.write("input.csv", "name,mail\na,b\n");
    refused(&place, &["run", "input.csv", "-y"], "input").expect_said(&["input.csv", "name", "mail", "--id-column"]);
    place.write("input.csv", "testInvitationId,invitationId\n1,2\n");
    refused(&place, &["run", "input.csv", "-y"], "input").expect_said(&[
        "testInvitationId",
        "invitationId",
        "--id-column",
    ]);
}

#[test]
fn a_file_without_any_id_is_refused_and_leaves_nothing() {
    for (text, said) in [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("id,name\n,Ann\nx,Bob\n", "does not hold invitation IDs"),
        ("id,name\nx,Ann\n", "line 2 has \"x\""),
        ("phone\n9876543210\n", "names no invitations"),
        ("Export of round 7\nNo,Name,Email\n1,Ann,a\n", "the header seems to be on line 2"),
    ] {
        let place = Place::with_input(text);
        refused(&place, &["run", "input.csv", "-y"], "input").expect_said(&["input.csv", said]);
        refused(&place, &["run", "input.csv", "--dry-run"], "input").expect_said(&["input.csv", said]);
        assert_eq!(place.names(), ["input.csv"], "{text:?}");
    }
    let place = Place::new();
    refused(&place, &["run", "-", "-y", "-o", "x.csv"], "input").expect_said(&["standard input is empty"]);
    assert_eq!(place.names(), Vec::<String>::new());
}

#[test]
fn a_command_line_that_cannot_be_read_is_refused_with_the_summary_too() {
    let place = good();
    for wrong in [
        ["--rate", "fast"],
        ["--rate", "0/s"],
        ["--concurrency", "0"],
        ["--timeout", "1ms"],
        ["--limit", "many"],
        ["--base-url", "http://apiv3.imocha.io"],
        ["--delimiter", "ab"],
        ["--no-such-flag", "1"],
    ] {
        let mut command = place.command(["run", "input.csv", "--json"]);
        let ended = Ended::of(command.args(wrong)).expect_code(2);
        assert_eq!(
            (&ended.json()["outcome"], &ended.json()["reason"]),
            (&Value::from("refused"), &Value::from("usage"))
        );
        assert!(ended.stderr.contains(wrong[0]), "{}", ended.stderr);
    }
}

#[test]
fn two_things_cannot_both_go_to_standard_output() {
    refused(&good(), &["run", "input.csv", "-y", "-o", "-"], "usage").expect_said(&["--json", "--output"]);
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_by_its_name_and_not_shown() {
    for (name, value) in [
        ("HTTPS_PROXY", "http://s3cret:port"),
        ("https_proxy", "s3cret s3cret"),
        ("ALL_PROXY", "socks5://me:s3cret@127.0.0.1:1080"),
        ("all_proxy", "ftp://s3cret"),
    ] {
        for arguments in [vec!["-y"], vec!["-n"]] {
            let place = good();
            let mut command = place.command(["run", "input.csv", "--json", "--base-url", "https://127.0.0.1:1"]);
            command.args(arguments).env("IMOCHA_API_KEY", "key").env(name, value);
            let ended = Ended::of(&mut command).expect_code(2).expect_said(&[name, "proxy", "unset it"]);
            assert_eq!(ended.json()["reason"], "usage");
            assert!(!ended.stderr.contains("s3cret") && !ended.stdout.contains("s3cret"), "{}", ended.stderr);
            assert_eq!(place.names(), ["input.csv"]);
        }
    }
}

#[test]
fn a_number_that_is_none_is_refused_with_an_example() {
    for flag in ["--limit", "--max-cancels"] {
        for value in ["x", "-5", "1.5", "+3", ""] {
            let place = good();
            let mut command = place.command(["run", "input.csv", "--json"]);
            let ended = Ended::of(command.arg(format!("{flag}={value}"))).expect_code(2);
            let json = ended.json();
            assert!(json["message"].as_str().unwrap().contains("a whole number, such as 10"), "{json}");
            ended.expect_said(&[flag, "a whole number, such as 10"]);
        }
    }
}

#[test]
fn what_overwrite_gives_up_is_told() {
    let (server, place) = (sandbox(), good());
    place.run(&server, &["--limit", "2"]).expect_code(1);
    let ended = place.run(&server, &["--overwrite"]).expect_code(1);
    ended.expect_said(&[
        "--overwrite gives up \"input.results.csv\": 3 rows of an earlier run (2 cancelled, 1 not_attempted)",
    ]);
    place.write("input.results.csv", "line,invitation_id,status,http_status,error\n2,1,unconfirmed,,lost\n");
    place.run(&server, &["--overwrite", "-q"]).expect_said(&["warning: ", "1 may be cancelled without a confirmation"]);
}
