use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use csv::ByteRecord;

use super::*;
use crate::results::format::Format;
use crate::results::writer::Disk;
use crate::row::{Layout, Row};

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// This sync (counted from 1) and all later ones fail.
    SyncFails(usize),
    /// The disk has room for this many bytes.
    Full(usize),
}

/// A disk with a fault. It keeps what was written before its last successful sync.
#[derive(Debug, Clone)]
struct BadDisk {
    bytes: Arc<Mutex<Vec<u8>>>,
    syncs: usize,
    fault: Fault,
}

impl Write for BadDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.bytes.lock().unwrap();
        if let Fault::Full(room) = self.fault
            && written.len() + bytes.len() > room
        {
            written.extend(&bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        written.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for BadDisk {
    fn sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        match self.fault {
            Fault::SyncFails(from) if self.syncs >= from => Err(io::Error::other("I/O error")),
            Fault::SyncFails(_) | Fault::Full(_) => Ok(()),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().truncate(length.try_into().unwrap());
        Ok(())
    }
}

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

fn record(fault: Fault, batches: Vec<Vec<Outcome>>) -> Ended {
    let columns = vec!["name".to_owned()];
    let format = Format::new(Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false });
    let header = format.header().unwrap();
    let disk = BadDisk { bytes: Arc::new(Mutex::new(header.clone())), syncs: 0, fault };
    let bytes = Arc::clone(&disk.bytes);
    let results = ResultsWriter::on(Box::new(disk), header.len().try_into().unwrap(), format);
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
    let kept = lines(&bytes.lock().unwrap());
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
    let ended = record(Fault::SyncFails(2), batches);
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
    let ended = record(Fault::Full(700), batches);
    assert_eq!(ended.reason, Some(StopReason::ResultsUnwritable));
    assert!(ended.kept.len() > 3 && ended.rescued.len() > 3);
    let all: Vec<u64> = ended.kept.iter().chain(&ended.rescued).copied().collect();
    assert_eq!(all, (2..40).collect::<Vec<u64>>(), "each in one place, none in part");
    assert_eq!(ended.summary.total(), 38);
}

#[test]
fn many_rows_are_synced_before_their_time_comes() {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let disk = BadDisk { bytes, syncs: 0, fault: Fault::Full(usize::MAX) };
    let columns = vec!["name".to_owned()];
    let format = Format::new(Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false });
    let results = ResultsWriter::on(Box::new(disk), 0, format);
    let monitor: Arc<dyn Monitor> = Arc::new(LastResort::default());
    let mut recorder = Recorder::new(results, monitor, Shutdown::default(), Summary::new());
    let mut wide = outcome(2, Status::Cancelled, 1);
    wide.row.cells = ByteRecord::from(vec!["x".repeat(UNSYNCED_BYTES)]);
    recorder.keep(&mut vec![wide]);
    assert!(recorder.sync_due().unwrap() <= Instant::now() + Duration::from_millis(1));
    recorder.sync();
    assert_eq!((recorder.unsynced.bytes, recorder.tally.all_runs.total()), (0, 1));
}
