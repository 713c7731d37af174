//! One row under way: the calls made for it, and their result so far.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::feed::{EligibleRow, stopped_before};
use crate::backoff::Backoff;
use crate::invitation::InvitationId;
use crate::monitor::THREAD_OF_CALLS;
use crate::outcome::{Effect, Outcome, Stop};
use crate::results::Earlier;
use crate::row::Row;
use crate::throttle::Troubles;
use crate::verdict::Verdict;

/// Whether the server answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Yes,
    No,
}

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
    /// From the start of the first call to the end of the last.
    duration: Duration,
    latencies: Vec<Duration>,
    /// How long the last call took.
    last_call: Duration,
    /// The result so far: of the last call, or else of earlier runs. If no other call follows, it becomes the row's
    /// outcome.
    standing: Option<Verdict>,
    /// The failures of the row, as the throttle counts them.
    pub(super) troubles: Troubles,
    backoff: Option<Backoff>,
}

impl Trial {
    pub(super) fn new(EligibleRow { id, row, earlier }: EligibleRow) -> Self {
        let standing = standing_before(&earlier);
        let troubles = match &earlier.result {
            Some(result) => Troubles::of_earlier_run(result.status, result.http_status),
            None => Troubles::default(),
        };
        Self {
            id,
            row,
            earlier,
            began: None,
            calling: None,
            calls: 0,
            duration: Duration::ZERO,
            latencies: Vec::new(),
            last_call: Duration::ZERO,
            standing,
            troubles,
            backoff: None,
        }
    }

    /// The line of the input on which the row begins.
    pub(super) fn line(&self) -> u64 {
        self.row.line
    }

    /// The result so far.
    pub(super) fn standing(&self) -> Option<&Verdict> {
        self.standing.as_ref()
    }

    /// Whether no earlier run has tried the row.
    pub(super) fn is_untried_before(&self) -> bool {
        self.earlier.attempts == 0 && self.earlier.result.is_none()
    }

    /// Records that a call begins.
    pub(super) fn calls(&mut self) {
        let now = Instant::now();
        self.began.get_or_insert(now);
        self.calls += 1;
        self.calling = Some(now);
    }

    /// Records that the call has ended, and its verdict. Only a call that was answered has a latency.
    pub(super) fn called(&mut self, verdict: Verdict, answered: Answered) {
        let now = Instant::now();
        self.duration = self.began.map(|began| now - began).unwrap_or_default();
        let latency = self.calling.take().map(|calling| now - calling);
        self.last_call = latency.unwrap_or_default();
        if answered == Answered::Yes {
            self.latencies.extend(latency);
        }
        self.standing = Some(verdict);
    }

    /// Records that this program panicked: a call that was in flight may have taken effect.
    pub(super) fn broke(&mut self) {
        if self.calls > 0 {
            self.called(Verdict::of_broken_program(), Answered::No);
        }
    }

    /// Logs the last call, after which the row waits for `wait` at the least and is tried again.
    pub(super) fn log_again(&self, wait: Duration) {
        let Some(standing) = &self.standing else { return };
        let in_millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(
            target: THREAD_OF_CALLS,
            event = "attempt",
            line = self.row.line,
            id = self.id.get(),
            attempt = self.earlier.attempts + self.calls,
            status = standing.status.word(),
            http_status = standing.http_status,
            error = %standing.text(),
            call_ms = in_millis(self.last_call),
            again = true,
            wait_ms = in_millis(wait),
            "tried again"
        );
    }

    /// How long to wait before the next attempt.
    pub(super) fn next_wait(&mut self) -> Duration {
        self.backoff.get_or_insert_with(|| Backoff::new(fastrand::Rng::new())).next().unwrap_or_default()
    }

    /// The outcome of the row: the result of its last call. If this run made no call for it, `stop` says why.
    pub(super) fn end(self, stop: Option<&Stop>) -> Outcome {
        match self.standing.filter(|_| self.calls > 0) {
            Some(standing) => Outcome {
                row: self.row,
                invitation_id: self.id.to_string(),
                status: standing.status,
                http_status: standing.http_status,
                error: standing.text(),
                duration: self.duration,
                attempts: self.earlier.attempts + self.calls,
                calls: self.calls,
                latencies: self.latencies,
                finished_at: Timestamp::now(),
            },
            None => stopped_before(EligibleRow { id: self.id, row: self.row, earlier: self.earlier }, stop),
        }
    }
}

/// The result of a row before its first call in this run: what the results say. If only the journal or the input says
/// that the row may have been sent, the row is in doubt.
fn standing_before(earlier: &Earlier) -> Option<Verdict> {
    match (&earlier.result, earlier.effect) {
        (Some(result), effect) => {
            let standing = Verdict::of_earlier_run(result.status, result.http_status, &result.error);
            Some(Verdict { effect: standing.effect.or(effect), ..standing })
        }
        (None, Effect::Possible) => Some(Verdict::in_doubt()),
        (None, Effect::None) => None,
    }
}
