//! The file that `verify --output` writes: each row of the results, behind a column that says what the lists make of it.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::held::HeldResults;
use crate::error::{Cause, Refusal};
use crate::results::format::Format;
use crate::results::{Existing, ResultsFile, ResultsRow};
use crate::text::quoted_path;
use crate::verification::Finding;

/// The name of the first column.
const VERIFIED: &str = "verified";

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
    if is_standard_output(path) {
        return Ok(());
    }
    ResultsFile::plan(path.to_owned(), existing(path)).map(drop)
}

/// Whether a path stands for standard output.
pub(super) fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// What is to become of a file that is there: only an older one of this kind is replaced.
fn existing(path: &Path) -> Existing {
    let mut start = [0; VERIFIED.len() + 4];
    let read = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let start = start.get(..read).unwrap_or_default();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    if start.starts_with(VERIFIED.as_bytes()) { Existing::Replace } else { Existing::Keep }
}

/// Writes each row of the results behind its finding; `finding` is asked with the number of the results.
///
/// # Errors
///
/// When the results cannot be read, or the file cannot be written.
pub(super) fn write_verified(
    path: &Path,
    results: &[HeldResults],
    finding: impl Fn(usize, &ResultsRow<'_>) -> Finding,
) -> Result<(), Refusal> {
    let Some(first) = results.first() else { return Ok(()) };
    let header = header(&first.format)?;
    let write_rows = |target: &mut dyn Write| -> Result<(), Refusal> {
        for (number, held) in results.iter().enumerate() {
            held.for_each_row(|row| {
                let word = finding(number, row).word();
                let written = target
                    .write_all(word.as_bytes())
                    .and_then(|()| target.write_all(&[held.format.delimiter()]))
                    .and_then(|()| target.write_all(row.bytes));
                written.map_err(|error| unwritable(path, error))
            })?;
        }
        target.flush().map_err(|error| unwritable(path, error))
    };
    if is_standard_output(path) {
        let mut output = io::stdout().lock();
        output.write_all(&header).map_err(|error| unwritable(path, error))?;
        return write_rows(&mut output);
    }
    let file = ResultsFile::plan(path.to_owned(), existing(path))?.for_readers_of(first.file.path());
    file.create(&header, |target| write_rows(&mut BufWriter::new(target))).map(drop)
}

/// The header of the results behind the new column.
fn header(format: &Format) -> Result<Vec<u8>, Refusal> {
    let header = format.header().map_err(|error| {
        Refusal::new(Cause::ResultsUnwritable, "could not write the header of the rows").caused_by(error)
    })?;
    let (mark, names) = match header.strip_prefix(b"\xef\xbb\xbf") {
        Some(names) => (&b"\xef\xbb\xbf"[..], names),
        None => (&b""[..], header.as_slice()),
    };
    Ok([mark, VERIFIED.as_bytes(), &[format.delimiter()], names].concat())
}

fn unwritable(path: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsUnwritable, format!("could not write the rows to {}", quoted_path(path)))
        .caused_by(error)
}
