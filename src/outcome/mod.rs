//! Records how a row ended: its status, its results row, and the counts of a whole run.

mod attention;
mod status;
mod stop;
mod summary;

use std::time::Duration;

use jiff::Timestamp;

pub use self::attention::{Attention, AttentionRow, MOST_KEPT};
pub use self::status::{Effect, Status};
pub use self::stop::{Signal, Stop, StopReason};
pub use self::summary::{Summary, Tally};
use crate::row::Row;

/// How one row ended, and what its results row says.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The row of the input.
    pub row: Row,
    /// The text of the `invitation_id` column: the ID as it is sent, or the cell as it was if it is not an ID.
    pub invitation_id: String,
    /// Its status.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// One line for the user; empty if the invitation was cancelled.
    pub error: String,
    /// From the first call to the last answer; zero if no call was made.
    pub duration: Duration,
    /// Calls made for this row, over all its runs.
    pub attempts: u64,
    /// How many of them this run made.
    pub calls: u64,
    /// How long each answer took. Calls without an answer have none.
    pub latencies: Vec<Duration>,
    /// When the row ended.
    pub finished_at: Timestamp,
}

impl Outcome {
    /// The columns of a results row, in order; the input's own columns follow. The names are a contract.
    pub const COLUMNS: [&'static str; 8] =
        ["line", "invitation_id", "status", "http_status", "error", "attempts", "duration_ms", "finished_at"];

    /// Whether this outcome is new in this run. A result of an earlier run that this run did not try again is written
    /// again, but is not new.
    pub fn is_of_this_run(&self) -> bool {
        self.calls > 0 || self.attempts == 0
    }

    /// The outcome of a row for which no call was made.
    pub fn unsent(row: Row, invitation_id: String, status: Status, error: impl Into<String>) -> Self {
        Self {
            row,
            invitation_id,
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
