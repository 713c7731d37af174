//! Whether anybody gets what is written to standard output.

use crate::error::{Cause, Refusal};

/// Makes sure that results on standard output do not vanish.
///
/// # Errors
///
/// When it is closed, or open for reading alone.
pub(super) fn check_results() -> Result<(), Refusal> {
    if !is_lost() {
        return Ok(());
    }
    Err(Refusal::new(Cause::ResultsUnwritable, "standard output is closed, so nobody would get the results")
        .hint("redirect it to a file or a pipe, or name a file with --output"))
}

/// Says so where the summary would vanish.
pub(super) fn warn_of_summary() {
    if is_lost() {
        tracing::warn!("standard output is closed, so nobody gets the summary that --json asks for");
    }
}

/// Whether all that is written vanishes without an error. The standard library takes a standard output that cannot be
/// written to for one that takes all; and one that is closed it has opened before `main`, as `/dev/null` for reading *and*
/// writing, where a shell's `> /dev/null` is for writing.
#[cfg(unix)]
fn is_lost() -> bool {
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
fn is_lost() -> bool {
    false
}
