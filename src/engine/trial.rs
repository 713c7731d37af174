//! One row under way: what has been tried, and how it stands.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::feed::{EligibleRow, stopped_before};
use crate::backoff::Backoff;
use crate::invitation::InvitationId;
use crate::outcome::{Effect, Outcome, Status, Stop};
use crate::results::Earlier;
use crate::row::Row;
use crate::throttle::Streak;
use crate::verdict::{Next, Verdict};

/// A row from its turn to its outcome.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) id: InvitationId,
    row: Row,
    earlier: Earlier,
    /// When the first call began.
    began: Option<Instant>,
    /// When the call that is in flight began, if one is.
    calling: Option<Instant>,
    calls: u64,
    /// From the first call to the end of the last.
    duration: Duration,
    latencies: Vec<Duration>,
    /// The verdict on the last call. Should no other follow, it is the row's.
    verdict: Option<Verdict>,
    /// The series of failures that each failed call belongs to: those that were an outage do not count.
    failures: Vec<Streak>,
    backoff: Option<Backoff>,
}

impl Trial {
    pub(super) fn new(EligibleRow { id, row, earlier }: EligibleRow) -> Self {
        Self {
            id,
            row,
            earlier,
            began: None,
            calling: None,
            calls: 0,
            duration: Duration::ZERO,
            latencies: Vec::new(),
            verdict: None,
            failures: Vec::new(),
            backoff: None,
        }
    }

    /// Whether a call that was made so far may have taken effect without saying so.
    pub(super) fn effect(&self) -> Effect {
        self.verdict.as_ref().map_or(self.earlier.effect, |verdict| verdict.effect)
    }

    /// Takes down that a call begins.
    pub(super) fn calls(&mut self) {
        let now = Instant::now();
        self.began.get_or_insert(now);
        self.calls += 1;
        self.calling = Some(now);
    }

    /// Takes down that the call has ended, and the verdict on it.
    pub(super) fn called(&mut self, verdict: Verdict) {
        let now = Instant::now();
        self.duration = self.began.map(|began| now - began).unwrap_or_default();
        let latency = self.calling.take().map(|calling| now - calling);
        if verdict.http_status.is_some() {
            self.latencies.extend(latency);
        }
        self.verdict = Some(verdict);
    }

    /// Takes down that this program broke: a call that was in flight may have taken effect.
    pub(super) fn broke(&mut self) {
        if self.calling.is_some() || self.verdict.is_some() {
            self.called(Verdict {
                status: Status::Unconfirmed,
                http_status: None,
                error: "this program broke after the call was sent: it may be cancelled, so look it up in iMocha"
                    .to_owned(),
                next: Next::End,
                effect: Effect::Possible,
            });
        }
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
                invitation_id: self.id.to_string(),
                status: verdict.status,
                http_status: verdict.http_status,
                error: verdict.error,
                duration: self.duration,
                attempts: self.earlier.attempts + self.calls,
                calls: self.calls,
                latencies: self.latencies,
                finished_at: Timestamp::now(),
            },
            (None, stop) => stopped_before(EligibleRow { id: self.id, row: self.row, earlier: self.earlier }, stop),
        }
    }
}
