//! The lists of invitations that the API has.

/// One of them. There is none of invitations that are pending or in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ListKind {
    /// Cancelled invitations.
    Cancelled,
    /// Invitations whose test was completed, left or terminated.
    Completed,
    /// Expired invitations.
    Expired,
}

impl ListKind {
    /// The list that a call names with this word, if there is one.
    pub(super) fn named(word: &str) -> Option<Self> {
        match word {
            "cancelled" => Some(Self::Cancelled),
            "completed" => Some(Self::Completed),
            "expired" => Some(Self::Expired),
            _ => None,
        }
    }
}
