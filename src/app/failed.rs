//! The file that `run --failed` writes: the rows that need attention, in the input's own columns, with how they ended
//! behind them. Its like is what goes back to whoever made the list.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::collisions::{FAILED, what_is_at};
use super::held::HeldResults;
use super::own_file;
use super::places::is_dash;
use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};
use crate::results::ResultsFile;
use crate::results::format::{Format, has_the_end_behind};
use crate::row::Layout;
use crate::text::quoted_path;

/// Enough of a file to hold its header: the names of more columns than a spreadsheet has.
const START_BYTES: u64 = 1024 * 1024;

/// Makes sure, where the operator wants such a file, that it can be written: nothing may stand there but an older file of
/// this kind.
///
/// # Errors
///
/// When it cannot, and when there are no results in a file to take the rows from.
pub(super) fn check(args: &RunArgs) -> Result<(), Refusal> {
    let Some(path) = &args.results.failed else { return Ok(()) };
    let usage = |message: String, hint: &str| Err(Refusal::new(Cause::Usage, message).hint(hint));
    if is_dash(path) {
        return usage("--failed needs a file".to_owned(), "name one; standard output is for results or the summary");
    }
    if args.results_path().is_none() {
        return usage(
            "--failed needs a results file: its rows are taken from there".to_owned(),
            "name a results file with --output",
        );
    }
    if let Some(what) = what_is_at(path, FAILED, args) {
        return usage(format!("--failed and {what} are the same file"), "name another file with --failed");
    }
    place(path)?.try_out(b"")
}

/// Writes the rows of the results that need attention. `layout` is that of the input.
///
/// # Errors
///
/// When the results cannot be read, or the file cannot be written; then an older one stays as it was.
pub(super) fn write(path: &Path, results: &Path, layout: &Layout) -> Result<(), Refusal> {
    let held = HeldResults::open(results, Format::found_in(results)?, None, None)?;
    let format = Format::new(layout.clone());
    let fail = |error: io::Error| {
        Refusal::new(Cause::ResultsUnwritable, format!("could not write {}", quoted_path(path))).caused_by(error)
    };
    let header = format.header_with_the_end_behind().map_err(|error| fail(error.into()))?;
    let copy = |target: &mut dyn Write| {
        let mut target = BufWriter::new(target);
        let mut line = Vec::new();
        held.for_each_row(|row| {
            if !row.status.needs_attention() {
                return Ok(());
            }
            line.clear();
            format.encode(&row.with_the_end_behind(), &mut line).map_err(|error| fail(error.into()))?;
            target.write_all(&line).map_err(fail)
        })?;
        target.flush().map_err(fail)
    };
    place(path)?.for_readers_of(results).create(&header, |target| copy(target)).map(drop)
}

fn place(path: &Path) -> Result<ResultsFile, Refusal> {
    own_file::plan(path, START_BYTES, has_the_end_behind, || {
        let message = format!("the file {} is there already, and --failed has not written it", quoted_path(path));
        Refusal::new(Cause::ResultsExist, message)
            .hint("name another file with --failed; only rows that it wrote before are replaced")
    })
}
