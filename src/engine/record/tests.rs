use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use csv::ByteRecord;

use super::*;
use crate::results::disk::tests::{Fault, Recording};
use crate::results::{Existing, History, ResultsFile};
use crate::row::{Layout, Row};

/// How many syncs it takes to begin the results.
const FIRST_SYNCS: usize = 2;
/// How many steps that need room it takes to begin the results.
const FIRST_GROWTHS: usize = 3;

/// A monitor that keeps the rows that could not be written to the results.
#[derive(Debug, Default)]
struct LastResort(Mutex<Vec<u8>>);

impl Monitor for LastResort {
    fn recorded(&self, _outcomes: &[Outcome]) {}

    fn lost(&self, csv: &[u8]) {
        self.0.lock().unwrap().extend(csv);
    }
}

fn outcome(line: u64, status: Status, calls: u64) -> Outcome {
    let row = Row { line, cells: ByteRecord::from(vec!["Ann"]) };
    Outcome { calls, attempts: calls, ..Outcome::unsent(row, line.to_string(), status, "") }
}

/// The line numbers of the results rows in `text`, after its header.
fn lines(text: &[u8]) -> Vec<u64> {
    let mut reader = csv::Reader::from_reader(text);
    reader.records().map(|record| record.unwrap()[0].parse().unwrap()).collect()
}

/// What happened to the batches of outcomes that a test recorded, with time for a sync after each batch.
struct Ended {
    kept: Vec<u64>,
    rescued: Vec<u64>,
    summary: Summary,
    reason: Option<StopReason>,
}

/// Results in this directory.
fn begun(directory: &Path) -> ResultsWriter {
    let columns = vec!["name".to_owned()];
    let layout = Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false };
    let file = ResultsFile::plan(directory.join("results.csv"), Existing::Keep).unwrap();
    ResultsWriter::create(&file, layout, &History::default()).unwrap()
}

fn record(fault: Fault, batches: Vec<Vec<Outcome>>) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let _recording = Recording::start(directory.path(), Some(fault));
    let results = begun(directory.path());
    let (monitor, shutdown) = (Arc::new(LastResort::default()), Shutdown::default());
    let watching: Arc<dyn Monitor> = Arc::<LastResort>::clone(&monitor);
    let mut recorder = Recorder::new(results, watching, shutdown.clone(), Summary::new());
    for mut batch in batches {
        recorder.keep(&mut batch);
        if recorder.sync_due().is_some() {
            recorder.sync();
        }
    }
    let summary = recorder.tally.all_runs.clone();
    let rescued = lines(&monitor.0.lock().unwrap());
    let kept = lines(&fs::read(directory.path().join("results.csv")).unwrap());
    Ended { kept, rescued, summary, reason: shutdown.reason().map(|stop| stop.reason) }
}

#[test]
fn rows_that_a_disk_takes_and_does_not_keep_are_handed_on() {
    let cancelled = |line| outcome(line, Status::Cancelled, 1);
    let batches = vec![
        vec![cancelled(2), outcome(3, Status::InvalidId, 0)],
        vec![cancelled(4), outcome(5, Status::Filtered, 0), outcome(6, Status::Unconfirmed, 0)],
        vec![cancelled(7), outcome(8, Status::NotAttempted, 0)],
    ];
    let ended = record(Fault::SyncsFrom(FIRST_SYNCS + 2), batches);
    assert_eq!(ended.reason, Some(StopReason::ResultsUnwritable));
    assert_eq!(ended.kept, [2, 3], "what is behind the last good sync is not to be trusted");
    assert_eq!(ended.rescued, [4, 6, 7], "rows that would not be missed are not shown to whoever reads the mail");
    let count = |status| ended.summary.count(status);
    assert_eq!((count(Status::Cancelled), count(Status::InvalidId), count(Status::Filtered)), (3, 1, 0));
    assert_eq!(ended.summary.total(), 5, "what stands nowhere is not counted");
}

#[test]
fn the_rows_before_the_one_for_which_there_is_no_room_are_kept() {
    let batches = (2..40).map(|line| vec![outcome(line, Status::Cancelled, 1)]).collect();
    let ended = record(Fault::RoomFrom(FIRST_GROWTHS + 8), batches);
    assert_eq!(ended.reason, Some(StopReason::ResultsUnwritable));
    assert_eq!(ended.kept.len(), 7);
    let all: Vec<u64> = ended.kept.iter().chain(&ended.rescued).copied().collect();
    assert_eq!(all, (2..40).collect::<Vec<u64>>(), "each in one place, none in part");
    assert_eq!(ended.summary.total(), 38);
}

#[test]
fn many_rows_are_synced_before_their_time_comes() {
    let directory = tempfile::tempdir().unwrap();
    let results = begun(directory.path());
    let monitor: Arc<dyn Monitor> = Arc::new(LastResort::default());
    let mut recorder = Recorder::new(results, monitor, Shutdown::default(), Summary::new());
    let mut wide = outcome(2, Status::Cancelled, 1);
    wide.row.cells = ByteRecord::from(vec!["x".repeat(UNSYNCED_BYTES)]);
    recorder.keep(&mut vec![wide]);
    assert!(recorder.sync_due().unwrap() <= Instant::now() + Duration::from_millis(1));
    recorder.sync();
    assert_eq!((recorder.unsynced.bytes, recorder.tally.all_runs.total()), (0, 1));
}
