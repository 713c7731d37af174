//! Creates the part file: the results under a temporary name until they are complete. A run locks its part file while
//! it writes it, so that other runs can tell it from one that a crash left.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use super::access;
use super::disk::{self, DiskFile};
use super::place::is_at;

const PREFIX: &str = ".imocha-cancel-";
const SUFFIX: &str = ".part";
/// How often a part file is created again if another run removes it just before it is locked, because it looks like one
/// that a crash left. Chosen by us: even once is rare.
const MOST_TRIES: usize = 16;

/// Creates a part file in `directory`. Users may read it only if they may read both `input` and the existing file
/// `present`. Without an input, only the owner may.
pub(super) fn create(
    directory: &Path,
    input: Option<&Path>,
    present: Option<&Path>,
) -> io::Result<NamedTempFile<DiskFile>> {
    for _ in 0..MOST_TRIES {
        let part = open_new(directory, 0o600)?;
        let file = part.as_file().as_file();
        let is_ours = match file.try_lock() {
            Ok(()) => is_at(file, part.path())?,
            Err(TryLockError::WouldBlock) => false,
            // If the file system has no locks, no other run can lock it as a leftover either.
            Err(TryLockError::Error(_none)) => true,
        };
        if is_ours {
            access::grant(file, input, present, || plain(directory))?;
            return Ok(part);
        }
    }
    Err(io::Error::other("other runs took each new file away"))
}

/// What any program's new file gets from the directory and the umask.
fn plain(directory: &Path) -> io::Result<Metadata> {
    open_new(directory, 0o666)?.as_file().as_file().metadata()
}

/// A new file whose name no other file has. Only Unix has a mode.
fn open_new(directory: &Path, mode: u32) -> io::Result<NamedTempFile<DiskFile>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _: u32 = mode;
    Builder::new().prefix(PREFIX).suffix(SUFFIX).make_in(directory, |path| DiskFile::open(path, &options))
}

/// Removes the part files that crashes left in `directory`, because they hold people's data. A part that another run
/// writes is locked, and stays. If one cannot be removed, the next run tries again.
pub(super) fn remove_leftovers(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_part = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if is_part
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Err(error) = remove(&entry.path())
        {
            tracing::debug!(%error, part = ?entry.path(), "a part of a file that a crash left could not be taken away");
        }
    }
}

fn remove(part: &Path) -> io::Result<()> {
    // Opened for writing, too: some network file systems lock only such files.
    let file = File::options().read(true).write(true).open(part)?;
    match file.try_lock() {
        Ok(()) if is_at(&file, part)? => disk::remove(part),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_a_crash_left_go_and_those_of_other_runs_and_other_files_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let live = create(directory.path(), None, None).unwrap();
        for name in [".imocha-cancel-Ab12Cd.part", ".imocha-cancel-notes.csv", "imocha-cancel-x.part"] {
            fs::write(path(name), "Ann,ann@example.com").unwrap();
        }
        fs::create_dir(path(".imocha-cancel-folder.part")).unwrap();
        remove_leftovers(directory.path());
        assert!(!path(".imocha-cancel-Ab12Cd.part").exists());
        for name in [".imocha-cancel-notes.csv", "imocha-cancel-x.part", ".imocha-cancel-folder.part"] {
            assert!(path(name).exists(), "{name}");
        }
        assert!(live.path().exists(), "another run writes it");
    }
}
