//! One row under way: what has been tried, and how it stands.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::feed::{EligibleRow, not_attempted};
use crate::backoff::Backoff;
use crate::invitation::InvitationId;
use crate::outcome::{Outcome, Stop};
use crate::row::Row;
use crate::throttle::Streak;
use crate::verdict::{Sent, Verdict};

/// A row from its turn to its outcome.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) id: InvitationId,
    row: Row,
    /// When the first call began.
    began: Option<Instant>,
    latencies: Vec<Duration>,
    /// The verdict on the last call. Should no other follow, it is the row's.
    verdict: Option<Verdict>,
    /// The series of failures that each failed call belongs to: those that were an outage do not count.
    failures: Vec<Streak>,
    backoff: Option<Backoff>,
}

impl Trial {
    pub(super) fn new(EligibleRow { id, row }: EligibleRow) -> Self {
        Self { id, row, began: None, latencies: Vec::new(), verdict: None, failures: Vec::new(), backoff: None }
    }

    /// The line of the row, for the log.
    pub(super) fn line(&self) -> u64 {
        self.row.line
    }

    /// Whether an earlier call may have taken effect.
    pub(super) fn sent(&self) -> Sent {
        self.verdict.as_ref().map_or(Sent::No, |verdict| verdict.sent)
    }

    /// Takes down a call that began at `began` and has just ended, and the verdict on it.
    pub(super) fn called(&mut self, began: Instant, verdict: Verdict) {
        self.began.get_or_insert(began);
        self.latencies.push(began.elapsed());
        self.verdict = Some(verdict);
    }

    /// Takes down that the last call failed, in this series of failures.
    pub(super) fn failed(&mut self, streak: Streak) {
        self.failures.push(streak);
    }

    /// How many attempts are used up, when failures of outages do not count.
    pub(super) fn attempts_used(&self, was_outage: impl Fn(Streak) -> bool) -> usize {
        self.failures.iter().filter(|&&streak| !was_outage(streak)).count()
    }

    /// How long to wait before the next attempt.
    pub(super) fn next_wait(&mut self) -> Duration {
        self.backoff.get_or_insert_with(|| Backoff::new(fastrand::Rng::new())).next().unwrap_or_default()
    }

    /// The end of the row as its last call left it. A row that the run did not come to has none: then `stop` says why.
    pub(super) fn end(self, stop: Option<&Stop>) -> Outcome {
        match (self.verdict, stop) {
            (Some(verdict), _) => Outcome {
                row: self.row,
                status: verdict.status,
                http_status: verdict.http_status,
                error: verdict.error,
                duration: self.began.map(|began| began.elapsed()).unwrap_or_default(),
                latencies: self.latencies,
                finished_at: Timestamp::now(),
            },
            (None, stop) => not_attempted(self.row, stop),
        }
    }
}
