//! Tests the promises of the room through its public functions: every input is surveyed, read as a file and read as a
//! stream, and the three have to agree.

mod cells;
mod columns;
mod dialect;
mod doubt;
mod encoding;
mod faults;
mod filters;
mod kinds;
mod past_runs;
mod random;
mod shards;
mod streams;

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::error::{Cause, Refusal};
use crate::outcome::Status;
use crate::row::Screened;

/// A file of a test, deleted with it.
struct Given {
    directory: TempDir,
    path: PathBuf,
}

fn given(bytes: impl AsRef<[u8]>) -> Given {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input.csv");
    fs::write(&path, bytes).unwrap();
    Given { directory, path }
}

fn options() -> ReadingOptions {
    ReadingOptions::default()
}

fn id_column(name: &str) -> ReadingOptions {
    ReadingOptions { id_column: Some(name.to_owned()), ..options() }
}

fn no_header() -> ReadingOptions {
    ReadingOptions { header: HeaderOption::Absent, ..options() }
}

fn short_rows() -> ReadingOptions {
    ReadingOptions { short_rows: ShortRows::Meant, ..options() }
}

fn filtered(filters: &[&str]) -> ReadingOptions {
    ReadingOptions { filters: filters.iter().map(|filter| filter.parse().unwrap()).collect(), ..options() }
}

/// Surveys and reads a file, and makes sure that the counts of the survey fit the rows.
fn read_with(bytes: impl AsRef<[u8]>, options: &ReadingOptions) -> Result<(Survey, Vec<Screened>), Refusal> {
    let given = given(bytes);
    let (file, survey) = survey_file(&given.path, options)?;
    let rows: Vec<Screened> = RowReader::from_file(file, survey.reading.clone()).unwrap().map(Result::unwrap).collect();
    let count = |status: Option<Status>| {
        let is = |row: &&Screened| match row {
            Screened::ToCancel { .. } => status.is_none(),
            Screened::Skipped { skip, .. } => status == Some(skip.status),
        };
        u64::try_from(rows.iter().filter(is).count()).unwrap()
    };
    assert_eq!(survey.rows, u64::try_from(rows.len()).unwrap());
    assert_eq!(survey.eligible, count(None));
    assert_eq!(survey.invalid, count(Some(Status::InvalidId)));
    assert_eq!(survey.duplicates, count(Some(Status::Duplicate)));
    assert_eq!(survey.filtered, count(Some(Status::Filtered)));
    assert!(rows.is_sorted_by(|one, next| one.row().line < next.row().line));
    Ok((survey, rows))
}

fn read(bytes: impl AsRef<[u8]>) -> (Survey, Vec<Screened>) {
    read_with(bytes, &options()).unwrap()
}

fn refused_with(bytes: impl AsRef<[u8]>, options: &ReadingOptions) -> String {
    let given = given(bytes);
    let refusal = survey_file(&given.path, options).map(|_| ()).unwrap_err();
    let path = given.directory.path().to_string_lossy().into_owned();
    let message = refusal.message.replace(&format!("{path}/"), "");
    assert!(message.contains("input.csv") || refusal.cause == Cause::Usage, "{message}");
    format!("{message} | {}", refusal.hint.unwrap_or_default())
}

fn refused(bytes: impl AsRef<[u8]>) -> String {
    refused_with(bytes, &options())
}

fn stream_with(bytes: impl AsRef<[u8]>, options: &ReadingOptions) -> Result<RowReader, Refusal> {
    RowReader::from_stream(Cursor::new(bytes.as_ref().to_vec()), options)
}

/// A row in short form: its line and ID, or its line, status and the ID cell of its result.
fn brief(rows: &[Screened]) -> Vec<String> {
    let brief = |row: &Screened| match row {
        Screened::ToCancel { row, id, .. } => format!("{} {id}", row.line),
        Screened::Skipped { row, skip } => format!("{} {} {:?}", row.line, skip.status, skip.invitation_id),
    };
    rows.iter().map(brief).collect()
}

/// Reads a file and returns its rows in short form, after checking that a stream of the same bytes yields the same
/// rows.
fn rows_with(bytes: impl AsRef<[u8]>, options: &ReadingOptions) -> Vec<String> {
    let (_, rows) = read_with(&bytes, options).unwrap();
    let stream: Vec<Screened> = stream_with(&bytes, options).unwrap().map(Result::unwrap).collect();
    assert_eq!(brief(&stream), brief(&rows));
    assert!(stream.iter().zip(&rows).all(|(one, other)| one.row().cells == other.row().cells));
    brief(&rows)
}

fn rows(bytes: impl AsRef<[u8]>) -> Vec<String> {
    rows_with(bytes, &options())
}

fn reason(row: &Screened) -> &str {
    match row {
        Screened::ToCancel { id, .. } => panic!("{id} would be sent"),
        Screened::Skipped { skip, .. } => &skip.reason,
    }
}

fn cell(row: &Screened, index: usize) -> &str {
    std::str::from_utf8(&row.row().cells[index]).unwrap()
}
