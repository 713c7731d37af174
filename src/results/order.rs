//! Puts the rows of results into the order of the input, in one durable step. While a run goes on, they stand in the
//! order in which they ended.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::file::ResultsFile;
use super::format::Format;
use super::reader::{ResultsReader, Zeros};
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// Results of more rows stay as they are. Chosen by us: of so many, 24 MB are needed to know where each row stands, and
/// nobody reads them row by row.
const MOST_ROWS: usize = 1_000_000;

/// How much of the results is read at once, in bytes. Rows that ended at about the same time stand near each other, so
/// most of them are found in what was read for the one before.
const READ_BYTES: usize = 256 * 1024;

/// Where a row stands in the file.
#[derive(Debug, Clone, Copy)]
struct PlacedRow {
    /// Of the input.
    line: u64,
    /// Its bytes in the results.
    start: u64,
    end: u64,
}

/// Puts the rows of the results at the place of `file` into the order of the input. Each stays byte for byte as it is.
/// Nothing is written where they are in order already, where they are too many, and where the end of the file is torn.
/// Whoever calls it holds the lock of the results.
///
/// # Errors
///
/// When the results cannot be read, and when the disk refuses. Then they are as they were.
pub fn put_in_order(file: &ResultsFile, format: &Format) -> Result<(), Refusal> {
    let Some(mut rows) = placed_rows(file.path(), format)? else { return Ok(()) };
    if rows.is_sorted_by_key(|row| row.line) {
        return Ok(());
    }
    rows.sort_unstable_by_key(|row| row.line);
    let fail = |error: io::Error| {
        Refusal::new(Cause::ResultsUnwritable, format!("could not write {}", quoted_path(file.path()))).caused_by(error)
    };
    let header = format.header().map_err(|error| fail(error.into()))?;
    file.create(&header, |target| copy(file.path(), &rows, target).map_err(fail)).map(drop)
}

/// Where each row stands, in the order of the file; `None` where this file is to stay as it is.
fn placed_rows(results: &Path, format: &Format) -> Result<Option<Vec<PlacedRow>>, Refusal> {
    // The rows are this run's own, so a zero in them is the input's.
    let mut reader = ResultsReader::open(results, format, Zeros::InCells)?;
    let mut rows = Vec::new();
    loop {
        let start = reader.whole_bytes();
        let Some(line) = reader.next_row()?.map(|row| row.line) else { break };
        if rows.len() == MOST_ROWS {
            return Ok(None);
        }
        rows.push(PlacedRow { line, start, end: reader.whole_bytes() });
    }
    Ok((reader.torn_bytes() == 0).then_some(rows))
}

fn copy(results: &Path, rows: &[PlacedRow], target: &mut impl Write) -> io::Result<()> {
    let mut source = BufReader::with_capacity(READ_BYTES, File::open(results)?);
    let mut target = BufWriter::with_capacity(READ_BYTES, target);
    let mut bytes = Vec::new();
    let mut at = 0;
    for row in rows {
        let distance = i64::try_from(row.start).and_then(|start| Ok(start - i64::try_from(at)?));
        source.seek_relative(distance.map_err(io::Error::other)?)?;
        bytes.resize(usize::try_from(row.end - row.start).map_err(io::Error::other)?, 0);
        source.read_exact(&mut bytes)?;
        at = row.end;
        target.write_all(&bytes)?;
    }
    target.flush()
}
