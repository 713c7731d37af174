//! Writes texts to standard output, and checks whether what is written there reaches anybody.

use std::io::{ErrorKind, Write as _};

use crate::error::{Cause, Refusal};

/// Writes a text that was asked for, and that is whole at once.
///
/// # Errors
///
/// If it could not be written, other than because the reader has had enough.
pub(super) fn print(text: &[u8]) -> Result<(), Refusal> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Refusal::new(Cause::Usage, "could not write to standard output").caused_by(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes sure that results on standard output are not lost.
///
/// # Errors
///
/// If it is closed, or open only for reading.
pub(super) fn check_results() -> Result<(), Refusal> {
    if !is_lost() {
        return Ok(());
    }
    Err(Refusal::new(Cause::ResultsUnwritable, "standard output is closed, so nobody would get the results")
        .hint("redirect it to a file or a pipe, or name a file with --output"))
}

/// Warns if the summary would be lost.
pub(super) fn warn_of_summary() {
    if is_lost() {
        tracing::warn!("standard output is closed, so nobody gets the summary that --json asks for");
    }
}

/// Warns if what a dry run found would be lost.
pub(super) fn warn_of_rehearsal() {
    if is_lost() {
        tracing::warn!("standard output is closed, so nobody gets what the dry run found");
    }
}

/// Whether everything written is lost without an error. There are two such cases. If standard output cannot be written
/// to, the standard library pretends that every write succeeds. If it was closed, the library has opened it before
/// `main` as `/dev/null` for reading *and* writing; a shell's `> /dev/null` opens it only for writing.
#[cfg(unix)]
pub(super) fn is_lost() -> bool {
    use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, stat};

    let stdout = std::io::stdout();
    let Ok(flags) = fcntl_getfl(&stdout) else { return true };
    match flags & OFlags::RWMODE {
        mode if mode == OFlags::RDONLY => true,
        mode if mode == OFlags::RDWR => {
            let (Ok(found), Ok(null)) = (fstat(&stdout), stat("/dev/null")) else { return false };
            FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == null.st_rdev
        }
        _for_writing => false,
    }
}

#[cfg(not(unix))]
pub(super) fn is_lost() -> bool {
    false
}
