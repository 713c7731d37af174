//! The results: one CSV row for each row of the input, in the order in which they ended.
//!
//! - [`mod@format`] knows the columns and how an outcome becomes a record.
//! - [`mod@file`] makes the file: whole or not at all, and never over another by accident.
//! - [`writer`] appends, flushes, syncs and finishes.

pub mod file;
pub mod format;
pub mod writer;

pub use self::file::{Existing, ResultsFile};
pub use self::writer::ResultsWriter;
