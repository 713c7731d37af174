//! Standard input and output: never the same file as what is written or read, and never results that nobody gets.
#![cfg(unix)]

use std::process::{Command, Stdio};

use crate::support::{Ended, Place, asked_for, column, parse_results, sandbox};

/// A shell that redirects the product's streams as `script` says, in which it is called `"$@"`.
fn redirected(place: &Place, script: &str, arguments: &[&str]) -> (Ended, Vec<u64>) {
    let server = sandbox();
    let mut shell = Command::new("sh");
    shell.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", server.api_key());
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_imocha-cancel"), "run", "-y", "--rate", "unlimited"]);
    shell.args(["--base-url", &server.base_url()]).args(arguments).stdin(Stdio::null());
    let ended = Ended::from(shell.output().unwrap());
    (ended, asked_for(&server))
}

const LIST: &str = "id\n101\n201\n";

#[test]
fn what_is_read_is_never_written_to_by_whatever_way() {
    for (script, arguments) in [
        ("exec \"$@\" < input.csv", vec!["-", "-o", "input.csv", "--overwrite"]),
        ("exec \"$@\" < hard.csv", vec!["-", "-o", "input.csv", "--overwrite"]),
        ("exec \"$@\" < link.csv", vec!["-", "-o", "hard.csv", "--overwrite"]),
        ("exec \"$@\" < input.csv", vec!["-", "-o", "link.csv", "--overwrite"]),
        ("exec \"$@\" >> input.csv", vec!["input.csv", "-o", "-"]),
        ("exec \"$@\" >> link.csv", vec!["hard.csv", "-o", "-"]),
        ("exec \"$@\" < input.csv >> input.csv", vec!["-", "-o", "-"]),
        ("exec \"$@\" < input.csv 1<> input.csv", vec!["-", "-o", "-"]),
        ("exec \"$@\"", vec!["x.journal", "-o", "x"]),
        ("exec \"$@\" < x.journal", vec!["-", "-o", "x"]),
        ("exec \"$@\"", vec!["input.csv", "-o", "key", "--overwrite", "--api-key-file", "key"]),
        ("exec \"$@\" >> out.csv", vec!["input.csv", "-o", "out.csv", "--overwrite", "--json"]),
        ("exec \"$@\" >> input.csv", vec!["input.csv", "--json"]),
        ("exec \"$@\" >> input.csv 2>&1", vec!["input.csv"]),
        ("exec \"$@\" 2>> hard.csv", vec!["input.csv", "-v"]),
        ("exec \"$@\" 2>> link.csv", vec!["input.csv", "--json"]),
        ("exec \"$@\" < input.csv 2>> input.csv", vec!["-", "-o", "out.csv"]),
        ("exec \"$@\" >> key", vec!["input.csv", "--json", "--api-key-file", "key"]),
        ("exec \"$@\" 2>> key", vec!["input.csv", "--api-key-file", "key"]),
        ("exec \"$@\" 2>> input.csv", vec!["input.csv", "-q", "-v"]),
    ] {
        let place = Place::with_input(LIST);
        std::fs::hard_link(place.path("input.csv"), place.path("hard.csv")).unwrap();
        std::os::unix::fs::symlink("input.csv", place.path("link.csv")).unwrap();
        place.write("x.journal", LIST);
        place.write("key", "key");
        let (ended, asked) = redirected(&place, script, &arguments);
        let ended = ended.expect_code(2);
        assert_eq!(asked, [0_u64; 0], "{script} {arguments:?}");
        for (name, content) in [("input.csv", LIST), ("x.journal", LIST), ("key", "key")] {
            assert_eq!(place.read(name), content, "{script} {arguments:?}: {}", ended.stderr);
        }
        assert!(!place.has("x") && !place.has("input.csv.journal"));
    }
}

#[test]
fn nothing_is_written_into_the_results_or_the_journal_beside_what_belongs_there() {
    for (script, arguments) in [
        ("exec \"$@\" >> out.csv", vec!["--json"]),
        ("exec \"$@\" >> out.csv.journal", vec!["--json"]),
        ("exec \"$@\" 2>> out.csv", vec!["-v"]),
        ("exec \"$@\" 2>> out.csv.journal", vec![]),
    ] {
        let place = Place::with_input(LIST);
        let (first, _) = redirected(&place, "exec \"$@\"", &["input.csv", "-o", "out.csv", "--limit", "1"]);
        first.expect_code(1);
        let before = (place.read("out.csv"), place.read("out.csv.journal"));
        let again = [&["input.csv", "-o", "out.csv", "--resume"], &arguments[..]].concat();
        let (ended, asked) = redirected(&place, script, &again);
        let ended = ended.expect_code(2);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("are the same file") && said.contains("redirect standard "), "{script}: {said}");
        assert_eq!(asked, [0_u64; 0], "{script}");
        assert_eq!((place.read("out.csv"), place.read("out.csv.journal")), before, "{script}");
    }
}

#[test]
fn a_named_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    for (pipe, arguments) in [
        ("pipe.csv", vec!["pipe.csv"]),
        ("pipe.csv", vec!["pipe.csv", "-n"]),
        ("out.csv", vec!["input.csv", "-o", "out.csv", "--overwrite"]),
        ("out.csv.journal", vec!["input.csv", "-o", "out.csv"]),
        ("out.csv.journal", vec!["input.csv", "-o", "out.csv", "--resume"]),
    ] {
        let place = Place::with_input(LIST);
        assert!(Command::new("mkfifo").arg(place.path(pipe)).status().unwrap().success());
        // What waits is ended, so that the test ends.
        let (ended, asked) = redirected(&place, "exec timeout -s KILL 30 \"$@\"", &arguments);
        ended.expect_code(2).expect_said(&[pipe]);
        assert_eq!(asked, [0_u64; 0], "{arguments:?}");
    }
}

#[test]
fn a_link_to_a_device_is_not_replaced_by_results() {
    for arguments in [["--overwrite"], ["--resume"]] {
        let place = Place::with_input(LIST);
        std::os::unix::fs::symlink("/dev/null", place.path("out")).unwrap();
        let (ended, asked) = redirected(&place, "exec \"$@\"", &[&["input.csv", "-o", "out"], &arguments[..]].concat());
        ended.expect_code(2).expect_said(&["no ordinary file", "--output -"]);
        assert_eq!(asked, [0_u64; 0]);
        assert!(place.path("out").is_symlink());
    }
}

#[test]
fn results_that_nobody_would_get_are_refused() {
    for script in ["exec \"$@\" >&-", "exec \"$@\" 1< input.csv", "exec \"$@\" >&- 2>&1", "exec \"$@\" >&- <&-"] {
        let place = Place::with_input(LIST);
        let (ended, asked) = redirected(&place, script, &["input.csv", "-o", "-"]);
        ended.expect_code(2);
        assert_eq!(asked, [0_u64; 0], "{script}");
        assert_eq!(place.names(), ["input.csv"]);
    }
    let place = Place::with_input(LIST);
    let (ended, _) = redirected(&place, "exec \"$@\" >&-", &["input.csv", "-o", "-"]);
    ended.expect_said(&["standard output is closed", "--output"]);
}

#[test]
fn a_standard_output_that_the_operator_gave_takes_results() {
    for script in ["exec \"$@\" > /dev/null", "exec \"$@\" > out", "exec \"$@\" | cat > out", "exec \"$@\" 1<> out"] {
        let place = Place::with_input(LIST);
        let (ended, asked) = redirected(&place, script, &["input.csv", "-o", "-"]);
        ended.expect_code(0);
        assert_eq!(asked.len(), 2);
        if place.has("out") {
            assert_eq!(column(&parse_results(&place.read("out")), "status"), ["cancelled"; 2]);
        }
    }
}

#[test]
fn a_summary_that_nobody_would_get_is_told() {
    let place = Place::with_input(LIST);
    let (ended, _) = redirected(&place, "exec \"$@\" >&-", &["input.csv", "--json"]);
    ended.expect_code(0).expect_said(&["standard output is closed", "--json"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_summary_that_the_disk_does_not_take_is_told() {
    for arguments in [&["input.csv", "--json"][..], &["nothing.csv", "--json"]] {
        let place = Place::with_input(LIST);
        let (ended, _) = redirected(&place, "exec \"$@\" > /dev/full", arguments);
        assert!(
            ended.stderr.contains("did not take the summary") && ended.stderr.contains("--json"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let place = Place::with_input(LIST);
    let (ended, _) = redirected(&place, "exec \"$@\" 2>&-", &["input.csv", "-v", "--json"]);
    assert_eq!(ended.expect_code(0).json()["rows"]["cancelled"], 2);
}
