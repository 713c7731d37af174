//! How a row ended: its status, the results row that says so, and the counts of a whole run.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;

use crate::row::Row;

/// How a row ended. The words are the contract with the operator's scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// No connection could be made. Nothing was sent.
    Unreachable,
    /// It was sent, and there is no answer that can be trusted. It may be cancelled.
    Unconfirmed,
    /// An answer that the API does not document.
    UnexpectedResponse,
    /// The cell is not the ID of an invitation. Never sent.
    InvalidId,
    /// The same ID stands on an earlier line. Never sent.
    Duplicate,
    /// Excluded by the operator's filter. Never sent.
    Filtered,
    /// The run ended before the row's turn. Not sent.
    NotAttempted,
}

impl Status {
    /// Every status, in the order in which a person wants to read them.
    pub const ALL: [Self; 14] = [
        Self::Cancelled,
        Self::NotCancellable,
        Self::NotFound,
        Self::Forbidden,
        Self::Unauthorized,
        Self::RateLimited,
        Self::ServerError,
        Self::Unreachable,
        Self::Unconfirmed,
        Self::UnexpectedResponse,
        Self::InvalidId,
        Self::Duplicate,
        Self::Filtered,
        Self::NotAttempted,
    ];

    /// The word that stands in the `status` column and in the JSON summary.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::NotCancellable => "not_cancellable",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
            Self::Unconfirmed => "unconfirmed",
            Self::UnexpectedResponse => "unexpected_response",
            Self::InvalidId => "invalid_id",
            Self::Duplicate => "duplicate",
            Self::Filtered => "filtered",
            Self::NotAttempted => "not_attempted",
        }
    }

    /// Whether the row needs nobody's attention: the invitation is cancelled, or was not asked for by this row.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Cancelled | Self::Duplicate | Self::Filtered)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}
