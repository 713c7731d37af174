//! What a call is for, which the faults must know: the ID of an invitation, or a list.

use crate::sandbox::list_kind::ListKind;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallSubject {
    /// It asks to cancel the invitation with this ID.
    Invitation(u64),
    /// It asks for this list.
    List(ListKind),
}

impl CallSubject {
    /// The ID of the invitation, or the number that stands for the list.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Invitation(invitation) => invitation,
            Self::List(kind) => kind.stand_in(),
        }
    }
}
