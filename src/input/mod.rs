//! Reads the input: turns a file, as operators have it, into rows that say which invitation they mean.
//!
//! This room keeps two promises: no row is sent for an invitation that it does not name with certainty, and no row is
//! lost or joined with its neighbour. What cannot be read with certainty is refused before anything is sent, in one
//! sentence that names file, line, column and remedy. The engine and the shell call this room; it knows neither.
//!
//! The steps of reading a row, and the file of each:
//!
//! | step | file |
//! | --- | --- |
//! | reads bytes from a file that must not change, or from a stream | `source` |
//! | compares the SHA-256 of each block when it is read again; checks whether all bytes are UTF-8 | `blocks` |
//! | refuses what is not CSV | `kinds` |
//! | decodes text to UTF-8 | `encoding` |
//! | cuts the text into rows, with their lines and strict quotes | `scanner` |
//! | parses their cells | `records` |
//! | finds the delimiter and the `sep=` line | `dialect` |
//! | finds the header and the ID column | `columns` |
//! | names the line of the header below titles | `titles` |
//! | tells IDs from names in the first row | `names` |
//! | checks that an input of one column has no others | `shape` |
//! | checks that the ID column holds IDs | `column_check` |
//! | applies `--where` | `filter` |
//! | keeps all these decisions for one input | `reading` |
//! | decides what a row asks for | `screen`, with `totals`, and with `past_runs` if the input is results |
//! | checks whether an earlier row asks for the same | `seen` |
//! | finds the end of the table below the header | `tables` |
//! | compares the number of cells of all rows | `widths` |
//! | counts the rows, each kind for itself | `counts` |
//! | does the first pass: counts and duplicates | `survey` |
//! | does the second pass: the rows of this shard | `reader` |
//! | holds the errors | `fault` |

mod blocks;
mod column_check;
mod columns;
mod counts;
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
mod titles;
mod totals;
mod widths;

use crate::config::Sha256Sum;
use crate::shard::Shard;
pub use columns::{Choice, IdColumn};
pub use counts::SkippedRows;
pub use dialect::parse_delimiter;
pub use encoding::parse_encoding;
use std::num::NonZeroU64;

use encoding_rs::Encoding;
pub use fault::{Fault, ReadError};
pub use filter::{Comparison, Filter, FilterError};
pub use reader::RowReader;
pub use reading::Reading;
pub use source::{Fingerprint, InputFile, check_readable};
pub use survey::{Survey, survey_file, survey_stream};

/// What the operator says about the input. The rest is found.
#[derive(Debug, Clone, Default)]
pub struct ReadingOptions {
    /// The column that holds the ID: a header name, or a number counted from 1.
    pub id_column: Option<String>,
    /// Where the header is.
    pub header: HeaderOption,
    /// The byte between two cells.
    pub delimiter: Option<u8>,
    /// The encoding, if there is no byte-order mark.
    pub encoding: Option<&'static Encoding>,
    /// The conditions of `--where`. All of them must hold.
    pub filters: Vec<Filter>,
    /// How to treat a row that has fewer cells than the header.
    pub short_rows: ShortRows,
    /// Which of several runs over the input this is; `None` where it takes all rows.
    pub shard: Option<Shard>,
    /// The file that the input has to be, byte for byte.
    pub expected: Option<Sha256Sum>,
}

impl HeaderOption {
    /// The line with which the reading begins.
    fn first_line_read(self) -> u64 {
        match self {
            Self::Find | Self::Absent => 1,
            Self::OnLine(line) => line.get(),
        }
    }
}

/// How to treat a row that has fewer cells than the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShortRows {
    /// It may have been torn by a line break, unless all rows of the file are like that.
    #[default]
    Doubted,
    /// It is whole: empty cells at its end were left out.
    Meant,
}

/// Where the header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderOption {
    /// The first row is a header if it looks like one.
    #[default]
    Find,
    /// The first row is data.
    Absent,
    /// It is on this line, counted from 1. What stands above it is skipped.
    OnLine(NonZeroU64),
}
