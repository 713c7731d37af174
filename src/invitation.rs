//! The number that names one invitation at iMocha, and how the cell of a spreadsheet becomes one.
//!
//! The rule of this room: a cell either means exactly one ID, in a spelling that cannot mean another, or it is no ID
//! and says why. Nothing is guessed, for a wrong guess e-mails the wrong person.

use std::fmt;

/// The ID of one test invitation: a positive 64-bit integer (iMocha's documentation calls its `testInvitationId`
/// "Integer64"), so from 1 to 9,223,372,036,854,775,807.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationId(u64);

impl InvitationId {
    /// The number, from 1 to [`i64::MAX`].
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for InvitationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
