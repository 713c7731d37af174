//! One row of the input file on its way to the results, and the form of the file around it.
//!
//! These are the words in which the reader of the input and the writer of the results understand each other without
//! knowing each other: the rooms meet in the engine.

use csv::ByteRecord;

use crate::invitation::{InvitationId, is_blank};
use crate::outcome::{Effect, Status};

/// One row of the input, as it stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The line of the input file on which the row begins, from 1 (the header's line, where there is one).
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
    /// An invitation is to be cancelled.
    ToCancel {
        /// The row.
        row: Row,
        /// The invitation.
        id: InvitationId,
        /// Whether the input itself says that an earlier call may have taken effect: results of an earlier run can.
        effect: Effect,
    },
    /// The row is never sent.
    Skipped {
        /// The row.
        row: Row,
        /// Why.
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

/// Why a row is not sent, in the words of its results row.
#[derive(Debug, Clone, PartialEq)]
pub struct Skip {
    /// One of [`Status::InvalidId`], [`Status::Duplicate`] and [`Status::Filtered`].
    pub status: Status,
    /// What stands in the `invitation_id` column: the ID as it would be sent, or the cell as it was where it is none.
    pub invitation_id: String,
    /// One line for a person.
    pub reason: String,
}

/// The form of the input that its results repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The byte between two cells.
    pub delimiter: u8,
    /// Whether the input began with a byte-order mark, so that the results do too.
    pub byte_order_mark: bool,
    /// The names of the input's own columns; `column_1`, `column_2`, … where the input has no header.
    pub columns: Vec<String>,
    /// Whether some row has more cells than there are columns, so that the results need a column for them.
    pub extra_cells: bool,
}

/// What a column of the input is called in the results when its name collides with another: this comes before it, as
/// often as it takes.
pub const COLLISION_PREFIX: &str = "input_";

/// What two column names must share to be the same to a person: their letters and digits, without case, blanks, `_`
/// and `-`.
pub fn column_key(name: &str) -> String {
    name.chars()
        .filter(|&character| !is_blank(character) && character != '_' && character != '-')
        .flat_map(char::to_lowercase)
        .collect()
}
