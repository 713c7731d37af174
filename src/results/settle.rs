//! Changes rows of results that a run has ended, in one durable step: the file is the old one or the new one, at any moment.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::file::ResultsFile;
use super::format::Format;
use super::reader::{ResultsReader, ResultsRow, Settlement, Zeros};
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// Rewrites the results that lie at the place of `file`: the rows that `settle` has something for get that status and
/// error, and everything else stays byte for byte as it is, a torn end included. Whoever calls it holds the lock of the
/// results.
///
/// # Errors
///
/// When the results cannot be read, and when the disk refuses. Then they are as they were.
pub fn rewrite(
    file: &ResultsFile,
    format: &Format,
    mut settle: impl FnMut(&ResultsRow<'_>) -> Option<Settlement>,
) -> Result<(), Refusal> {
    let header = format.header().map_err(|error| unwritable(file.path(), error.into()))?;
    let written = file.create(&header, |target| {
        let mut target = BufWriter::new(target);
        let fail = |error: io::Error| unwritable(file.path(), error);
        let mut reader = ResultsReader::open(file.path(), format, Zeros::InCells)?;
        let mut changed = Vec::new();
        while let Some(row) = reader.next_row()? {
            let Some(settlement) = settle(&row) else {
                target.write_all(row.bytes).map_err(fail)?;
                continue;
            };
            changed.clear();
            let record = row.settled(&settlement);
            format.encode(&record, &mut changed).map_err(|error| fail(error.into()))?;
            target.write_all(&changed).map_err(fail)?;
        }
        copy_torn_end(file.path(), reader.whole_bytes(), &mut target).map_err(fail)?;
        target.flush().map_err(fail)
    })?;
    drop(written);
    Ok(())
}

/// Copies what lies behind the last whole row: only the run that goes on can say what to make of it.
fn copy_torn_end(results: &Path, whole_bytes: u64, target: &mut impl Write) -> io::Result<()> {
    let mut rest = File::open(results)?;
    rest.seek(SeekFrom::Start(whole_bytes))?;
    io::copy(&mut rest, target).map(drop)
}

fn unwritable(results: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsUnwritable, format!("could not settle rows in {}", quoted_path(results)))
        .hint("the results are as they were; with -n nothing is written")
        .caused_by(error)
}
