//! What a test may know of the disk and do to it: see each step in a directory, let one fail, and ask what a power cut
//! leaves.

#[expect(dead_code, reason = "the rest is for the tests of whole runs, which come next")]
mod model;
#[expect(dead_code, reason = "the same")]
mod recording;

pub(crate) use self::model::{ForgetfulDisk, Image};
pub(crate) use self::recording::{Fault, Recording, Watched, remove, rename, sync_directory};
