//! Mistakes on the command line: what is said of them is in plain words, with what to write instead.

use crate::support::{Ended, Place, sandbox};

/// Says these arguments where there is a good `round-7.csv`, and expects a refusal that leaves nothing behind.
fn mistaken(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let place = Place::new();
    place.write("round-7.csv", "id,name\n1,a\n2,b\n");
    let mut command = place.command(arguments);
    let ended = Ended::of(command.env("IMOCHA_API_KEY", "key").envs(variables.iter().copied())).expect_code(2);
    assert_eq!(place.names(), ["round-7.csv"]);
    ended
}

fn message(ended: &Ended) -> String {
    ended.json()["message"].as_str().unwrap().to_owned()
}

#[test]
fn no_word_of_a_library_reaches_an_operator() {
    let run = ["run", "round-7.csv"];
    let sandbox = ["sandbox"];
    let verify = ["verify", "round-7.csv"];
    for (command, flag, value, said) in [
        (
            run.as_slice(),
            "--base-url",
            "foo",
            "the https:// in front is missing; it looks like https://apiv3.imocha.io",
        ),
        (&run, "--base-url", "https://", "the name of the host is missing"),
        (&run, "--base-url", "https://host:99999", "no number from 0 to 65535"),
        (&run, "--timeout", "x", "s is seconds, m minutes, h hours, d days"),
        (&run, "--timeout", "5", "the unit is missing; it looks like 90s, 10m"),
        (&run, "--max-outage", "99999999999999999999h", "it is too long"),
        (&run, "--max-duration", "", "it looks like 90s"),
        (&run, "--rate", "5/M", "a rate looks like 5/s"),
        (&run, "--rate", "5/1M", "m is minutes"),
        (&run, "--limit", "-1", "it takes a whole number, such as 10"),
        (&run, "--header-line", "0", "counted from 1: it takes a whole number, such as 3"),
        (&run, "--concurrency", "1e3", "a whole number from 1 to 1000"),
        (&sandbox, "--port", "99999", "a port is a whole number from 0 to 65535"),
        (&sandbox, "--error-rate", "x", "a share is a number from 0 to 1, such as 0.05"),
        (&sandbox, "--error-rate", "-1", "a share is a number from 0 to 1, such as 0.05"),
        (&sandbox, "--latency", "5", "the unit is missing"),
        (&sandbox, "--list-page", "99999999999999999999999", "it takes a whole number, such as 10"),
        (&verify, "--since", "x", "a day such as 2026-01-31"),
        (&verify, "--wait", "x", "s is seconds, m minutes"),
    ] {
        let ended = mistaken(&[command, &[flag, value]].concat(), &[]).expect_said(&[value, flag, said]);
        for word in ["relative URL", "invalid digit", "float literal", "expected number", "time unit", "is not in"] {
            assert!(!ended.stderr.contains(word), "{}", ended.stderr);
        }
    }
}

#[test]
fn months_and_their_like_are_refused_with_the_unit_that_is_meant() {
    for (flag, value, said) in [
        ("--max-outage", "5M", "m is minutes"),
        ("--max-input-age", "1month", "say days, such as 30d"),
        ("--max-input-age", "1y", "say days, such as 30d"),
        ("--max-input-age", "2w", "say"),
        ("--timeout", "5000ns", "such as 500ms"),
        ("--max-duration", "10min", "m minutes"),
    ] {
        let said = if value == "2w" { "weeks are said in days, such as 7d" } else { said };
        mistaken(&["run", "round-7.csv", flag, value], &[]).expect_said(&[value, flag, said]);
        let variable = format!("IMOCHA_CANCEL_{}", flag[2..].to_uppercase().replace('-', "_"));
        mistaken(&["run", "round-7.csv"], &[(&variable, value)]).expect_said(&[&variable, "in the environment", said]);
    }
    let (server, place) = (sandbox(), Place::with_input("id\n1\n"));
    place.run(&server, &["--timeout", "1m 30s", "--max-outage", "1h30m", "--max-input-age", "45d"]).expect_code(0);
}

#[test]
fn times_are_told_without_months() {
    let place = Place::with_input("id\n1\n");
    let old = std::time::SystemTime::now().checked_sub(std::time::Duration::from_secs(50 * 86_400)).unwrap();
    std::fs::File::options().append(true).open(place.path("input.csv")).unwrap().set_modified(old).unwrap();
    place.run(&sandbox(), &["--max-input-age", "45d"]).expect_code(2).expect_said(&["--max-input-age 45d allows"]);
}

#[test]
fn a_mistyped_command_gets_the_whole_line_that_was_meant() {
    for (arguments, meant) in [
        (vec!["rnu", "round-7.csv"], "imocha-cancel run round-7.csv"),
        (vec!["Run", "round-7.csv", "-y"], "imocha-cancel run round-7.csv -y"),
        (vec!["cancel", "round-7.csv"], "imocha-cancel run round-7.csv"),
        (vec!["resume", "round-7.csv"], "imocha-cancel run --resume round-7.csv"),
        (vec!["round-7.csv"], "imocha-cancel run round-7.csv"),
        (vec!["./round 7.csv", "-n"], "imocha-cancel run './round 7.csv' -n"),
        (vec!["-n", "round-7.csv"], "imocha-cancel run -n round-7.csv"),
        (vec!["--sandbox", "round-7.csv"], "imocha-cancel run --sandbox round-7.csv"),
        (vec!["snadbox", "--port", "1"], "imocha-cancel sandbox --port 1"),
        (vec!["cancel"], "imocha-cancel run"),
    ] {
        let tip = format!("tip: did you mean: {meant}\n");
        mistaken(&arguments, &[]).expect_said(&[&tip]);
    }
    mistaken(&["bogus"], &[]).expect_said(&["tip: the commands are run, verify, report, sandbox, completions, man"]);
    mistaken(&["--bogus", "round-7.csv"], &[]).expect_said(&["the command comes first"]);
}

#[test]
fn the_summary_is_there_also_where_no_command_is() {
    let ended = mistaken(&["round-7.csv", "--json"], &[]);
    assert_eq!((&ended.json()["outcome"], &ended.json()["reason"]), (&"refused".into(), &"usage".into()));
    assert!(message(&ended).ends_with("; did you mean: imocha-cancel run round-7.csv --json"), "{}", message(&ended));
    for arguments in [vec![], vec!["rnu"], vec!["--bogus"], vec!["run"]] {
        assert_eq!(mistaken(&arguments, &[("IMOCHA_CANCEL_JSON", "1")]).json()["reason"], "usage", "{arguments:?}");
    }
    assert_eq!(mistaken(&["sandbox", "--port", "x"], &[("IMOCHA_CANCEL_JSON", "1")]).stdout, "");
}

#[test]
fn no_tip_misleads() {
    let base_url = [("IMOCHA_CANCEL_BASE_URL", "http://127.0.0.1:1")];
    for (arguments, tip) in [
        (vec!["run", "round-7.csv", "--bogus"], None),
        (vec!["run", "round-7.csv", "-y", "-x"], None),
        (vec!["run", "round-7.csv", "--timeout", "-5s"], Some("no value of it begins with a dash")),
        (vec!["run", "round-7.csv", "--where", "a=Test", "Status"], Some("quote a value that has blanks")),
        (vec!["run", "--dryrun", "round-7.csv"], Some("'--dry-run'")),
        (vec!["run", "round-7.csv", "--api-key", "s3cret"], Some("the key is never an argument")),
        (vec!["run"], None),
    ] {
        let ended = mistaken(&arguments, &base_url);
        assert!(!ended.stderr.contains("'-- ") && !ended.stderr.contains("s3cret"), "{}", ended.stderr);
        assert!(ended.stderr.contains("Usage: imocha-cancel run [OPTIONS] <INPUT>\n"), "{}", ended.stderr);
        match tip {
            Some(tip) => assert!(ended.stderr.contains("tip: ") && ended.stderr.contains(tip), "{}", ended.stderr),
            None => assert!(!ended.stderr.contains("tip: "), "{}", ended.stderr),
        }
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_text_is_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = Place::new();
    let mut command = place.command(["run", "x.csv", "--where"]);
    Ended::of(command.arg(OsStr::from_bytes(b"team=\xff"))).expect_code(2).expect_said(&["team=\u{fffd} is not text"]);
    let mut command = place.command(["run", "x.csv"]);
    let ended = Ended::of(command.env("IMOCHA_CANCEL_WHERE", OsStr::from_bytes(b"team=\xff"))).expect_code(2);
    ended.expect_said(&["IMOCHA_CANCEL_WHERE is not text in UTF-8"]);
}

#[test]
fn a_missing_input_is_told_before_anything_else() {
    let place = Place::with_input("id\n1\n");
    place.write("inptu.results.csv", "precious");
    let said = "there is no input file";
    for (arguments, hint) in [
        (vec!["inptu.csv"], "did you mean \"input.csv\"?"),
        (vec!["input"], "did you mean \"input.csv\"?"),
        (vec!["inptu.csv", "-n"], "did you mean \"input.csv\"?"),
        (vec!["missing/input.csv"], "check the name"),
        (vec!["other.csv", "-o", "missing/out.csv"], "check the name"),
    ] {
        let ended = Ended::of(&mut place.command([vec!["run", "--json"], arguments].concat())).expect_code(2);
        assert_eq!(ended.json()["reason"], "input");
        ended.expect_said(&[said, hint]);
    }
    assert_eq!(place.names(), ["inptu.results.csv", "input.csv"]);
    assert_eq!(place.read("inptu.results.csv"), "precious");
    Ended::of(&mut place.command(["verify", "inptu.result.csv"]))
        .expect_code(2)
        .expect_said(&["did you mean \"inptu.results.csv\"?"]);
}

#[test]
fn the_name_of_another_round_is_no_slip() {
    let place = Place::new();
    place.write("round-8.csv", "id\n1\n");
    let ended = Ended::of(&mut place.command(["run", "round-7.csv"])).expect_code(2);
    assert!(!ended.stderr.contains("round-8"), "{}", ended.stderr);
}

#[test]
fn the_help_of_the_sandbox_has_the_form_of_faults_and_its_example_works() {
    let place = Place::new();
    let ended = Ended::of(&mut place.command(["sandbox", "--help"])).expect_code(0);
    let example = &ended.stdout[ended.stdout.find("[{").unwrap()..];
    place.write("faults.json", &example[..example.find("}]\n").unwrap() + 2]);
    place.write("taken.jsonl", "somebody's\n");
    // With a good file of faults it comes as far as its record.
    let arguments = ["sandbox", "--port", "0", "--faults", "faults.json", "--record", "taken.jsonl"];
    Ended::of(&mut place.command(arguments)).expect_code(2).expect_said(&["could not create the record"]);
    place.write("faults.json", "id\n1\n");
    Ended::of(&mut place.command(arguments)).expect_code(2).expect_said(&["line 1, column 1", "sandbox --help"]);
}
