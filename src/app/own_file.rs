//! Where a file goes that a command makes from results. It takes the place of nothing but an older one of its kind.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Cause, Refusal};
use crate::results::{Existing, ResultsFile};

/// Plans a file at `path`. One that is there is replaced if `is_ours` knows it by its first `most` bytes, or by all if it has
/// fewer.
///
/// # Errors
///
/// The refusal `is_there` if something else is there; and those of [`ResultsFile::plan`].
pub(super) fn plan(
    path: &Path,
    most: u64,
    is_ours: impl FnOnce(&[u8]) -> bool,
    is_there: impl FnOnce() -> Refusal,
) -> Result<ResultsFile, Refusal> {
    let is_older = start_of(path, most).is_some_and(|start| is_ours(&start));
    let existing = if is_older { Existing::Replace } else { Existing::Keep };
    ResultsFile::plan(path.to_owned(), existing).map_err(|refusal| match refusal.cause {
        Cause::ResultsExist => is_there(),
        _ => refusal,
    })
}

/// The beginning of an ordinary file, if there is one that can be read.
fn start_of(path: &Path, most: u64) -> Option<Vec<u8>> {
    // The kind is looked at first: who opens a pipe waits for somebody at its other end.
    path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut start = Vec::new();
    File::open(path).ok()?.take(most).read_to_end(&mut start).ok()?;
    Some(start)
}
