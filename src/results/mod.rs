//! The results: one CSV row for each row of the input, in the order in which they ended.
//!
//! - [`mod@format`] turns an outcome into a record, and knows the columns.
//! - [`mod@file`] creates the file: complete or not at all, and never over another file by accident. `part` is the file
//!   until it is complete, `place` finds its directory, and `access` decides who may read it.
//! - [`writer`] appends, flushes, syncs and finishes.
//! - [`reader`] reads the rows again, up to the last whole one.
//! - [`journal`] keeps what a later run needs to resume, and is the lock between two runs.
//! - [`doubt`] is what the journal says about rows without a results row.
//! - [`history`] combines both: what is known about each row of the input before a run.

mod access;
pub mod doubt;
pub mod file;
pub mod format;
pub mod history;
pub mod journal;
mod part;
mod place;
pub mod reader;
mod standing;
pub mod writer;

pub use self::doubt::Doubt;
pub use self::file::{Existing, ResultsFile};
pub use self::history::History;
pub use self::journal::{Identity, Journal, LastRun};
pub use self::reader::{ResultsReader, ResultsRow, Zeros};
pub use self::standing::{Earlier, EarlierResult, Standing};
pub use self::writer::ResultsWriter;
