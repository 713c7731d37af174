//! The errors that can end the reading of an input. They name the file, the line and, as a hint, the remedy.
//!
//! A row with a wrong ID is not such an error but a result. After these errors it is uncertain where rows begin or end,
//! or which of their cells is the ID, so nothing after them may be sent.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::error::{Cause, Refusal};

/// The reading of the input ended early. Nothing after this place is sent.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system could not read further.
    #[error("could not read {input}")]
    Io {
        /// The input, as messages name it.
        input: Arc<str>,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file has changed since it was surveyed.
    #[error("{input} was changed after the reading had begun")]
    Changed {
        /// The input, as messages name it.
        input: Arc<str>,
    },
    /// It is uncertain what the text asks for.
    #[error("{input}, line {line}: {fault}")]
    Malformed {
        /// The input, as messages name it.
        input: Arc<str>,
        /// The line of the input, counted from 1.
        line: u64,
        /// What is wrong there.
        fault: Fault,
    },
}

/// A place after which it is uncertain what the input asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// A cell begins with a quote, and the input ends before the quote is closed.
    #[error("the quote that opens a cell on this line is never closed")]
    UnclosedQuote,
    /// `"John" Smith`: text follows the closing quote of a cell.
    #[error("text stands behind the closing quote of the cell that begins on line {opened}")]
    TextBehindQuote {
        /// The line with the opening quote.
        opened: u64,
    },
    /// `"John \\"Smith\\""`: quotes are escaped with a backslash, which CSV does not know.
    #[error(
        "text stands behind the quote of the cell that begins on line {opened}: a backslash before a quote does not \
         escape it in CSV"
    )]
    BackslashQuote {
        /// The line with the opening quote.
        opened: u64,
    },
    /// The first line has one cell, and most rows below it have several.
    #[error("this row has several cells, as most have, and the first line of the file has one")]
    SeveralColumns,
    /// A table follows a list of one column.
    #[error("a table with several columns begins on line {header_line}, below a list of one column")]
    TableBelow {
        /// The line with the names of its columns.
        header_line: u64,
    },
    /// A row has more cells than any program writes.
    #[error("the row that begins here has more than {limit} cells")]
    TooManyCells {
        /// The most cells that a row may have.
        limit: usize,
    },
    /// `1, "Smith, John"`: for some programs the quote opens a cell, for others it is text.
    #[error("a quote stands behind blanks at the start of a cell, and the cell ends before the quote is closed")]
    QuoteBehindBlanks,
    /// The lines within one row look like rows of their own, so the quote that joins them is probably a mistake.
    #[error("quotes join this row with one below, which looks like a row of its own with the ID {id}")]
    JoinedRows {
        /// The ID in the line below.
        id: u64,
    },
    /// Most cells of the ID column are not IDs; the operator did not name that column.
    #[error("column {column} does not hold invitation IDs: {wrong} of its first {looked_at} cells are none")]
    WrongColumn {
        /// The number of the column, counted from 1.
        column: usize,
        /// How many cells are not IDs.
        wrong: usize,
        /// How many cells were checked.
        looked_at: usize,
    },
    /// A row is so long that it seems endless.
    #[error("the row that begins here is longer than {} MiB", limit / (1024 * 1024))]
    TooLong {
        /// The most bytes that a row may have.
        limit: usize,
    },
    /// Some bytes are invalid in the encoding.
    #[error("bytes that mean nothing in {encoding}")]
    Undecodable {
        /// The name of the encoding.
        encoding: &'static str,
    },
    /// Some bytes are invalid in the encoding that the byte-order mark names.
    #[error("bytes that mean nothing in {encoding}, which the byte-order mark at the beginning names")]
    BeliedMark {
        /// The name of the encoding.
        encoding: &'static str,
    },
    /// The parser of the cells and the scanner disagree about where the row ends.
    #[error("the end of this row is not certain")]
    UncertainEnd,
}

impl Fault {
    /// What the operator can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::UnclosedQuote | Self::TooLong { .. } => {
                "look for a quote too many on that line; a quote within a quoted cell is written twice"
            }
            Self::TextBehindQuote { .. } => {
                "write a quote within a quoted cell twice (\"\"), or export the file again with standard CSV quoting"
            }
            Self::BackslashQuote { .. } => {
                "export the file again with quotes doubled (\"\") instead: SELECT … INTO OUTFILE with ESCAPED BY '\"', \
                 write.csv in R with its default qmethod = \"double\", Python's csv with its default doublequote=True"
            }
            Self::SeveralColumns => {
                "if the first line is a title, name the line of the header with --header-line; else give each ID a row of its \
                 own, or the file a header"
            }
            Self::TableBelow { .. } => "give list and table each a file of its own",
            Self::TooManyCells { .. } => "check --delimiter, or take out the columns that are not needed",
            Self::QuoteBehindBlanks => "take out the blanks between the delimiter and the quote",
            Self::JoinedRows { .. } => {
                "look for a quote too many on that line, or take the lines out of the cell if they belong to it"
            }
            Self::WrongColumn { .. } => {
                "name the right column with --id-column, or insist on this one with --id-column and its number"
            }
            Self::Undecodable { .. } => "export the file again as UTF-8, or name its encoding with --encoding",
            Self::BeliedMark { .. } => "export the file again as UTF-8",
            Self::UncertainEnd => "export the file again with standard CSV quoting",
        }
    }
}

impl ReadError {
    /// What the operator can do about it, if that is known.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Changed { .. } => Some("wait until the export is finished, then start again"),
            Self::Malformed { fault, .. } => Some(fault.hint()),
        }
    }
}

impl From<ReadError> for Refusal {
    /// The refusal for this error, if it comes before anything was sent.
    fn from(error: ReadError) -> Self {
        let cause = if matches!(error, ReadError::Changed { .. }) { Cause::InputChanged } else { Cause::Input };
        let refusal = Self { hint: error.hint().map(str::to_owned), ..Self::new(cause, error.to_string()) };
        match error {
            ReadError::Io { source, .. } => refusal.caused_by(source),
            ReadError::Changed { .. } | ReadError::Malformed { .. } => refusal,
        }
    }
}
