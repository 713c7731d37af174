//! Sorts the statuses into the kinds of outcome that a reader of the page tells apart.

use crate::outcome::Status;

/// A kind of outcome. The order is the one in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Confirmed by iMocha.
    Cancelled,
    /// Sent, and perhaps cancelled.
    InDoubt,
    /// Refused by iMocha.
    Refused,
    /// Tried, and no answer that says anything about the invitation came.
    Failed,
    /// Never sent, because no ID was found.
    Invalid,
    /// Not tried so far.
    NotReached,
    /// Not meant to be sent.
    LeftOut,
}

impl Kind {
    /// Each of them, in their order.
    pub(super) const ALL: [Self; 7] =
        [Self::Cancelled, Self::InDoubt, Self::Refused, Self::Failed, Self::Invalid, Self::NotReached, Self::LeftOut];

    /// The kind of a status.
    pub(super) const fn of(status: Status) -> Self {
        match status {
            Status::Cancelled => Self::Cancelled,
            Status::ServerError | Status::Unconfirmed | Status::UnexpectedResponse => Self::InDoubt,
            Status::NotCancellable | Status::NotFound | Status::Forbidden => Self::Refused,
            Status::RateLimited | Status::Unreachable | Status::Unauthorized => Self::Failed,
            Status::InvalidId => Self::Invalid,
            Status::NotAttempted => Self::NotReached,
            Status::Duplicate | Status::Filtered => Self::LeftOut,
        }
    }

    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::InDoubt => "in doubt",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Invalid => "without a valid ID",
            Self::NotReached => "not reached",
            Self::LeftOut => "left out",
        }
    }

    /// The class of its bars.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Cancelled => "good",
            Self::InDoubt => "doubt",
            Self::Refused => "refused",
            Self::Failed | Self::NotReached => "open",
            Self::Invalid => "invalid",
            Self::LeftOut => "out",
        }
    }

    /// Whether each of its rows is listed for somebody to look at. Rows that no run reached are not: nothing can be said
    /// of one that is not true of all.
    pub(super) const fn is_listed(self) -> bool {
        match self {
            Self::InDoubt | Self::Refused | Self::Failed | Self::Invalid => true,
            Self::Cancelled | Self::NotReached | Self::LeftOut => false,
        }
    }

    /// What the rows are that are listed, and what to do about them.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::InDoubt => {
                "The call was sent, and iMocha did not confirm it: the invitation may be cancelled or not. Look it up in \
                 iMocha, or let the command verify do so."
            }
            Self::Refused => {
                "iMocha refused these; the reason is its own. Most are no longer pending, so there is nothing to cancel."
            }
            Self::Failed => "Nothing was cancelled here, and going on with the run tries these again.",
            Self::Invalid => {
                "No call was made, because it is not certain which invitation is meant. Mend these rows in the input. \
                 What stands in their cells is not shown here."
            }
            Self::Cancelled | Self::NotReached | Self::LeftOut => "",
        }
    }
}

/// What a status means, in a few words.
pub(super) const fn meaning(status: Status) -> &'static str {
    match status {
        Status::Cancelled => "iMocha confirmed the cancellation",
        Status::NotCancellable => "refused (400): usually no longer pending",
        Status::NotFound => "no such invitation (404)",
        Status::Forbidden => "the key may not cancel it (403)",
        Status::Unauthorized => "the key was rejected (401)",
        Status::RateLimited => "too many calls, or the quota is used up (429)",
        Status::ServerError => "iMocha failed (5xx); it may be cancelled",
        Status::Unreachable => "no connection could be made; not sent",
        Status::Unconfirmed => "sent, without an answer to be trusted; it may be cancelled",
        Status::UnexpectedResponse => "an answer that iMocha does not document; it may be cancelled",
        Status::InvalidId => "not the ID of an invitation; not sent",
        Status::Duplicate => "the same ID stands on an earlier line; not sent again",
        Status::Filtered => "left out as the operator said; not sent",
        Status::NotAttempted => "no run reached it; not sent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Effect;

    #[test]
    fn what_needs_attention_is_listed_or_told_as_not_reached() {
        for &status in Status::ALL {
            let kind = Kind::of(status);
            let is_told = kind.is_listed() || kind == Kind::NotReached;
            assert_eq!(is_told, status.needs_attention(), "{status}");
            assert_eq!(kind == Kind::InDoubt, status.effect() == Effect::Possible, "{status}");
        }
    }
}
