//! How long it takes to record what became of rows: as text ([`Format::append`]), in the results file
//! ([`ResultsWriter::append`]), and the journal's word beforehand that they may be sent ([`Journal::reserve`]).
//!
//! One thread of a run writes all results, so its time for a row bounds the calls a second, whatever the concurrency.
//! The first two are given batches of 64 rows and count rows; the results file is not synced in their time, which a
//! run does four times a second. A reservation stands for many rows and is synced each time: its figure is that of the
//! disk on which the temporary directory lies, if it lies on one.
#![expect(
    clippy::expect_used,
    reason = "criterion takes no error from what it measures, and no figure may be one's time"
)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use csv::ByteRecord;
use imocha_cancel::invitation::InvitationId;
use imocha_cancel::outcome::{Outcome, Status};
use imocha_cancel::results::format::Format;
use imocha_cancel::results::{Existing, History, Identity, Journal, ResultsFile, ResultsWriter, RunNotes};
use imocha_cancel::row::{Layout, Row};

/// The allocator of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The rows of a batch: about what gathers in a millisecond at 50,000 calls a second.
const BATCH_ROWS: u64 = 64;
/// The most batches that go to one results file before it is begun anew: 64 MB, however long a measurement lasts.
const MOST_BATCHES: u64 = 8_192;
const COLUMNS: [&str; 5] = ["Test Invitation Id", "Name", "Email", "Test", "Test Status"];
/// The results row of the first outcome.
const FIRST_ROW: &str = "2,2932950,cancelled,200,,1,41,2026-01-20T02:00:00.060Z,2932950,\"Großmüller, Jürgen\",\
                         juergen.grossmueller@example.com,Data Analyst,Pending";

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let outcomes = outcomes()?;
    let mut criterion = Criterion::default().configure_from_args();
    format(&mut criterion, &outcomes)?;
    file(&mut criterion, &outcomes, directory.path().join("results.csv"))?;
    journal(&mut criterion, &directory.path().join("reserved.csv"))?;
    criterion.final_summary();
    Ok(())
}

fn layout() -> Layout {
    let columns = COLUMNS.iter().map(ToString::to_string).collect();
    Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false }
}

/// A batch of confirmed cancellations.
fn outcomes() -> Result<Vec<Outcome>, Box<dyn Error>> {
    (0..BATCH_ROWS).map(outcome).collect()
}

fn outcome(number: u64) -> Result<Outcome, Box<dyn Error>> {
    let id = InvitationId::new(2_932_950 + number).ok_or("the number is an ID")?;
    let name = "Großmüller, Jürgen";
    let cells = [&id.to_string(), name, "juergen.grossmueller@example.com", "Data Analyst", "Pending"];
    let duration = Duration::from_micros(41_999);
    Ok(Outcome {
        row: Row { line: 2 + number, cells: ByteRecord::from(cells.as_slice()) },
        invitation_id: id.to_string(),
        status: Status::Cancelled,
        http_status: Some(200),
        error: String::new(),
        duration,
        attempts: 1,
        calls: 1,
        latencies: vec![duration],
        finished_at: "2026-01-20T02:00:00.060Z".parse()?,
    })
}

fn format(criterion: &mut Criterion, outcomes: &[Outcome]) -> Result<(), Box<dyn Error>> {
    let mut format = Format::new(layout());
    let mut bytes = Vec::new();
    format.append(outcomes, &mut bytes)?;
    check(std::str::from_utf8(&bytes)?.lines())?;

    let mut group = criterion.benchmark_group("format");
    group.throughput(Throughput::Elements(BATCH_ROWS));
    group.bench_function("append", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            format.append(outcomes, &mut bytes)
        });
    });
    group.finish();
    Ok(())
}

/// Makes sure that these are the rows of one batch.
fn check<'a>(rows: impl Iterator<Item = &'a str>) -> Result<(), Box<dyn Error>> {
    let rows: Vec<_> = rows.collect();
    assert_eq!((rows.first(), rows.len()), (Some(&FIRST_ROW), usize::try_from(BATCH_ROWS)?));
    Ok(())
}

fn file(criterion: &mut Criterion, outcomes: &[Outcome], path: PathBuf) -> Result<(), Box<dyn Error>> {
    let file = ResultsFile::plan(path, Existing::Replace)?;
    append(&file, outcomes, 1)?;
    check(fs::read_to_string(file.path())?.lines().skip(1))?;

    let mut group = criterion.benchmark_group("results_writer");
    group.throughput(Throughput::Elements(BATCH_ROWS));
    group.bench_function("append_without_sync", |bencher| {
        bencher.iter_custom(|mut batches| {
            let mut taken = Duration::ZERO;
            while batches > 0 {
                let now = batches.min(MOST_BATCHES);
                taken += append(&file, outcomes, now).expect("the disk takes the results");
                batches -= now;
            }
            taken
        });
    });
    group.finish();
    Ok(())
}

/// How long it takes to append this many batches to new results, which are not made in that time.
fn append(file: &ResultsFile, outcomes: &[Outcome], batches: u64) -> Result<Duration, Box<dyn Error>> {
    let mut writer = ResultsWriter::create(file, layout(), &History::default())?;
    let begun = Instant::now();
    for _ in 0..batches {
        writer.append(outcomes)?;
    }
    Ok(begun.elapsed())
}

fn journal(criterion: &mut Criterion, results: &Path) -> Result<(), Box<dyn Error>> {
    let mut journal = Journal::open(results)?;
    journal.begin_anew(identity())?;
    let mut line = 1;
    journal.reserve(line)?;
    let written = fs::read_to_string(Journal::path_of(results))?;
    assert_eq!(written.lines().last(), Some("{\"sent_up_to\":1}"));

    let mut group = criterion.benchmark_group("journal");
    group.bench_function("reserve_with_sync", |bencher| {
        bencher.iter(|| {
            line += BATCH_ROWS;
            journal.reserve(line).expect("the disk takes a line");
        });
    });
    group.finish();
    Ok(())
}

fn identity() -> Identity {
    Identity {
        input: "round.csv".to_owned(),
        bytes: 812,
        sha256: "0".repeat(64),
        base_url: "https://apiv3.imocha.io".to_owned(),
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
