//! When a run has ended by itself, its results are in the order of the input, whichever row ended first.

use imocha_cancel::sandbox::{Faults, Options, Sandbox};

use crate::support::{Place, ResultsRow, sandbox, sandbox_with};

fn input(rows: u64) -> Place {
    Place::with_input((1..=rows).fold("id,note\n".to_owned(), |text, id| format!("{text}{id}01,\"a\nb, {id}\"\n")))
}

/// A sandbox that answers the first row last.
fn slow_at_first() -> Sandbox {
    let faults = r#"[{"ids": 101, "slow": {"by": "700ms"}}]"#;
    sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() })
}

fn lines(rows: &[ResultsRow]) -> Vec<u64> {
    rows.iter().map(|row| row["line"].parse().unwrap()).collect()
}

/// The lines of an input of so many rows, each of two lines.
fn input_lines(rows: u64) -> Vec<u64> {
    (0..rows).map(|row| 2 + 2 * row).collect()
}

#[test]
fn the_row_that_ended_last_stands_where_the_input_has_it() {
    let server = slow_at_first();
    let place = input(40);
    place.run(&server, &[]).expect_code(0);
    let rows = place.results();
    assert!(rows[0]["finished_at"] > rows[39]["finished_at"], "the test is about a row that ended last: {rows:?}");
    assert_eq!(lines(&rows), input_lines(40));
    assert_eq!(rows[0]["note"], "a\nb, 1", "a row keeps its own cells");
    assert_eq!(place.names(), ["input.csv", "input.results.csv", "input.results.csv.journal"]);
}

#[test]
fn a_first_step_stands_at_the_top_and_what_follows_below_it() {
    let server = slow_at_first();
    let place = input(40);
    place.run(&server, &["--limit", "10"]).expect_code(1);
    let rows = place.results();
    assert_eq!(lines(&rows), input_lines(40));
    assert!(rows[..10].iter().all(|row| row["status"] == "cancelled"), "{rows:?}");
    assert!(rows[10..].iter().all(|row| row["status"] == "not_attempted"), "{rows:?}");
    place.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(lines(&place.results()), input_lines(40));
}

#[test]
fn a_run_that_is_stopped_leaves_its_rows_in_order_too() {
    let faults =
        r#"[{"ids": 101, "slow": {"by": "700ms"}}, {"ids": {"from": 2001, "to": 9001}, "answer": {"status": 401}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = input(40);
    place.run(&server, &[]).expect_code(3);
    let rows = place.results();
    assert_eq!(lines(&rows), input_lines(40));
    assert_eq!((rows[0]["status"].as_str(), rows[39]["status"].as_str()), ("cancelled", "not_attempted"));
}

#[cfg(unix)]
#[test]
fn results_keep_what_the_operator_gave_them() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    let server = slow_at_first();
    let place = input(20);
    place.run(&server, &["--limit", "5"]).expect_code(1);
    fs::set_permissions(place.path("input.results.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    place.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(lines(&place.results()), input_lines(20));
    let mode = fs::metadata(place.path("input.results.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_excel_has_written_it_can_read_again() {
    for (input, mark) in [
        (b"id;name\r\n101;Jos\xe9\r\n".as_slice(), true),
        (b"\xef\xbb\xbfid;name\r\n101;Jos\xc3\xa9\r\n", true),
        (b"id;name\r\n101;Jos\xc3\xa9\r\n", false),
    ] {
        let server = sandbox();
        let place = Place::with_input(input);
        place.run(&server, &["--overwrite"]).expect_code(0);
        let text = place.read("input.results.csv");
        assert_eq!(text.starts_with('\u{feff}'), mark, "{text:?}");
        assert!(text.ends_with(";José\n"), "{text:?}");
        place.run(&server, &["--resume"]).expect_code(0);
        // Its results are good input as well.
        let again = Place::with_input(text.as_bytes());
        let end = again.run(&server, &["--where", "status=cancelled", "--json"]).expect_code(1);
        assert_eq!(end.json()["rows"]["not_cancellable"], 1);
        assert_eq!(again.read("input.results.csv").starts_with('\u{feff}'), mark);
    }
}
