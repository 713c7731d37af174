//! How many rows a second the input gives: [`input::survey_file`], which reads the whole file before the first call,
//! and [`input::RowReader`], which reads it again and feeds the workers.
//!
//! The survey is what an operator waits for before the question whether to start, and the reader has to be well ahead
//! of the API. Each kind of file has a step of its own that may be slow: one is without a quote, one has quotes to be
//! undone, one is to be decoded, and of one `--where` leaves out three rows of four.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BatchSize, Criterion, Throughput};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use imocha_cancel::input::{self, InputFile, ReadError, ReadingOptions, RowReader, Survey};
use imocha_cancel::row::Screened;

/// The allocator of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The rows of each file: enough for the reading to outweigh the opening.
const ROWS: u64 = 100_000;
/// Every row of the files has one of these.
const STATUSES: [&str; 4] = ["Pending", "Inprogress", "Complete", "Expired"];

/// A file, how it is to be read, and what has to come of it.
struct Case {
    name: &'static str,
    path: PathBuf,
    options: ReadingOptions,
    encoding: &'static Encoding,
    delimiter: u8,
    eligible: u64,
    /// The second cell of the first row.
    first_name: &'static str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let cases = cases(directory.path())?;
    for case in &cases {
        check(case)?;
    }
    let mut criterion = Criterion::default().configure_from_args();
    survey(&mut criterion, &cases);
    read(&mut criterion, &cases);
    criterion.final_summary();
    Ok(())
}

/// Writes the files.
fn cases(directory: &Path) -> Result<[Case; 4], Box<dyn Error>> {
    let plain = text(',', |row| format!("Tom Brennan {row}"));
    let quoted = text(',', |row| format!("\"Brennan, Tom \"\"the Bear\"\" {row}\""));
    let umlauts = text(';', |row| format!("Jürgen Großmüller {row}"));
    let (umlauts, _, unmappable) = WINDOWS_1252.encode(&umlauts);
    assert!(!unmappable, "windows-1252 has every character");

    let file = |name: &'static str, bytes: &[u8]| {
        let path = directory.join(format!("{name}.csv"));
        fs::write(&path, bytes)?;
        let options = ReadingOptions::default();
        let (encoding, delimiter) = (UTF_8, b',');
        Ok::<_, Box<dyn Error>>(Case { name, path, options, encoding, delimiter, eligible: ROWS, first_name: "" })
    };
    let filters = vec!["status=Pending".parse()?];
    Ok([
        Case { first_name: "Tom Brennan 0", ..file("clean", plain.as_bytes())? },
        Case { first_name: "Brennan, Tom \"the Bear\" 0", ..file("quoted", quoted.as_bytes())? },
        Case {
            encoding: WINDOWS_1252,
            delimiter: b';',
            first_name: "Jürgen Großmüller 0",
            ..file("windows-1252", &umlauts)?
        },
        Case {
            options: ReadingOptions { filters, ..ReadingOptions::default() },
            eligible: ROWS / 4,
            first_name: "Tom Brennan 0",
            ..file("where", plain.as_bytes())?
        },
    ])
}

/// A file of three columns. Each ID has seven digits and stands there once, and they are in no order: the survey sorts
/// them.
fn text(delimiter: char, name: impl Fn(u64) -> String) -> String {
    let mut text = format!("invitation_id{delimiter}name{delimiter}status\n");
    for (row, status) in (0..ROWS).zip(STATUSES.iter().cycle()) {
        let id = 1_000_000 + row * 48_271 % 9_000_000;
        text.extend([&id.to_string(), &delimiter.to_string(), &name(row), &delimiter.to_string(), *status, "\n"]);
    }
    text
}

/// Makes sure that what is measured is the reading of every row.
fn check(case: &Case) -> Result<(), Box<dyn Error>> {
    let (file, survey) = input::survey_file(&case.path, &case.options)?;
    let counts = (survey.rows, survey.eligible, survey.invalid, survey.duplicates, survey.filtered);
    assert_eq!(counts, (ROWS, case.eligible, 0, 0, ROWS - case.eligible), "{}", case.name);
    let found = (survey.reading.encoding, survey.reading.layout.delimiter);
    assert_eq!(found, (case.encoding, case.delimiter), "{}", case.name);

    let rows = RowReader::from_file(file, survey.reading)?.collect::<Result<Vec<Screened>, _>>()?;
    let to_cancel = rows.iter().filter(|row| matches!(row, Screened::ToCancel { .. })).count();
    assert_eq!((rows.len(), to_cancel), (usize::try_from(ROWS)?, usize::try_from(case.eligible)?), "{}", case.name);
    let first_name = rows.first().and_then(|row| row.row().cells.get(1));
    assert_eq!(first_name, Some(case.first_name.as_bytes()), "{}", case.name);
    Ok(())
}

fn survey(criterion: &mut Criterion, cases: &[Case]) {
    let mut group = criterion.benchmark_group("survey_file");
    group.throughput(Throughput::Elements(ROWS));
    for case in cases {
        group.bench_function(case.name, |bencher| bencher.iter(|| input::survey_file(&case.path, &case.options)));
    }
    group.finish();
}

/// The survey that each reading needs before it is not in its time.
fn read(criterion: &mut Criterion, cases: &[Case]) {
    let mut group = criterion.benchmark_group("row_reader");
    group.throughput(Throughput::Elements(ROWS));
    for case in cases {
        group.bench_function(case.name, |bencher| {
            bencher.iter_batched(
                || input::survey_file(&case.path, &case.options),
                |surveyed| surveyed.map(|(file, survey)| read_all(file, survey)),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn read_all(file: InputFile, survey: Survey) -> Result<(), ReadError> {
    for row in RowReader::from_file(file, survey.reading)? {
        black_box(row?);
    }
    Ok(())
}
