//! One row under way: what has been tried, and how it stands.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::feed::{EligibleRow, stopped_before};
use crate::backoff::Backoff;
use crate::invitation::InvitationId;
use crate::outcome::{Effect, Outcome, Stop};
use crate::results::Earlier;
use crate::row::Row;
use crate::throttle::Troubles;
use crate::verdict::Verdict;

/// Whether a call brought an answer.
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
    /// From the first call to the end of the last.
    duration: Duration,
    latencies: Vec<Duration>,
    /// How the row stands after the last call, or as earlier runs left it. Should no other call follow, it is the row's end.
    standing: Option<Verdict>,
    /// What the row has met, as the throttle knows it.
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
            standing,
            troubles,
            backoff: None,
        }
    }

    /// How the row stands.
    pub(super) fn standing(&self) -> Option<&Verdict> {
        self.standing.as_ref()
    }

    /// Whether no earlier run has tried the row.
    pub(super) fn is_untried_before(&self) -> bool {
        self.earlier.attempts == 0 && self.earlier.result.is_none()
    }

    /// Takes down that a call begins.
    pub(super) fn calls(&mut self) {
        let now = Instant::now();
        self.began.get_or_insert(now);
        self.calls += 1;
        self.calling = Some(now);
    }

    /// Takes down that the call has ended, and the verdict on it. Only an answer has a latency.
    pub(super) fn called(&mut self, verdict: Verdict, answered: Answered) {
        let now = Instant::now();
        self.duration = self.began.map(|began| now - began).unwrap_or_default();
        let latency = self.calling.take().map(|calling| now - calling);
        if answered == Answered::Yes {
            self.latencies.extend(latency);
        }
        self.standing = Some(verdict);
    }

    /// Takes down that this program broke: a call that was in flight may have taken effect.
    pub(super) fn broke(&mut self) {
        if self.calls > 0 {
            self.called(Verdict::of_broken_program(), Answered::No);
        }
    }

    /// How long to wait before the next attempt.
    pub(super) fn next_wait(&mut self) -> Duration {
        self.backoff.get_or_insert_with(|| Backoff::new(fastrand::Rng::new())).next().unwrap_or_default()
    }

    /// The end of the row as its last call left it. A row that the run did not come to has none: then `stop` says why.
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

/// How a row stands before its first call in this run: as its results say, and in doubt where only the journal or the input
/// says that it may have been sent.
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
