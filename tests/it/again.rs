//! The command that goes on is one that a shell takes, and that goes on with the very run.
#![cfg(unix)]

use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::ffi::OsString;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStringExt;

use crate::support::{Ended, Place, asked_for, sandbox};

/// A run of `arguments` that is stopped by its limit, and the command that it prints, executed by a shell.
#[track_caller]
fn goes_on<S: AsRef<OsStr> + std::fmt::Debug>(place: &Place, arguments: &[S]) {
    let case = format!("{arguments:?}");
    let server = sandbox();
    let variables = [
        ("IMOCHA_API_KEY", server.api_key().to_owned()),
        ("IMOCHA_CANCEL_BASE_URL", server.base_url()),
        ("IMOCHA_CANCEL_RATE", "unlimited".to_owned()),
    ];
    let mut first = place.command(["run", "--json", "--limit", "1"]);
    let first = Ended::of(first.args(arguments).envs(variables.clone()));
    assert_eq!(first.code, 1, "{case}: {}", first.stderr);
    let command = first.json()["resume_command"].as_str().unwrap_or_else(|| panic!("{case}: no command")).to_owned();
    assert!(!command.contains("--limit ") && !command.contains(" --yes "), "{case}: {command}");
    assert!(!command.contains("unlimited"), "{command}: what the environment says is not repeated");
    assert!(first.stderr.contains(&format!("to go on: {command}\n")), "{case}: told in one line, as it is");

    // The question of the rest would need a terminal.
    let with_yes = command.replacen("imocha-cancel run ", "\"$PRODUCT\" run --yes ", 1);
    let mut shell = assert_cmd::Command::new("sh");
    shell.env_clear().current_dir(place.path("")).args(["-c", &with_yes]).envs(variables);
    shell.env("PRODUCT", env!("CARGO_BIN_EXE_imocha-cancel")).env("PATH", "/usr/bin:/bin");
    let second = Ended::of(&mut shell);
    assert_eq!(second.code, 0, "{case}: {command}: {}", second.stderr);
    let json = second.json();
    assert_eq!((&json["this_run"]["cancelled"], &json["rows"]["cancelled"]), (&2.into(), &3.into()), "{command}");
    assert_eq!(asked_for(&server).len(), 3, "{case}: {command}");
}

const THREE_ROWS: &str = "id,team\n101,a b\n201,a b\n301,a b\n";

#[test]
fn whatever_the_files_are_called() {
    for name in [
        "with blank.csv",
        "it's \"$HOME\" `x` \\ *.csv",
        "--input.csv",
        "-y",
        "new\nline.csv",
        "tab\tand \u{1b}[31m.csv",
        "\u{202e}turned.csv",
        "%s%n.csv",
        "!history!.csv",
        "~",
        "#",
        "é€.csv",
    ] {
        let place = Place::new();
        std::fs::write(place.path(name), THREE_ROWS).unwrap();
        goes_on(&place, &["-y", "-o", "out.csv", "--", name]);
        assert!(place.has("out.csv"));

        let place = Place::with_input(THREE_ROWS);
        goes_on(&place, &["input.csv", "-y", &format!("--output={name}")]);
        assert!(place.has(name));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_said_byte_by_byte() {
    for bytes in [&b"\xff.csv"[..], b"a\x80'b\n\xc3.csv", b"-\xfe\\101"] {
        let place = Place::new();
        let name = OsString::from_vec(bytes.to_vec());
        std::fs::write(place.path("").join(&name), THREE_ROWS).unwrap();
        goes_on(&place, &["-yo".into(), "out.csv".into(), "--overwrite".into(), "--".into(), name]);
    }
}

#[test]
fn whatever_the_flags_are_given() {
    for (input, arguments) in [
        (THREE_ROWS, vec!["input.csv", "-y", "--where", "team=a b", "--where=team!=--yes", "-v"]),
        (THREE_ROWS, vec!["--id-column=id", "--delimiter=,", "--yes", "input.csv"]),
        (THREE_ROWS, vec!["-yo", "out.csv", "input.csv"]),
        (THREE_ROWS, vec!["-vyo", "y", "input.csv", "--no-progress"]),
        ("id-team\n101-a\n201-a\n301-a\n", vec!["input.csv", "-y", "--delimiter", "-"]),
        ("id;-x\n101;-limit 10\n201;-limit 10\n301;-limit 10\n", vec!["input.csv", "-y", "--where=-x=-limit 10"]),
        (THREE_ROWS, vec!["input.csv", "-y", "--where", "team!=$(touch trap)`touch trap`'; touch trap"]),
    ] {
        let place = Place::with_input(input);
        goes_on(&place, &arguments);
        assert!(!place.has("trap"));
    }
}

#[test]
fn what_makes_the_run_another_one_is_said_although_the_environment_said_it() {
    let server = sandbox();
    let place = Place::with_input("a;id\nx;101\ny;201\nx;301\n");
    let mut first = place.command(["run", "input.csv", "--yes", "--limit", "1", "--json"]);
    let first = Ended::of(first.env("IMOCHA_API_KEY", server.api_key()).envs([
        ("IMOCHA_CANCEL_BASE_URL", server.base_url().as_str()),
        ("IMOCHA_CANCEL_OUTPUT", "out.csv"),
        ("IMOCHA_CANCEL_WHERE", "a=x"),
        ("IMOCHA_CANCEL_DELIMITER", ";"),
        ("IMOCHA_CANCEL_ID_COLUMN", "id"),
        ("IMOCHA_CANCEL_ENCODING", "utf-8"),
        ("IMOCHA_CANCEL_SHORT_ROWS", "1"),
        ("IMOCHA_CANCEL_NO_HEADER", "0"),
        ("IMOCHA_CANCEL_RATE", "unlimited"),
    ]));
    let command = first.expect_code(1).json()["resume_command"].as_str().unwrap().to_owned();
    assert!(!command.contains("--no-header") && !command.contains("unlimited"), "{command}");

    // Copied into a shell whose environment says nothing.
    let with_yes = command.replacen("imocha-cancel run ", "\"$PRODUCT\" run --yes ", 1);
    let mut shell = assert_cmd::Command::new("sh");
    shell.env_clear().current_dir(place.path("")).args(["-c", &with_yes]).env("IMOCHA_API_KEY", server.api_key());
    shell.env("PRODUCT", env!("CARGO_BIN_EXE_imocha-cancel"));
    let second = Ended::of(&mut shell).expect_code(0);
    assert_eq!(asked_for(&server), [101, 301], "{command}: {}", second.stderr);
}
