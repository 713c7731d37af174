//! What a test may know of the disk and do to it: see each step in a directory, let one fail, and ask what a power cut
//! leaves.

mod model;
mod recording;

pub(crate) use self::model::{ForgetfulDisk, Image};
pub(crate) use self::recording::{Fault, Recording, Step, Watched, remove, rename, sync_directory};
