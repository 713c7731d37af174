//! One row, from its turn to its outcome: slot, permit, call, verdict, and again where that is worth it.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::SharedJournal;
use super::feed::EligibleRow;
use super::trial::Trial;
use crate::client::Client;
use crate::config::MaxAttempts;
use crate::outcome::{Outcome, Status, Stop, StopReason, Summary};
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::{Advice, Role, Sign, Throttle};
use crate::verdict::{Next, Setback, judge};

/// What the workers of a pool share. Each of them is a call of [`work`](Self::work).
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) queue: RowQueue,
    /// A slot for each call that may be in flight. A row that backs off holds none.
    pub(super) slots: Semaphore,
    pub(super) client: Client,
    pub(super) throttle: Throttle,
    pub(super) scrubber: Scrubber,
    pub(super) shutdown: Shutdown,
    pub(super) max_attempts: MaxAttempts,
    pub(super) first_answers: FirstAnswers,
}

/// What a row does next.
enum Step<'a> {
    /// It waits for a permit, and for a slot if it has none.
    Call(Option<SemaphorePermit<'a>>),
    /// It keeps its slot and probes, after this advice of the throttle.
    Probe(Duration, SemaphorePermit<'a>),
    /// It has ended.
    End,
}

impl Worker {
    /// Takes rows until there are none, and sends on how each ended. No row is begun without a place for its outcome.
    pub(super) async fn work(&self, outcomes: Sender<Outcome>) {
        while let Ok(place) = outcomes.reserve().await {
            let Some((eligible, slot)) = self.queue.next(&self.slots, &self.shutdown).await else { return };
            let mut trial = Trial::new(eligible);
            let tried = AssertUnwindSafe(self.try_row(&mut trial, slot)).catch_unwind().await;
            if tried.is_err() {
                // The message is on standard error already. What was in flight must not be lost over it.
                let detail = "this program broke; please report what stands above".to_owned();
                self.shutdown.stop(Stop { reason: StopReason::Bug, detail });
                trial.broke();
            }
            place.send(trial.end(self.shutdown.reason()));
        }
    }

    /// Tries a row until it has ended or the run is stopped.
    async fn try_row<'a>(&'a self, trial: &mut Trial, slot: SemaphorePermit<'a>) {
        let mut step = Step::Call(Some(slot));
        while !matches!(step, Step::End) {
            let permitted = tokio::select! {
                // In this order: once the run is stopped, a permit that is free at the same moment is not used.
                biased;
                () = self.shutdown.stopped() => None,
                permitted = self.permit(step) => permitted,
            };
            let Some((role, slot)) = permitted else { return };
            step = self.call(trial, role, slot).await;
        }
    }

    /// Waits for a slot and a permit. The step before the call, so it can be given up.
    async fn permit<'a>(&'a self, step: Step<'a>) -> Option<(Role, SemaphorePermit<'a>)> {
        match step {
            Step::Call(slot) => {
                let slot = match slot {
                    Some(slot) => slot,
                    None => self.slots.acquire().await.ok()?,
                };
                self.throttle.permit().await;
                Some((Role::Ordinary, slot))
            }
            Step::Probe(wait, slot) => Some((self.throttle.probe_permit(wait).await, slot)),
            Step::End => None,
        }
    }

    /// Makes one call and decides what comes next; where that is another try, waits until it is due.
    async fn call<'a>(&'a self, trial: &mut Trial, role: Role, slot: SemaphorePermit<'a>) -> Step<'a> {
        trial.calls();
        let answer = self.client.cancel(trial.id).await;
        let verdict = judge(trial.id, &answer, trial.sent(), &self.scrubber);
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
            (Next::Again(_), Advice::Probe(wait)) => Step::Probe(wait, slot),
            (Next::Again(Setback::Limited(_)), Advice::GoOn) => Step::Call(Some(slot)),
            (Next::Again(Setback::Failed), Advice::GoOn) => {
                drop(slot);
                self.back_off(trial).await
            }
        }
    }

    /// Waits before another try, if the row has one left.
    async fn back_off(&self, trial: &mut Trial) -> Step<'_> {
        if trial.attempts_used(|streak| self.throttle.was_outage(streak)) >= self.max_attempts.get() {
            return Step::End;
        }
        tokio::select! {
            () = self.shutdown.stopped() => Step::End,
            () = sleep(trial.next_wait()) => Step::Call(None),
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

/// The rows that wait for a worker. It hands them out one by one, in the order of the input, and none before the journal
/// says that it may be sent.
#[derive(Debug)]
pub(super) struct RowQueue {
    /// A lock and not a channel, because the rows of one batch go to whichever workers are free.
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    batches: Receiver<Vec<EligibleRow>>,
    batch: std::vec::IntoIter<EligibleRow>,
    /// The last line of the batch, until the journal says that it may be sent.
    unreserved: Option<u64>,
    journal: Option<SharedJournal>,
}

impl RowQueue {
    pub(super) fn new(batches: Receiver<Vec<EligibleRow>>, journal: Option<SharedJournal>) -> Self {
        let batch = Vec::new().into_iter();
        Self { waiting: Mutex::new(Waiting { batches, batch, unreserved: None, journal }) }
    }

    /// The next row with a slot for its call, or `None` after the last one. The slot comes when the row is there, so that
    /// rows that are tried again need not wait for a slow input; and before it is taken, because what is taken counts as
    /// what may have been sent. Once the run is stopped, rows are no longer reserved: none is sent.
    async fn next<'a>(&self, slots: &'a Semaphore, shutdown: &Shutdown) -> Option<(EligibleRow, SemaphorePermit<'a>)> {
        let mut waiting = self.waiting.lock().await;
        while waiting.batch.as_slice().is_empty() {
            let batch = waiting.batches.recv().await?;
            waiting.unreserved = batch.last().map(|eligible| eligible.row.line);
            waiting.batch = batch.into_iter();
        }
        let slot = slots.acquire().await.ok()?;
        if let (Some(line), Some(journal)) = (waiting.unreserved, &waiting.journal)
            && !shutdown.is_stopped()
        {
            if let Err(error) = reserve(Arc::clone(journal), line).await {
                let detail = format!("the journal could not be written: {error}");
                shutdown.stop(Stop { reason: StopReason::ResultsUnwritable, detail });
            }
            waiting.unreserved = None;
        }
        Some((waiting.batch.next()?, slot))
    }
}

/// Has the journal say that rows up to `line` may be sent. Beside the calls, for the disk may be slow.
async fn reserve(journal: SharedJournal, line: u64) -> io::Result<()> {
    let reserved = spawn_blocking(move || journal.lock().unwrap_or_else(PoisonError::into_inner).reserve(line)).await;
    reserved.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
