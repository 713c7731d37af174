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

    /// A number that stands for the list wherever calls are told apart by the ID of their invitation. It is no
    /// invitation's ID, because those are not above [`i64::MAX`].
    pub(super) const fn stand_in(self) -> u64 {
        match self {
            Self::Cancelled => u64::MAX,
            Self::Completed => u64::MAX - 1,
            Self::Expired => u64::MAX - 2,
        }
    }
}
