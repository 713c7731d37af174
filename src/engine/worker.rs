//! One row, from its turn to its outcome: permit, call, verdict, and again where that is worth it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;

use super::queue::RowQueue;
use super::trial::Trial;
use crate::client::Client;
use crate::config::MaxAttempts;
use crate::outcome::{Status, Stop, StopReason, Summary};
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::{Advice, Role, Sign, Throttle};
use crate::verdict::{Next, Setback, judge};

/// What the workers of a pool share. Each of them is a call of [`work`](Self::work), and makes one call at a time.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) queue: RowQueue,
    pub(super) client: Client,
    pub(super) throttle: Throttle,
    pub(super) scrubber: Scrubber,
    pub(super) shutdown: Shutdown,
    pub(super) max_attempts: MaxAttempts,
    pub(super) first_answers: FirstAnswers,
}

/// What a row does next.
enum Step {
    /// It calls, when it has a permit.
    Call,
    /// It probes, after this advice of the throttle.
    Probe(Duration),
    /// It leaves its worker for so long.
    BackOff(Duration),
    /// It has ended.
    End,
}

impl Worker {
    /// Takes rows until there are none, and sends on how each ended.
    pub(super) async fn work(&self) {
        while let Some(mut row) = self.queue.next(&self.shutdown).await {
            match AssertUnwindSafe(self.try_row(&mut row.trial)).catch_unwind().await {
                Ok(Some(wait)) => row.back_off(wait, &self.shutdown),
                Ok(None) => row.end(self.shutdown.reason()),
                Err(_panic) => {
                    // The message is on standard error already. What was in flight must not be lost over it.
                    let detail = "this program broke; please report what stands above".to_owned();
                    self.shutdown.stop(Stop { reason: StopReason::Bug, detail });
                    row.trial.broke();
                    row.end(self.shutdown.reason());
                }
            }
        }
    }

    /// Tries a row until it has ended or the run is stopped, or until it has to back off for so long.
    async fn try_row(&self, trial: &mut Trial) -> Option<Duration> {
        let mut probe_in = None;
        loop {
            let role = tokio::select! {
                // In this order: once the run is stopped, a permit that is free at the same moment is not used.
                biased;
                () = self.shutdown.stopped() => return None,
                role = self.permit(probe_in) => role,
            };
            probe_in = match self.call(trial, role).await {
                Step::Call => None,
                Step::Probe(wait) => Some(wait),
                Step::BackOff(wait) => return Some(wait),
                Step::End => return None,
            };
        }
    }

    /// Waits for a permit. The step before the call, so it can be given up.
    async fn permit(&self, probe_in: Option<Duration>) -> Role {
        match probe_in {
            None => {
                self.throttle.permit().await;
                Role::Ordinary
            }
            Some(wait) => self.throttle.probe_permit(wait).await,
        }
    }

    /// Makes one call and decides what comes next.
    async fn call(&self, trial: &mut Trial, role: Role) -> Step {
        trial.calls();
        let answer = self.client.cancel(trial.id).await;
        let verdict = judge(trial.id, &answer, trial.effect(), &self.scrubber);
        if let Some(stop) = self.first_answers.note(verdict.http_status) {
            self.shutdown.stop(stop);
        }
        let next = verdict.next.clone();
        trial.called(verdict);
        let sign = match &next {
            Next::End | Next::Stop(_) => Sign::Answered,
            Next::Again(Setback::Limited(retry_after)) => Sign::Limited(*retry_after),
            Next::Again(Setback::Failed) => {
                trial.failed(self.throttle.streak());
                Sign::Failed
            }
        };
        let advice = self.throttle.note(sign, role);
        match (next, advice) {
            (Next::Stop(stop), _) | (Next::Again(_), Advice::Stop(stop)) => {
                self.shutdown.stop(stop);
                Step::End
            }
            (Next::End, _) => Step::End,
            (Next::Again(_), Advice::Probe(wait)) => Step::Probe(wait),
            (Next::Again(Setback::Limited(_)), Advice::GoOn) => Step::Call,
            (Next::Again(Setback::Failed), Advice::GoOn) => self.after_failure(trial),
        }
    }

    /// What a row does after a failure that may be its own: it backs off, if it has an attempt left.
    fn after_failure(&self, trial: &mut Trial) -> Step {
        if trial.attempts_used(|streak| self.throttle.was_outage(streak)) >= self.max_attempts.get() {
            Step::End
        } else {
            Step::BackOff(trial.next_wait())
        }
    }
}

/// How many first answers must all be 403 or 404 before the file or the account is taken for the wrong one. (Source: the
/// contract.)
const TELLING_ANSWERS: usize = 50;

/// Looks whether the first answers of a run make sense for it. Answers that speak of the moment only (429, 5xx) do not
/// count.
#[derive(Debug)]
pub(super) struct FirstAnswers {
    /// How many there were, all of them 403 or 404; [`TELLING_ANSWERS`] once it is settled, either way.
    strange: AtomicUsize,
}

impl FirstAnswers {
    /// Looks from the first answer on, unless an earlier run had one that made sense.
    pub(super) fn after(earlier: &Summary) -> Self {
        let made_sense = earlier.count(Status::Cancelled) + earlier.count(Status::NotCancellable) > 0;
        Self { strange: AtomicUsize::new(if made_sense { TELLING_ANSWERS } else { 0 }) }
    }

    fn note(&self, http_status: Option<u16>) -> Option<Stop> {
        if self.strange.load(Ordering::Relaxed) >= TELLING_ANSWERS {
            return None;
        }
        match http_status {
            None | Some(429 | 500..=599) => None,
            Some(403 | 404) => {
                if self.strange.fetch_add(1, Ordering::Relaxed) + 1 < TELLING_ANSWERS {
                    return None;
                }
                let detail = format!(
                    "the first {TELLING_ANSWERS} answers were all 403 or 404: check that the file and the API key belong \
                     to the same iMocha account, and that the ID column is the right one"
                );
                Some(Stop { reason: StopReason::WrongInput, detail })
            }
            Some(_) => {
                self.strange.store(TELLING_ANSWERS, Ordering::Relaxed);
                None
            }
        }
    }
}
