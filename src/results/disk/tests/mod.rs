//! What a test may know of the disk and do to it: see each step in a directory, and let one fail.

#[expect(dead_code, reason = "the log is for the tests of power cuts, which come next")]
mod recording;

pub(crate) use self::recording::{Fault, Recording, Watched, remove, rename, sync_directory};
