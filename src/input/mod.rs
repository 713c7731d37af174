//! The input: from a file as operators have it to rows that say which invitation they mean.
//!
//! Two promises are kept here: no row is sent for an invitation that it does not name with certainty, and no row is
//! joined with its neighbour or lost. What cannot be read with certainty is refused before anything is sent, in one
//! sentence that names file, line, column and remedy. Called by the engine and the shell; knows nothing of either.
//!
//! A row's way, and the file of each step:
//!
//! | step | file |
//! | --- | --- |
//! | bytes, of a file that must not change or of a stream | `source` |
//! | SHA-256 of each block, held against it when the block is read again; whether all bytes are UTF-8 | `blocks` |
//! | what is no CSV at all | `kinds` |
//! | text as UTF-8 | `encoding` |
//! | rows, with their lines and strict quotes | `scanner` |
//! | their cells | `records` |
//! | delimiter and `sep=` line | `dialect` |
//! | header and ID column | `columns` |
//! | what the cells of a first row say | `names` |
//! | whether a single column is the only one | `shape` |
//! | whether the ID column holds IDs | `column_check` |
//! | `--where` | `filter` |
//! | all of this settled for one input | `reading` |
//! | what a row asks for | `screen`, with `totals`, and with `earlier` where the input is results |
//! | whether a row before it asked for the same | `seen` |
//! | where the table of the header ends | `tables` |
//! | whether rows are whole | `widths` |
//! | first pass: counts and duplicates | `survey` |
//! | second pass: the rows | `reader` |
//! | errors | `fault` |

mod blocks;
mod column_check;
mod columns;
mod dialect;
mod encoding;
mod fault;
mod filter;
mod kinds;
mod names;
mod past_runs;
mod reader;
mod reading;
mod records;
mod scanner;
mod screen;
mod seen;
mod shape;
mod source;
mod survey;
mod tables;
#[cfg(test)]
mod tests;
mod totals;
mod widths;

pub use columns::{Choice, IdColumn};
pub use dialect::parse_delimiter;
pub use encoding::parse_encoding;
use encoding_rs::Encoding;
pub use fault::{Fault, ReadError};
pub use filter::{Comparison, Filter, FilterError};
pub use reader::RowReader;
pub use reading::Reading;
pub use source::{Fingerprint, InputFile};
pub use survey::{SkippedRows, Survey, survey_file, survey_stream};

/// What the operator says about the input. What is not said is found.
#[derive(Debug, Clone, Default)]
pub struct ReadingOptions {
    /// The column that holds the ID: a header name, or a number from 1.
    pub id_column: Option<String>,
    /// Whether to look for a header.
    pub header: HeaderOption,
    /// The byte between two cells.
    pub delimiter: Option<u8>,
    /// The encoding, where no byte-order mark tells.
    pub encoding: Option<&'static Encoding>,
    /// The conditions of `--where`. All of them must hold.
    pub filters: Vec<Filter>,
    /// What a row means that ends early.
    pub short_rows: ShortRows,
}

/// What a row means that has fewer cells than the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShortRows {
    /// A line break may have torn it, unless all rows of the file are so.
    #[default]
    Doubted,
    /// Empty cells at its end were left out.
    Meant,
}

/// Whether to look for a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderOption {
    /// The first row is a header if it looks like one.
    #[default]
    Find,
    /// The first row is data.
    Absent,
}
