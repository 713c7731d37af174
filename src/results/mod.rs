//! The results: one CSV row for each row of the input, in the order in which they ended.
//!
//! - [`mod@format`] knows the columns and how an outcome becomes a record.
//! - [`mod@file`] makes the file: whole or not at all, and never over another by accident.
//! - [`journal`] keeps what a later run must know to go on, and the lock between two runs.
//! - [`history`] reads what earlier runs did.
//! - [`writer`] appends, flushes, syncs and finishes.

pub mod file;
pub mod format;
pub mod history;
pub mod journal;
pub mod writer;

pub use self::file::{Existing, ResultsFile};
pub use self::history::{Earlier, EarlierResult, History, Standing};
pub use self::journal::{Identity, Journal, Opening};
pub use self::writer::ResultsWriter;
