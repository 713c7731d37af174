use std::time::Duration;

use csv::ByteRecord;

use super::*;
use crate::outcome::{Outcome, Status};
use crate::results::LastRun;
use crate::results::format::Format;
use crate::results::{Doubt, Identity, ResultsReader, RunNotes, Zeros};
use crate::row::{Layout, Row};

/// A row of the results on this line, with this status and error.
fn outcome(line: u64, status: Status, error: &str) -> Outcome {
    let cells = ByteRecord::from(vec!["Ann <ann@example.com>"]);
    Outcome {
        row: Row { line, cells },
        invitation_id: (line + 2_932_900).to_string(),
        status,
        http_status: None,
        error: error.to_owned(),
        duration: Duration::ZERO,
        attempts: u64::from(!matches!(status, Status::InvalidId | Status::Filtered | Status::Duplicate)),
        calls: 0,
        latencies: Vec::new(),
        finished_at: "2026-01-20T02:00:00Z".parse().unwrap(),
    }
}

fn outcomes(statuses: &[Status]) -> Vec<Outcome> {
    (2..).zip(statuses).map(|(line, &status)| outcome(line, status, "why")).collect()
}

/// A file of a run that has ended by itself and whose results have this many rows when they are whole.
fn facts(rows: Option<u64>) -> PageFile {
    let identity = Identity {
        input: "in.csv".to_owned(),
        bytes: 812,
        sha256: "9f86".to_owned(),
        base_url: "https://apiv3.imocha.io".to_owned(),
        encoding: "UTF-8".to_owned(),
        delimiter: ',',
        header_line: Some(1),
        id_column: Some(1),
        filters: vec!["Email!=ann@example.com".to_owned()],
        short_rows: false,
        shard: None,
        notes: RunNotes { rows, going_on: None },
    };
    let run = LastRun {
        identity,
        doubt: Doubt::default(),
        first_began_at: None,
        began_at: None,
        version: "0.1.0".to_owned(),
        ended: Some("finished".to_owned()),
    };
    let simulated = Some(false);
    PageFile { path: "dir/r.results.csv".into(), run: Some(run), gap: None, simulated, verify_command: None }
}

/// A page about one file with these rows, all of which count and show their only cell.
fn draft(facts: PageFile, outcomes: &[Outcome]) -> PageDraft {
    let layout =
        Layout { delimiter: b',', byte_order_mark: false, columns: vec!["Name".to_owned()], extra_cells: false };
    let mut format = Format::new(layout);
    let mut bytes = format.header().unwrap();
    format.append(outcomes, &mut bytes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.csv");
    std::fs::write(&path, bytes).unwrap();
    let mut reader = ResultsReader::open(&path, &format, Zeros::InCells).unwrap();
    let mut draft = PageDraft::new(vec![facts], Vec::new());
    while let Some(row) = reader.next_row().unwrap() {
        draft.take(0, &row, Counting::Here, Vec::new);
    }
    draft
}

fn page(facts: PageFile, outcomes: &[Outcome]) -> String {
    draft(facts, outcomes).render(Timestamp::UNIX_EPOCH).unwrap()
}

/// The headline, and the sentence behind it.
fn verdict(facts: PageFile, statuses: &[Status]) -> String {
    let page = page(facts, &outcomes(statuses));
    let (_, rest) = page.split_once("<p class=\"headline\"><strong>").unwrap();
    let (headline, rest) = rest.split_once("</strong></p>\n<p>").unwrap();
    format!("{headline} | {}", rest.split("</p>").next().unwrap())
}

#[test]
fn a_page_begins_so_that_it_is_known_as_one() {
    let page = page(facts(None), &[]);
    assert!(page.starts_with(PAGE_BEGINNING), "{page}");
}

#[test]
fn the_verdict_says_what_matters_most() {
    use Status::{Cancelled, Duplicate, Filtered, InvalidId, NotAttempted, NotFound, Unconfirmed, Unreachable};
    let gap = |gap| PageFile { gap: Some(gap), ..facts(None) };
    for (facts, statuses, said) in [
        (
            facts(None),
            &[Cancelled, Cancelled, Duplicate][..],
            "Everything is cancelled that was to be cancelled | 2 of 2 rows that were to be cancelled are cancelled.",
        ),
        (facts(None), &[Filtered], "There was nothing to cancel | No row asks for a cancellation."),
        (
            facts(None),
            &[Cancelled, NotFound, InvalidId],
            "Finished, and 2 rows were not cancelled | 1 of 3 rows that were to be cancelled is cancelled.",
        ),
        (
            facts(None),
            &[Unconfirmed, NotFound],
            "Finished, and 1 row is in doubt | 0 of 2 rows that were to be cancelled are cancelled; of one it is not known, and it may be cancelled without a confirmation.",
        ),
        (
            facts(None),
            &[Unconfirmed, Unconfirmed, Unreachable],
            "Not finished: 1 row is still open | 0 of 3 rows that were to be cancelled are cancelled; of 2 it is not known, and they may be cancelled without a confirmation.",
        ),
        (
            facts(Some(5)),
            &[Cancelled, NotAttempted],
            "Not finished: 4 rows are still open | 1 of 5 rows that were to be cancelled is cancelled.",
        ),
        (
            gap(MissingRows::AtWork),
            &[Cancelled],
            "Not finished: a run is still at work | 1 of 1 row that was to be cancelled is cancelled.",
        ),
        (
            gap(MissingRows::Torn),
            &[Cancelled],
            "Not finished: a run was cut off, and rows may be missing | 1 of 1 row that was to be cancelled is cancelled.",
        ),
    ] {
        assert_eq!(verdict(facts, statuses), said);
    }
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" ' & \u{202e}turned\0\u{7}";
    let mut rows = outcomes(&[Status::Unconfirmed]);
    rows[0].error = format!("{hostile}{}", "é".repeat(10_000));
    rows[0].invitation_id = hostile.to_owned();
    let mut facts = facts(None);
    facts.path = format!("{hostile}.csv").into();
    let run = facts.run.as_mut().unwrap();
    for text in [&mut run.identity.input, &mut run.identity.base_url, &mut run.version, &mut run.identity.sha256] {
        hostile.clone_into(text);
    }
    run.ended = Some(hostile.to_owned());
    facts.verify_command = Some(hostile.to_owned());
    let mut draft = draft(facts, &rows);
    draft.go_on(|_, _, _| NextStep::Command(hostile.to_owned()));
    let page = draft.render(Timestamp::UNIX_EPOCH).unwrap();
    for harm in ["<script", "<img", "onerror=alert(1)>", "\u{202e}", "\0", "\u{7}"] {
        assert!(!page.contains(harm), "{harm:?}");
    }
    assert!(page.contains("&#60;script&#62;"), "it can be read");
    assert!(page.len() < 40_000, "{}", page.len());
    assert!(!page.contains("<pre>"), "no command that is not the one that was written can be copied");
}

#[test]
fn rows_without_an_id_and_conditions_show_nothing_of_the_input() {
    let mut rows = outcomes(&[Status::InvalidId, Status::InvalidId, Status::Unconfirmed]);
    for (row, cell) in rows.iter_mut().zip(["4915112345678", "ann@example.com", "ann@example.com"]) {
        cell.clone_into(&mut row.invitation_id);
    }
    let page = page(facts(None), &rows);
    assert!(!page.contains("49151") && !page.contains("ann@") && !page.contains("Ann"), "{page}");
    assert!(page.contains("<th scope=\"row\">2</th><td></td><td>invalid_<wbr>id</td>"), "{page}");
    assert!(page.contains("<td>Email</td>"), "the column by which rows were chosen is told");
}

#[test]
fn a_page_of_a_thousand_rows_is_small_whatever_they_are() {
    let refused = "HTTP 400: Testinvitation state in inprogress, complete, and expired can not be cancelled.";
    for (status, error, most) in [(Status::Cancelled, "", 20_000), (Status::NotCancellable, refused, 300_000)] {
        let rows: Vec<Outcome> = (2..1_002).map(|line| outcome(line, status, error)).collect();
        let length = page(facts(None), &rows).len();
        assert!(length < most, "{status}: {length}");
    }
    let long: Vec<Outcome> = (2..1_002).map(|line| outcome(line, Status::NotFound, &"x".repeat(300))).collect();
    assert!(page(facts(None), &long).len() < 300_000 + 1_000 * 20);
}

#[test]
fn beyond_two_thousand_rows_those_in_doubt_are_listed_first_and_the_results_are_named() {
    let mut rows: Vec<Outcome> = (2..3_002).map(|line| outcome(line, Status::NotFound, "")).collect();
    rows.push(outcome(9_999, Status::Unconfirmed, ""));
    rows.reverse();
    let page = page(facts(None), &rows);
    let lines: Vec<&str> = page.split("<tr class=\"not_found\"><th scope=\"row\">").skip(1).collect();
    assert_eq!(lines.len(), 1_999);
    assert!(lines.last().unwrap().starts_with("2000<"), "the first of them, in the order of the input");
    assert!(page.contains("<tr class=\"unconfirmed\"><th scope=\"row\">9999</th>"));
    assert!(page.contains("2,000 rows are listed here, and 1,001 further rows need attention"));
    assert!(page.contains("<code>unconfirmed</code> (1), <code>not_found</code> (3,000)"));
    assert!(page.contains("<code>r.results.csv</code>") && page.contains("the first 1,999 of 3,000"));
}

#[test]
fn rows_that_were_not_reached_are_told_by_their_number_alone() {
    let page = page(facts(None), &outcomes(&[Status::NotAttempted; 7]));
    assert!(page.contains("not reached so far: <strong>7</strong>") && !page.contains("<tr class=\"not_attempted\""));
}

#[test]
fn a_filter_is_there_only_for_several_statuses() {
    let filters = |statuses: &[Status]| page(facts(None), &outcomes(statuses)).matches("type=\"radio\"").count();
    assert_eq!(filters(&[Status::Unconfirmed, Status::Unconfirmed]), 0);
    assert_eq!(filters(&[Status::Unconfirmed, Status::NotFound, Status::Forbidden]), 4);
}

#[test]
fn each_next_step_is_told() {
    let say = |next: NextStep| {
        let mut draft = draft(facts(None), &outcomes(&[Status::Unreachable]));
        draft.go_on(|_, _, _| next.clone());
        draft.render(Timestamp::UNIX_EPOCH).unwrap()
    };
    let command = "imocha-cancel run 'a&b.csv' --resume";
    for (next, said) in [
        (NextStep::Nothing, "Nothing is left"),
        (
            NextStep::Command(command.to_owned()),
            "<pre><code>imocha-cancel run &#39;a&#38;b.csv&#39; --resume</code></pre>",
        ),
        (NextStep::SayAgain, "Give the command again"),
        (NextStep::AfterPermission(Some(command.to_owned())), "forbidden to the key"),
        (NextStep::Wait, "A run is at work"),
        (NextStep::Impossible("no way"), "no way"),
    ] {
        let page = say(next);
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[test]
fn an_empty_page_is_a_page() {
    let page = page(facts(None), &[]);
    assert!(page.contains("There are no rows.") && page.contains("No call was made."));
}
