//! Takes one row from its turn to its outcome: permit, call, verdict, and another call if the verdict says so.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::first_answers::FirstAnswers;
use super::queue::{RowQueue, Turn};
use super::trial::{Answered, Trial};
use crate::client::Client;
use crate::monitor::Monitor;
use crate::outcome::Stop;
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::{Advice, Permit, Sign, Streak, Throttle, Untried};
use crate::verdict::{Next, Setback, judge};

/// The longest wait of a row that has used up its attempts while it is not yet known whether an outage made them fail
/// (then they do not count). At least this often, such a row calls again to see whether the API is back. Chosen by us.
const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// What the workers share. Each worker is one call of [`work`](Self::work), and makes one call at a time.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) queue: RowQueue,
    pub(super) client: Client,
    pub(super) throttle: Throttle,
    pub(super) scrubber: Scrubber,
    pub(super) monitor: Arc<dyn Monitor>,
    pub(super) shutdown: Shutdown,
    pub(super) first_answers: FirstAnswers,
}

/// What a row does next.
enum Step {
    /// The row leaves its worker for this time.
    BackOff(Duration),
    /// The row leaves its worker for this time, or until the throttle knows whether the API or the rows caused this
    /// streak of failures, whichever comes first.
    AwaitEnd(Duration, Streak),
    /// The row has ended.
    End,
}

impl Pool {
    /// Takes rows until there are none, and sends the outcome of each to the recorder.
    pub(super) async fn work(self: &Arc<Self>) {
        // While the API is down, rows that were never tried go first: their calls show whether it is back. A row that
        // fails through its own fault would never show that.
        let turn = || if self.throttle.is_down() { Turn::NewFirst } else { Turn::ReturnedFirst };
        while let Some(mut row) = self.queue.next(&self.shutdown, turn()).await {
            let step = AssertUnwindSafe(self.try_row(&mut row.trial)).catch_unwind().await;
            if let Ok(Step::BackOff(wait) | Step::AwaitEnd(wait, _)) = &step {
                row.trial.log_again(*wait);
            }
            match step {
                Ok(Step::BackOff(wait)) => row.back_off(&self.shutdown, tokio::time::sleep(wait)),
                Ok(Step::AwaitEnd(wait, streak)) => {
                    let pool = Arc::clone(self);
                    row.back_off(&self.shutdown, async move {
                        drop(tokio::time::timeout(wait, pool.throttle.end_of(streak)).await);
                    });
                }
                Ok(Step::End) => row.end(self.shutdown.reason()),
                Err(_panic) => {
                    // A call may have been in flight, so the row must still get its outcome.
                    self.shutdown.stop(Stop::of_panic());
                    row.trial.broke();
                    row.end(self.shutdown.reason());
                }
            }
        }
    }

    /// Makes one call for a row, unless the run is stopped or the row has used up its attempts.
    async fn try_row(&self, trial: &mut Trial) -> Step {
        if self.throttle.is_used_up(&trial.troubles) {
            return Step::End;
        }
        let permit = tokio::select! {
            // `biased` takes the stop first: a permit that becomes free at the same moment must not be used.
            biased;
            () = self.shutdown.stopped() => return Step::End,
            permit = self.throttle.permit() => permit,
        };
        self.call(trial, permit).await
    }

    /// Makes one call and decides what comes next.
    async fn call(&self, trial: &mut Trial, permit: Permit) -> Step {
        trial.calls();
        self.monitor.called(trial.line(), trial.id);
        let answer = self.client.cancel(trial.id).await;
        let verdict = judge(trial.id, &answer, trial.standing(), &self.scrubber);
        if let Ok(reply) = &answer
            && trial.is_untried_before()
            && let Some(stop) = self.first_answers.note(reply.http_status)
        {
            self.shutdown.stop(stop);
        }
        let next = verdict.next.clone();
        trial.called(verdict, if answer.is_ok() { Answered::Yes } else { Answered::No });
        let sign = match &next {
            Next::End | Next::Stop(_) => Sign::Answered,
            Next::Again(Setback::Limited(retry_after)) => Sign::Limited(*retry_after),
            Next::Again(Setback::Failed) => Sign::Failed,
            Next::Again(Setback::Unreachable) => Sign::Unreachable,
        };
        if matches!(sign, Sign::Failed | Sign::Unreachable) {
            self.monitor.failed(&match &answer {
                Ok(reply) => format!("HTTP {}", reply.http_status),
                Err(failure) => self.scrubber.harmless(&failure.what),
            });
        }
        let advice = self.throttle.note((sign, permit), &mut trial.troubles, self.untried());
        match (next, advice) {
            (Next::Stop(stop), _) | (Next::Again(_), Advice::Stop(stop)) => {
                self.shutdown.stop(stop);
                Step::End
            }
            (Next::End, _) | (Next::Again(_), Advice::GoOn | Advice::End) => Step::End,
            (Next::Again(_), Advice::BackOff(wait)) => Step::BackOff(trial.next_wait() + wait),
            (Next::Again(_), Advice::Queue) => Step::BackOff(Duration::ZERO),
            (Next::Again(_), Advice::AwaitEnd(streak)) => Step::AwaitEnd(trial.next_wait().min(LONGEST_LOOK), streak),
        }
    }

    fn untried(&self) -> Untried {
        if self.queue.has_new_rows() { Untried::Left } else { Untried::None }
    }
}
