//! Holds what the model knows from its disk against what the product reads from real files.

use std::fs;
use std::path::Path;

use csv::ByteRecord;
use imocha_cancel::outcome::{Effect, Outcome, Status};
use imocha_cancel::results::format::Format;
use imocha_cancel::results::{Doubt, Earlier, History, Identity, LastRun, RunNotes, Standing, Zeros};
use imocha_cancel::row::{Layout, Row};
use proptest::prelude::*;

use crate::disk::{Carried, Disk, Known, PerRow, ROWS, Results, RunLines};

/// What a run left: how many rows it marked, and the results.
type Left = (usize, PerRow<Option<Status>>);

fn left() -> impl Strategy<Value = Left> {
    let status = || prop::option::of(prop::sample::select(Status::ALL));
    (0..=ROWS, [status(), status(), status()])
}

/// The line of the input on which a row stands, below the header.
fn line_of(row: usize) -> u64 {
    u64::try_from(row).unwrap() + 2
}

/// The journal and the results as the model has them.
fn modelled(carried: Carried, (marked, statuses): Left) -> Disk {
    let mut disk = Disk::EMPTY;
    disk.journal.durable = Some(RunLines { carried, marked });
    let rows: Vec<_> = statuses.iter().enumerate().filter_map(|(row, status)| Some((row, (*status)?))).collect();
    disk.results = Some(Results { synced: rows.len(), rows });
    disk
}

/// The history that the product reads from a journal and results like these.
fn read(mut doubt: Doubt, (marked, statuses): Left, results: &Path) -> History {
    let columns = vec!["id".to_owned()];
    let mut format = Format::new(Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false });
    let mut text = format.header().unwrap();
    for (row, status) in statuses.into_iter().enumerate() {
        let Some(status) = status else { continue };
        let read = Row { line: line_of(row), cells: ByteRecord::from(vec!["7"]) };
        let attempts = u64::from(status != Status::NotAttempted);
        let outcome = Outcome { attempts, ..Outcome::unsent(read, "7".to_owned(), status, "") };
        format.append(&[outcome], &mut text).unwrap();
    }
    fs::write(results, text).unwrap();
    if let Some(last) = marked.checked_sub(1) {
        doubt.sent_up_to(line_of(last));
    }
    let last_run = LastRun {
        identity: identity(),
        doubt,
        first_began_at: None,
        began_at: None,
        version: String::new(),
        ended: None,
    };
    History::read(results, &format, &last_run, Zeros::Lost).unwrap()
}

fn identity() -> Identity {
    Identity {
        input: "in.csv".to_owned(),
        bytes: 9,
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
    }
}

/// What the product knows of a row, in the words of the model.
fn known(standing: Standing) -> Option<Known> {
    match standing {
        Standing::Done => None,
        Standing::Open(Earlier { effect, result: Some(result), .. }) => {
            assert_eq!(effect, result.status.effect());
            Some(Known::Tried(result.status))
        }
        Standing::Open(Earlier { effect: Effect::Possible, .. }) => Some(Known::InDoubt),
        Standing::Open(Earlier { effect: Effect::None, .. }) => Some(Known::Unsent),
    }
}

proptest! {
    #[test]
    fn the_model_knows_what_the_product_reads_after_any_runs(runs in prop::collection::vec(left(), 1..5)) {
        let directory = tempfile::tempdir().unwrap();
        let results = directory.path().join("results.csv");
        let (mut carried, mut doubt) = (Carried::NOTHING, Doubt::default());
        for left in runs {
            let (disk, history) = (modelled(carried, left), read(doubt, left, &results));
            for row in 0..ROWS {
                let modelled = Some(disk.known(row)).filter(|known| !matches!(known, Known::Done(_)));
                prop_assert_eq!(known(history.of(line_of(row))), modelled, "row {} of {:?}", row, disk);
            }
            // The next run reads it from the journal.
            doubt = serde_json::from_str(&serde_json::to_string(&history.doubt()).unwrap()).unwrap();
            carried = disk.carried_on(false);
        }
    }
}
