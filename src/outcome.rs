//! How a row ended: its status, the results row that says so, and the counts of a whole run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;

use crate::row::Row;

/// How a row ended. The words are the contract with the operator's scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// Whether a later run tries the row again: nothing is settled about it, or something may have changed.
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

    /// Whether the invitation may be cancelled although nobody said so.
    pub const fn is_doubtful(self) -> bool {
        matches!(self, Self::ServerError | Self::Unconfirmed | Self::UnexpectedResponse)
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

/// How one row ended, and what its results row says.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The row of the input.
    pub row: Row,
    /// How it ended.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// One line for a person; empty when the invitation was cancelled.
    pub error: String,
    /// From the first call to the last answer; zero when no call was made.
    pub duration: Duration,
    /// Calls made for this row, over all its runs.
    pub attempts: u64,
    /// How many of them this run made.
    pub calls: u64,
    /// How long each of the answers was in coming. Calls without an answer have none.
    pub latencies: Vec<Duration>,
    /// When the row ended.
    pub finished_at: Timestamp,
}

impl Outcome {
    /// The columns of a results row, in their order; the input's own follow. The names are a contract.
    pub const COLUMNS: [&'static str; 8] =
        ["line", "invitation_id", "status", "http_status", "error", "attempts", "duration_ms", "finished_at"];

    /// The end of a row for which no call was made.
    pub fn unsent(row: Row, status: Status, error: impl Into<String>) -> Self {
        Self {
            row,
            status,
            http_status: None,
            error: error.into(),
            duration: Duration::ZERO,
            attempts: 0,
            calls: 0,
            latencies: Vec::new(),
            finished_at: Timestamp::now(),
        }
    }
}

/// Why a run that had begun ended before its last row was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The API key was rejected.
    Unauthorized,
    /// The results could not be written.
    ResultsUnwritable,
    /// The API did not answer for longer than the operator would wait.
    Outage,
    /// The API asked for fewer calls for longer than the operator would wait.
    RateLimited,
    /// The time that the operator gave the run is over.
    Deadline,
    /// The first answers say that this is the wrong file or account.
    WrongInput,
    /// The operator, or the system, asked the process to end.
    Interrupted(Signal),
    /// This program has a bug: one of its parts panicked.
    Bug,
    /// The input could not be read any further.
    Input,
    /// The input file was changed while it was being read.
    InputChanged,
}

impl StopReason {
    /// The word that the JSON summary gives as `reason`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::ResultsUnwritable => "results_unwritable",
            Self::Outage => "outage",
            Self::RateLimited => "rate_limited",
            Self::Deadline => "deadline",
            Self::WrongInput => "wrong_input",
            Self::Interrupted(_) => "interrupted",
            Self::Bug => "bug",
            Self::Input => "input",
            Self::InputChanged => "input_changed",
        }
    }
}

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// By Ctrl-C (SIGINT).
    Interrupt,
    /// By whoever supervises it (SIGTERM).
    Terminate,
    /// Because its terminal is gone (SIGHUP).
    HangUp,
}

/// Why a run stopped early, with the particulars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The kind of reason.
    pub reason: StopReason,
    /// What happened, as a lowercase sentence without a final period.
    pub detail: String,
}

/// What came of a whole run: the counts of its rows and calls.
#[derive(Debug, Clone)]
pub struct Summary {
    rows: BTreeMap<Status, u64>,
    calls: u64,
    retries: u64,
    latency_us: Histogram<u64>,
}

/// Decimal digits to which a latency is kept.
const LATENCY_DIGITS: u8 = 3;
/// The longest latency that is told from a longer one: an hour, in microseconds. No attempt may take more than ten
/// minutes.
const MAX_LATENCY_US: u64 = 60 * 60 * 1_000_000;

impl Summary {
    /// The summary of a run that has recorded nothing yet.
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "the only error is a number of digits above 5")]
    pub fn new() -> Self {
        let latency_us =
            Histogram::new_with_max(MAX_LATENCY_US, LATENCY_DIGITS).expect("up to five digits are allowed");
        Self { rows: BTreeMap::new(), calls: 0, retries: 0, latency_us }
    }

    /// Counts one recorded row.
    pub fn add(&mut self, outcome: &Outcome) {
        *self.rows.entry(outcome.status).or_default() += 1;
        self.calls += outcome.calls;
        self.retries += outcome.calls.saturating_sub(1);
        for latency in &outcome.latencies {
            self.latency_us.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Counts rows for which no call was made.
    pub fn add_unsent(&mut self, status: Status, rows: u64) {
        *self.rows.entry(status).or_default() += rows;
    }

    /// How many rows ended with `status`.
    pub fn count(&self, status: Status) -> u64 {
        self.rows.get(&status).copied().unwrap_or(0)
    }

    /// How many rows ended in any way.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How many of the calls were not the first for their row.
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// The time within which the given share of the answers came, or `None` when none came.
    ///
    /// `quantile` lies between 0 and 1; 1 gives the longest.
    pub fn latency(&self, quantile: f64) -> Option<Duration> {
        if self.latency_us.is_empty() {
            return None;
        }
        Some(Duration::from_micros(self.latency_us.value_at_quantile(quantile)))
    }

    /// Whether a later run would try rows again.
    pub fn has_rows_to_try_again(&self) -> bool {
        self.rows.iter().any(|(status, &rows)| rows > 0 && status.is_tried_again())
    }

    /// Whether no row needs anybody's attention.
    pub fn all_settled(&self) -> bool {
        self.rows.iter().all(|(status, &rows)| rows == 0 || status.is_settled())
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;
    use crate::invitation::InvitationId;
    use crate::row::Intent;

    fn called(status: Status, latencies: &[Duration]) -> Outcome {
        let intent = Intent::Cancel(InvitationId::MAX);
        let row = Row { line: 2, intent, cells: ByteRecord::new() };
        let attempts = u64::try_from(latencies.len()).unwrap();
        Outcome { attempts, calls: attempts, latencies: latencies.to_vec(), ..Outcome::unsent(row, status, "") }
    }

    #[test]
    fn latencies_from_microseconds_to_minutes_are_kept() {
        let mut summary = Summary::new();
        assert_eq!(summary.latency(1.0), None);
        let latencies = [Duration::from_micros(40), Duration::from_millis(41), Duration::from_secs(30)];
        summary.add(&called(Status::Cancelled, &latencies));
        let near = |quantile, expected: Duration| {
            let latency = summary.latency(quantile).unwrap();
            assert!(latency.abs_diff(expected) <= expected / 500, "{latency:?}, not {expected:?}");
        };
        near(0.1, Duration::from_micros(40));
        near(0.5, Duration::from_millis(41));
        near(1.0, Duration::from_secs(30));
    }

    #[test]
    fn counts_add_up_and_tell_whether_anything_is_left_to_do() {
        let mut summary = Summary::new();
        summary.add(&called(Status::Cancelled, &[Duration::ZERO; 3]));
        summary.add_unsent(Status::Duplicate, 2);
        summary.add_unsent(Status::NotAttempted, 0);
        assert_eq!((summary.total(), summary.calls(), summary.retries()), (3, 3, 2));
        assert!(summary.all_settled());
        summary.add_unsent(Status::InvalidId, 1);
        assert!(!summary.all_settled());
    }
}
