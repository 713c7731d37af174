//! Defines the statuses of a row, and every rule about them; the other rooms ask here.

use std::fmt;

use strum::{EnumString, IntoStaticStr, VariantArray};

/// How a row ended. The words for scripts are the names in snake case, and a contract. The order is the one in which
/// users want to read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// iMocha confirmed the cancellation.
    Cancelled,
    /// iMocha refused it (400): usually the invitation is no longer pending.
    NotCancellable,
    /// There is no such invitation (404).
    NotFound,
    /// The key may not do this (403).
    Forbidden,
    /// The key was rejected (401). The run stops.
    Unauthorized,
    /// Too many calls, or the quota is used up (429).
    RateLimited,
    /// iMocha failed (5xx). It may or may not have cancelled.
    ServerError,
    /// No connection could be made on any attempt. Nothing was sent.
    Unreachable,
    /// The call was sent, but no answer can be trusted. It may be cancelled.
    Unconfirmed,
    /// An answer that the API does not document.
    UnexpectedResponse,
    /// The cell is not the ID of an invitation. Never sent.
    InvalidId,
    /// An earlier line has the same ID. Never sent.
    Duplicate,
    /// Excluded by the operator's filter. Never sent.
    Filtered,
    /// No run reached the row. Not sent.
    NotAttempted,
}

/// Whether a call for a row may have taken effect without a confirmation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effect {
    /// Certainly not.
    #[default]
    None,
    /// It may have: the invitation may be cancelled without a confirmation.
    Possible,
}

impl Effect {
    /// Combines what is known about two calls.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match self {
            Self::None => other,
            Self::Possible => Self::Possible,
        }
    }
}

impl Status {
    /// Every status, in their order.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word in the `status` column and in the JSON summary.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// The status with this word, if there is one.
    pub fn from_word(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    /// What it means, as README and the manual tell users: without a capital letter and a final period.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Cancelled => "iMocha confirmed the cancellation",
            Self::NotCancellable => "refused (400): usually the invitation is no longer pending",
            Self::NotFound => "there is no such invitation (404)",
            Self::Forbidden => "the key may not cancel it (403)",
            Self::Unauthorized => "the key was rejected (401); the run stops",
            Self::RateLimited => "too many calls, or the quota is used up (429)",
            Self::ServerError => "iMocha failed (5xx); it may or may not be cancelled",
            Self::Unreachable => "no connection could be made",
            Self::Unconfirmed => "sent, but no answer came that can be trusted; it may be cancelled",
            Self::UnexpectedResponse => "an answer that iMocha does not document",
            Self::InvalidId => "the cell is not the ID of an invitation",
            Self::Duplicate => "the same ID stands on an earlier line",
            Self::Filtered => "left out by --where",
            Self::NotAttempted => "the run ended first, or --limit was reached",
        }
    }

    /// Whether a later run tries the row again, because its fate is open or something may have changed.
    pub const fn is_tried_again(self) -> bool {
        match self {
            Self::Cancelled
            | Self::NotCancellable
            | Self::NotFound
            | Self::InvalidId
            | Self::Duplicate
            | Self::Filtered => false,
            Self::Forbidden
            | Self::Unauthorized
            | Self::RateLimited
            | Self::ServerError
            | Self::Unreachable
            | Self::Unconfirmed
            | Self::UnexpectedResponse
            | Self::NotAttempted => true,
        }
    }

    /// Whether iMocha has given a final answer about the invitation.
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Cancelled | Self::NotCancellable | Self::NotFound => true,
            Self::Forbidden
            | Self::Unauthorized
            | Self::RateLimited
            | Self::ServerError
            | Self::Unreachable
            | Self::Unconfirmed
            | Self::UnexpectedResponse
            | Self::InvalidId
            | Self::Duplicate
            | Self::Filtered
            | Self::NotAttempted => false,
        }
    }

    /// Whether a row with this status may have been cancelled without a confirmation.
    pub const fn effect(self) -> Effect {
        match self {
            Self::ServerError | Self::Unconfirmed | Self::UnexpectedResponse => Effect::Possible,
            Self::Cancelled
            | Self::NotCancellable
            | Self::NotFound
            | Self::Forbidden
            | Self::Unauthorized
            | Self::RateLimited
            | Self::Unreachable
            | Self::InvalidId
            | Self::Duplicate
            | Self::Filtered
            | Self::NotAttempted => Effect::None,
        }
    }

    /// Whether a row with this status may be cancelled although nobody has confirmed it.
    pub const fn is_in_doubt(self) -> bool {
        matches!(self.effect(), Effect::Possible)
    }

    /// Whether the user has to look at the row: its cancellation was asked for and is not certain.
    pub const fn needs_attention(self) -> bool {
        match self {
            Self::Cancelled | Self::Duplicate | Self::Filtered => false,
            Self::NotCancellable
            | Self::NotFound
            | Self::Forbidden
            | Self::Unauthorized
            | Self::RateLimited
            | Self::ServerError
            | Self::Unreachable
            | Self::Unconfirmed
            | Self::UnexpectedResponse
            | Self::InvalidId
            | Self::NotAttempted => true,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_leads_back_to_its_status() {
        for &status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
        }
        assert_eq!(Status::UnexpectedResponse.word(), "unexpected_response");
        assert_eq!(Status::from_word("Cancelled"), None);
    }
}
