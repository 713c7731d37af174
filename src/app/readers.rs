//! Who may read what is made from several results.

use std::path::Path;

use crate::results::ResultsFile;

/// Lets those read the file who may read all of `results`, if these are the same people for each of them; else only its
/// owner.
pub(super) fn for_readers_of_all(file: ResultsFile, results: &[&Path]) -> ResultsFile {
    let mut readers = results.iter().map(|path| readers_of(path));
    let first = readers.next();
    let are_the_same = readers.all(|other| Some(other) == first);
    match results.first() {
        Some(path) if are_the_same => file.for_readers_of(path),
        _ => file,
    }
}

/// Who may read a file, in a form that can be compared.
#[cfg(unix)]
fn readers_of(path: &Path) -> Option<(u32, u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|found| (found.uid(), found.gid(), found.mode()))
}

#[cfg(not(unix))]
fn readers_of(_path: &Path) -> Option<(u32, u32, u32)> {
    None
}
