use std::fmt::Write as _;
use std::fs::File;

use csv::ByteRecord;
use proptest::prelude::*;

use super::*;
use crate::outcome::Outcome;
use crate::results::journal::{Identity, RunNotes};
use crate::results::standing::Earlier;
use crate::row::{Layout, Row};

fn format() -> Format {
    let columns = vec!["name".to_owned()];
    Format::new(Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false })
}

fn last_run(input_bytes: u64, sent_up_to: u64) -> LastRun {
    let mut doubt = Doubt::default();
    doubt.sent_up_to(sent_up_to);
    let identity = Identity {
        input: "in.csv".to_owned(),
        bytes: input_bytes,
        sha256: String::new(),
        base_url: String::new(),
        encoding: "UTF-8".to_owned(),
        delimiter: ',',
        header_line: Some(1),
        id_column: Some(1),
        filters: Vec::new(),
        short_rows: false,
        shard: None,
        notes: RunNotes::default(),
    };
    LastRun { identity, doubt, first_began_at: None, began_at: None, version: String::new(), ended: None }
}

#[test]
fn rows_that_no_run_came_to_cost_a_bit_and_are_clear() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.csv");
    let mut text = String::from_utf8(format().header().unwrap()).unwrap();
    for line in 2..50_000 {
        writeln!(text, "{line},{line},not_attempted,,the run stopped,0,0,2026-01-20T02:00:00.060Z,x").unwrap();
    }
    std::fs::write(&path, text).unwrap();
    let history = History::read(&path, &format(), &last_run(400_000, 20), Zeros::Lost).unwrap();
    assert!(history.tried.is_empty() && history.not_attempted.len() <= 50_000);
    assert_eq!(history.of(7), Standing::Open(Earlier::default()), "reserved, and not come to");
    let carried_on = history.doubt();
    assert_eq!(carried_on.of(20), Earlier::default());
    assert!(serde_json::to_string(&carried_on).unwrap().len() < 200, "only those that were reserved are named");
}

#[test]
fn the_rows_that_are_done_go_over_into_new_results_as_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("results.csv"), directory.path().join("copy.csv"));
    let outcome = |line, status| {
        let row = Row { line, cells: ByteRecord::from(vec!["a\n\"b\""]) };
        Outcome { attempts: 1, ..Outcome::unsent(row, line.to_string(), status, "") }
    };
    let mut text = format().header().unwrap();
    let header_bytes = text.len();
    format().append(&[outcome(4, Status::Cancelled), outcome(2, Status::Filtered)], &mut text).unwrap();
    let done = text.len();
    format().append(&[outcome(6, Status::Forbidden), outcome(8, Status::Cancelled)], &mut text).unwrap();
    std::fs::write(&path, &text[..text.len() - 1]).unwrap();

    let history = History::read(&path, &format(), &last_run(100, 8), Zeros::Lost).unwrap();
    history.copy_done(&path, &format(), File::create(&copy).unwrap()).unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), text[header_bytes..done]);
    assert_eq!((history.summary().total(), history.settled_invitations()), (2, 1));
    assert_eq!(history.of(4), Standing::Done);
    let Standing::Open(torn) = history.of(8) else { panic!("a torn row is open") };
    assert_eq!((torn.effect, torn.result), (Effect::Possible, None));
}

/// Results with rows of all statuses and various cells, and the status of each row.
fn results() -> impl Strategy<Value = (Vec<u8>, Vec<Status>)> {
    let cell = prop::sample::select(vec!["", "x", "a,b", "a\n\"b\"\n", "\r", "\"", "Ann Lee, 1st of her name"]);
    prop::collection::vec((prop::sample::select(Status::ALL), cell), 1..12).prop_map(|rows| {
        let mut text = format().header().unwrap();
        for (index, &(status, cell)) in rows.iter().enumerate() {
            let row = Row { line: u64::try_from(index).unwrap() + 2, cells: ByteRecord::from(vec![cell]) };
            format().append(&[Outcome::unsent(row, "7".to_owned(), status, "said")], &mut text).unwrap();
        }
        (text, rows.into_iter().map(|(status, _cell)| status).collect())
    })
}

proptest! {
    #[test]
    fn whatever_a_crash_leaves_of_the_results_is_read_and_never_as_more_than_it_was(
        (whole, statuses) in results(), from in 0.0..1.0_f64, to in 0.0..1.0_f64, is_cut: bool, marked in 0_u64..14
    ) {
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a place in a text")]
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a text")]
        let at = |part: f64| (whole.len() as f64 * part) as usize;
        let (from, to) = (at(from.min(to)), at(from.max(to)));
        let mut left = whole.clone();
        if is_cut { left.truncate(from) } else { left[from..to].fill(0) }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.csv");
        std::fs::write(&path, &left).unwrap();

        let history = History::read(&path, &format(), &last_run(1_000, marked), Zeros::Lost).unwrap();
        let mut is_lost = false;
        for (index, status) in statuses.into_iter().enumerate() {
            let line = u64::try_from(index).unwrap() + 2;
            let without_result = if line <= marked { Effect::Possible } else { Effect::None };
            let now = history.known(line);
            let then = match status {
                _ if !status.is_tried_again() => None,
                Status::NotAttempted => Some(Known::Effect(Effect::None)),
                _ => Some(history.tried.get(&line).cloned().map_or(Known::Effect(without_result), Known::Tried)),
            };
            // After the first lost row, only the journal's mark counts.
            is_lost |= now != then;
            prop_assert!(!is_lost || now == Some(Known::Effect(without_result)), "line {}", line);
        }
        if from >= to && !is_cut || is_cut && from == whole.len() {
            prop_assert!(!is_lost);
        }
        let copy = directory.path().join("copy.csv");
        history.copy_done(&path, &format(), File::create(&copy).unwrap()).unwrap();
        let copied = std::fs::read(&copy).unwrap();
        prop_assert!(!copied.contains(&0));
    }
}
