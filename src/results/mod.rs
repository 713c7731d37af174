//! The results: one CSV row for each row of the input, in the order in which they end, and once the run has ended, in
//! that of the input.
//!
//! - [`mod@format`] turns an outcome into a record, and knows the columns.
//! - [`mod@file`] creates the file: complete or not at all, and never over another file by accident. `part` is the file
//!   until it is complete, `place` finds its directory, and `access` decides who may read it.
//! - [`disk`] is the door to the disk: every step that a power cut may undo is taken there.
//! - [`writer`] appends, flushes, syncs and finishes.
//! - [`reader`] reads the rows again, up to the last that is whole.
//! - [`order`] puts the rows into the order of the input once a run has ended, and [`settle`] changes some of them.
//! - [`journal`] keeps what a later run must know to go on, and the lock between two runs.
//! - [`doubt`] is what the journal knows of rows that the results do not have.
//! - [`shards`] tells whether results of shards are together those of a whole input.
//! - [`history`] is both together: how each row of the input stands before a run.

mod access;
pub mod disk;
pub mod doubt;
pub mod file;
pub mod format;
pub mod history;
pub mod journal;
pub mod order;
mod part;
mod place;
pub mod reader;
pub mod settle;
pub mod shards;
mod standing;
pub mod writer;

pub use self::doubt::Doubt;
pub use self::file::{Existing, ResultsFile, replace_file};
pub use self::history::History;
pub use self::journal::{Identity, Journal, LastRun, RunNotes};
pub use self::reader::{ResultsReader, ResultsRow, Settlement, Zeros};
pub use self::standing::{Earlier, EarlierResult, Standing};
pub use self::writer::ResultsWriter;
