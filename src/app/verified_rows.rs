//! The file that `verify --output` writes: each row of the results, behind a column that says what the lists make of it.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::held::HeldResults;
use super::own_file;
use super::places::is_dash;
use super::readers::for_readers_of_all;
use crate::error::{Cause, Refusal};
use crate::results::format::{BYTE_ORDER_MARK, Format, delimiter_of_results};
use crate::results::{ResultsFile, ResultsRow, Settlement};
use crate::text::quoted_path;
use crate::verification::Finding;

/// The name of the first column.
const VERIFIED: &str = "verified";
/// Enough of a file to tell whether it is one of this kind.
const START_BYTES: u64 = 256;

/// Makes sure that the rows can go to `path`: nothing may stand there but an older file of this kind.
///
/// # Errors
///
/// When something else does, and when the results have different columns.
pub(super) fn check(path: &Path, results: &[HeldResults]) -> Result<(), Refusal> {
    let Some((first, others)) = results.split_first() else { return Ok(()) };
    let header = header(&first.format)?;
    for other in others {
        if self::header(&other.format)? != header {
            let message = format!(
                "{} and {} have different columns, and one file cannot have both",
                quoted_path(first.file.path()),
                quoted_path(other.file.path())
            );
            return Err(Refusal::new(Cause::Usage, message).hint("leave --output out, or verify them one by one"));
        }
    }
    if is_dash(path) {
        return Ok(());
    }
    place(path, results)?.try_out(&header)
}

/// Where the rows go: for those who may read all of the results, if these are the same people, else for the owner alone.
fn place(path: &Path, results: &[HeldResults]) -> Result<ResultsFile, Refusal> {
    let file = own_file::plan(path, START_BYTES, are_verified_rows, || {
        Refusal::new(Cause::ResultsExist, format!("the file {} is there already", quoted_path(path)))
            .hint("name another file with --output; only rows that verify wrote before are replaced")
    })?;
    let results: Vec<&Path> = results.iter().map(|held| held.file.path()).collect();
    Ok(for_readers_of_all(file, &results))
}

/// Whether a file that begins so is one of this kind.
fn are_verified_rows(start: &[u8]) -> bool {
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    let header = start.strip_prefix(VERIFIED.as_bytes()).and_then(<[u8]>::split_first);
    header.is_some_and(|(delimiter, header)| delimiter_of_results(header) == Some(*delimiter))
}

/// Writes each row of the results behind its finding, and as it is once it is settled; `look` says both.
///
/// # Errors
///
/// When the results cannot be read, or the file cannot be written.
pub(super) fn write_verified(
    path: &Path,
    results: &[HeldResults],
    look: impl Fn(&ResultsRow<'_>) -> (Finding, Option<Settlement>),
) -> Result<(), Refusal> {
    let Some(first) = results.first() else { return Ok(()) };
    let header = header(&first.format)?;
    let write_rows = |target: &mut dyn Write| -> Result<(), Refusal> {
        let mut line = Vec::new();
        for held in results {
            held.for_each_row(|row| {
                let (finding, settlement) = look(row);
                line.clear();
                line.extend_from_slice(finding.word().as_bytes());
                line.push(held.format.delimiter());
                match settlement {
                    Some(settlement) => held
                        .format
                        .encode(&row.settled(&settlement), &mut line)
                        .map_err(|error| unwritable(path, error.into()))?,
                    None => line.extend_from_slice(row.bytes),
                }
                target.write_all(&line).map_err(|error| unwritable(path, error))
            })
            .map(drop)?;
        }
        target.flush().map_err(|error| unwritable(path, error))
    };
    if is_dash(path) {
        let mut output = io::stdout().lock();
        output.write_all(&header).map_err(|error| unwritable(path, error))?;
        return write_rows(&mut output);
    }
    place(path, results)?.create(&header, |target| write_rows(&mut BufWriter::new(target))).map(drop)
}

/// The header of the results behind the new column.
fn header(format: &Format) -> Result<Vec<u8>, Refusal> {
    let header = format.header().map_err(|error| {
        Refusal::new(Cause::ResultsUnwritable, "could not write the header of the rows").caused_by(error)
    })?;
    let (mark, names) = match header.strip_prefix(BYTE_ORDER_MARK) {
        Some(names) => (BYTE_ORDER_MARK, names),
        None => (&b""[..], header.as_slice()),
    };
    Ok([mark, VERIFIED.as_bytes(), &[format.delimiter()], names].concat())
}

fn unwritable(path: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsUnwritable, format!("could not write the rows to {}", quoted_path(path)))
        .caused_by(error)
}
