//! `--expect`: what one person looked at is what another person, or cron, cancels.

use std::fs;

use sha2::{Digest, Sha256};

use crate::support::{Ended, Place, asked_for, sandbox};

const INPUT: &str = "id,name\n11,a\n12,b\n";
/// What `sha256sum` prints of it.
const FINGERPRINT: &str = "8cac3701e6ca6326df4f29834e21b903275f9ffd0b1a1cd6ba908fee427c8dba";

#[test]
fn the_file_that_was_looked_at_is_run_and_no_other() {
    for spelling in [FINGERPRINT.to_owned(), FINGERPRINT.to_uppercase()] {
        let (server, place) = (sandbox(), Place::with_input(INPUT));
        let ended = place.run(&server, &["--expect", &spelling, "--json"]).expect_code(0);
        assert_eq!(ended.json()["input_sha256"], FINGERPRINT);
        assert_eq!(asked_for(&server), [11, 12]);
    }
    let server = sandbox();
    let place = Place::with_input(INPUT.replace("12,", "13,"));
    let other = place.run(&server, &["--expect", FINGERPRINT, "--json"]).expect_code(2);
    assert_eq!(other.json()["reason"], "unexpected_input");
    other.expect_said(&["input.csv", "--expect", FINGERPRINT, "--dry-run"]);
    assert!(server.record().arrivals.is_empty(), "nothing is sent");
    assert_eq!(place.names(), ["input.csv"], "nothing is left behind");
}

#[test]
fn another_file_is_told_as_that_whatever_else_is_wrong_with_it() {
    let server = sandbox();
    for other in ["", "id\n", "PK\u{3}\u{4}", "phone\n11\n", "id,name\n11,\"a\n", "id,name\nx,a\ny,b\n"] {
        let place = Place::with_input(other);
        for further in [&[][..], &["--dry-run"], &["--resume"]] {
            let ended = place.run(&server, &[&["--expect", FINGERPRINT, "--json"], further].concat()).expect_code(2);
            assert_eq!(ended.json()["reason"], "unexpected_input", "{other:?}: {}", ended.stderr);
            assert_eq!(place.names(), ["input.csv"]);
        }
    }
    assert!(server.record().arrivals.is_empty());
}

#[test]
fn a_run_that_goes_on_expects_the_same_file() {
    let server = sandbox();
    let place = Place::with_input(INPUT);
    let first = place.run(&server, &["--expect", FINGERPRINT, "--limit", "1", "--json"]).expect_code(1);
    let command = first.json()["resume_command"].as_str().unwrap().to_owned();
    assert!(command.contains(&format!(" --expect {FINGERPRINT}")), "{command}");
    let (results, journal) = (place.read("input.results.csv"), place.read("input.results.csv.journal"));
    let wrong = "0".repeat(64);
    let refused = place.run(&server, &["--resume", "--expect", &wrong, "--json"]).expect_code(2);
    assert_eq!(refused.json()["reason"], "unexpected_input");
    assert_eq!((place.read("input.results.csv"), place.read("input.results.csv.journal")), (results, journal));
    place.run(&server, &["--resume", "--expect", FINGERPRINT]).expect_code(0);
    assert_eq!(asked_for(&server), [11, 12]);
}

#[test]
fn what_is_no_fingerprint_and_what_cannot_be_expected_is_wrong_usage() {
    let server = sandbox();
    let place = Place::with_input(INPUT);
    for wrong in
        ["", "abc", &FINGERPRINT[1..], &format!("{FINGERPRINT}0"), &format!("sha256:{FINGERPRINT}"), "input.csv"]
    {
        let ended = place.run(&server, &["--expect", wrong, "--json"]).expect_code(2);
        assert_eq!(ended.json()["reason"], "usage");
        ended.expect_said(&["--expect", "64 hexadecimal digits"]);
    }
    let mut stream = place.command(["run", "-", "-y", "-o", "out.csv", "--expect", FINGERPRINT, "--json"]);
    stream.env("IMOCHA_API_KEY", server.api_key()).args(["--base-url", &server.base_url()]).write_stdin(INPUT);
    let ended = Ended::of(&mut stream).expect_code(2);
    assert_eq!(ended.json()["reason"], "usage");
    ended.expect_said(&["--expect needs a file", "to a file first"]);
    assert!(server.record().arrivals.is_empty());
    assert_eq!(place.names(), ["input.csv"]);
}

#[test]
fn the_fingerprint_is_of_all_bytes_however_many_and_of_the_mark_too() {
    let server = sandbox();
    let rows = (1..20_000).fold("\u{feff}id,name\r\n".to_owned(), |text, id| format!("{text}{id},é\r\n"));
    let sum = format!("{:x}", Sha256::digest(&rows));
    let place = Place::with_input(&rows);
    let looked = place.run(&server, &["-n", "--json", "--expect", &sum]).expect_code(0);
    assert_eq!(looked.json()["input_sha256"], sum.as_str());
    place.write("input.csv", rows.replace("19999,é", "19999,e"));
    place.run(&server, &["-n", "--expect", &sum]).expect_code(2);
}

/// A dry run, and the command that it prints, executed by a shell whose environment says nothing but whom to call.
#[cfg(unix)]
#[test]
fn the_command_that_a_dry_run_prints_runs_what_was_looked_at() {
    let server = sandbox();
    let place = Place::new();
    let name = "Round 7's \"list\".csv";
    place.write(name, "a;id\nx;101\ny;201\nx;301\nx;401\n");
    let mut look = place.command(["run", "--yes", "-n", "--preview", "--json", "--where", "a=x", name]);
    look.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let looked = Ended::of(look.envs([
        ("IMOCHA_CANCEL_OUTPUT", "my results.csv"),
        ("IMOCHA_CANCEL_DELIMITER", ";"),
        ("IMOCHA_CANCEL_LIMIT", "2"),
        ("IMOCHA_CANCEL_RATE", "unlimited"),
    ]));
    let looked = looked.expect_code(0);
    let json = looked.json();
    assert_eq!(json["would_cancel"], 2);
    let command = json["run_command"].as_str().unwrap().to_owned();
    let sum = format!("{:x}", Sha256::digest(fs::read(place.path(name)).unwrap()));
    assert!(command.ends_with(&format!(" --expect {sum}")), "{command}");
    assert!(
        !command.contains("dry-run") && !command.contains("preview") && !command.contains("unlimited"),
        "{command}"
    );
    looked.expect_said(&[&sum, &format!("to run just this: {command}\n")]);

    let shell = || {
        let mut shell = assert_cmd::Command::new("sh");
        let script = command.replacen("imocha-cancel", "\"$PRODUCT\"", 1);
        shell.env_clear().current_dir(place.path("")).args(["-c", &script]);
        shell.env("PRODUCT", env!("CARGO_BIN_EXE_imocha-cancel")).env("IMOCHA_API_KEY", server.api_key());
        Ended::of(&mut shell)
    };
    let original = fs::read(place.path(name)).unwrap();
    place.write(name, "a;id\nx;101\ny;201\nx;301\nx;501\n");
    assert_eq!(shell().expect_code(2).json()["reason"], "unexpected_input");
    assert!(asked_for(&server).is_empty());
    place.write(name, original);
    shell().expect_code(1);
    assert_eq!(asked_for(&server), [101, 301], "two, as was looked at");
    assert!(place.has("my results.csv"));
}

#[test]
fn a_dry_run_of_standard_input_has_no_command_that_runs_the_same() {
    let server = sandbox();
    let place = Place::new();
    let mut command = place.command(["run", "-", "-o", "x.csv", "-n", "--json", "--base-url", &server.base_url()]);
    let ended = Ended::of(command.env("IMOCHA_API_KEY", server.api_key()).write_stdin("id\n1\n")).expect_code(0);
    let json = ended.json();
    assert_eq!((&json["would_cancel"], &json["run_command"]), (&1.into(), &serde_json::Value::Null));
    assert!(json.get("input_sha256").is_none() && !ended.stderr.contains("to run just this"));
}
