//! What somebody has to look at is named: the first rows of each kind, in the summary, and in short with `--quiet`.

use imocha_cancel::sandbox::{Faults, Options, Sandbox};

use crate::support::{Place, sandbox_with};

/// Ten rows that iMocha refuses, one that is no ID, one that is cancelled.
fn input() -> Place {
    let refused = (0..10).fold(String::new(), |text, round| format!("{text}{round}91\n"));
    Place::with_input(format!("id\nx\n1\n{refused}2\n"))
}

fn faulty(faults: &str) -> Sandbox {
    sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() })
}

#[test]
fn the_summary_names_the_first_rows_of_each_kind_with_their_reasons() {
    // The first of the refused rows ends last.
    let server = faulty(r#"[{"ids": 91, "slow": {"by": "500ms"}}, {"ids": 2, "close": {}}]"#);
    let place = input();
    let ended = place.run(&server, &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1).expect_said(&[
        "12 rows need attention:\n  1 unconfirmed:\n    line 14, 2: sent, but without an answer",
        "\n  10 not_cancellable, the first of them:\n    line 4, 91: HTTP 400: ",
        "\n  1 invalid_id:\n    line 2, \"x\": text, not a number\n",
        "1 invitation may be cancelled although iMocha did not confirm it: those with the status unconfirmed\n",
    ]);
    let named = ended.stderr.lines().filter(|line| line.starts_with("    line ")).count();
    assert_eq!(named, 7, "{}", ended.stderr);
    assert!(!ended.stderr.contains("line 9, 591"), "the sixth is not named: {}", ended.stderr);

    let again = place.run(&server, &["--resume", "--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    again.expect_said(&["\n  10 not_cancellable, none of this run, the first of them:\n    line 4, 91: "]);
}

#[test]
fn quiet_says_in_a_line_what_is_wrong_and_names_five_rows() {
    let server = faulty(r#"[{"ids": 2, "close": {}}]"#);
    let place = input();
    let ended = place.run(&server, &["-q", "--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(
        lines[0],
        format!(
            "warning: not all is well at {}, simulated: 13 rows, 10 not_cancellable, 1 unconfirmed, 1 invalid_id; \
             results: \"input.results.csv\"",
            server.base_url().trim_start_matches("http://")
        )
    );
    assert!(lines[1].starts_with("  line 14, 2: unconfirmed, sent, but without an answer"), "{lines:?}");
    assert!(lines[2].starts_with("  line 4, 91: not_cancellable, HTTP 400: "), "{lines:?}");
    assert_eq!(lines.len(), 6, "{lines:?}");
}

#[test]
fn rows_that_nobody_tried_are_counted_and_not_named() {
    let server = faulty("[]");
    let place = input();
    let ended = place.run(&server, &["-q", "--limit", "1"]).expect_code(1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(lines[0].contains(": 13 rows, 1 invalid_id, 11 not_attempted;"), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn what_the_lists_settle_needs_no_attention_any_more() {
    let server = faulty(r#"[{"ids": 2, "reset": {"applied": true}}]"#);
    let place = Place::with_input("id\n1\n2\n");
    let ended = place.run(&server, &["--max-attempts", "1", "--max-outage", "0s", "--verify"]).expect_code(0);
    assert!(!ended.stderr.contains("attention"), "{}", ended.stderr);
}
