//! One row of the input on its way to the results, and the layout of its file.
//!
//! The reader of the input and the writer of the results both use these types, and do not know each other: they meet in
//! the engine.

use csv::ByteRecord;

use crate::invitation::{InvitationId, is_blank};
use crate::outcome::{Effect, Status};

/// One row of the input, unchanged.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The line of the input file on which the row begins, counted from 1 and including the header.
    pub line: u64,
    /// The row's own cells as UTF-8, otherwise untouched.
    pub cells: ByteRecord,
}

impl Row {
    /// About how many bytes of memory the row takes.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.cells.as_slice().len() + self.cells.len() * size_of::<usize>()
    }
}

/// A row of the input, and what it asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Screened {
    /// The row asks to cancel an invitation.
    ToCancel {
        /// The row.
        row: Row,
        /// The invitation.
        id: InvitationId,
        /// Whether the input itself says that an earlier call may have taken effect, as the results of an earlier run
        /// can.
        effect: Effect,
    },
    /// The row is never sent.
    Skipped {
        /// The row.
        row: Row,
        /// Why it is not sent.
        skip: Skip,
    },
}

impl Screened {
    /// The row, whatever it asks for.
    pub fn row(&self) -> &Row {
        match self {
            Self::ToCancel { row, .. } | Self::Skipped { row, .. } => row,
        }
    }
}

/// Why a row is not sent, as its results row says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Skip {
    /// One of [`Status::InvalidId`], [`Status::Duplicate`] and [`Status::Filtered`].
    pub status: Status,
    /// The text of the `invitation_id` column: the ID as it would be sent, or the cell as it was if it is not an ID.
    pub invitation_id: String,
    /// One line for the user.
    pub reason: String,
}

/// The layout of the input, which the results repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The byte between two cells.
    pub delimiter: u8,
    /// Whether the results begin with a byte-order mark: the input does, or is not UTF-8. Then a spreadsheet program has
    /// written it, and will read the results; without the mark, Excel takes UTF-8 for windows-1252.
    pub byte_order_mark: bool,
    /// The names of the input's own columns; `column_1`, `column_2`, … if the input has no header.
    pub columns: Vec<String>,
    /// Whether any row has more cells than there are columns, so that the results need a column for them.
    pub extra_cells: bool,
}

/// The prefix of an input column in the results if its name is taken there; it is repeated until the name is free.
pub const COLLISION_PREFIX: &str = "input_";

/// The part of a column name that must be equal for two names to be the same to a person: letters and digits, without
/// case, blanks, `_` and `-`.
pub fn column_key(name: &str) -> String {
    name.chars()
        .filter(|&character| !is_blank(character) && character != '_' && character != '-')
        .flat_map(char::to_lowercase)
        .collect()
}
