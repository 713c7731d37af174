//! Writes the outcome of each row, and counts the row only after that: the bar and the summary never show a row that
//! the results do not hold.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until};

use super::budget::Budget;
use crate::monitor::Monitor;
use crate::outcome::{Attention, Effect, Outcome, Status, Stop, StopReason, Summary, Tally};
use crate::results::ResultsWriter;
use crate::results::writer::WithHeader;
use crate::shutdown::Shutdown;

/// The most outcomes that wait to be recorded: enough for a fast API and a slow disk (20,000 answers a second during a
/// sync of 16 ms). Every row under way has a place reserved among them, so this also bounds how many rows back off, and
/// how many are in memory when every row of an input fails.
pub(super) const QUEUED_OUTCOMES: usize = 512;

/// How long the recorder waits after it has written outcomes of calls, so that the next ones gather. Measured: at
/// 70,000 calls a second, waking up for every few outcomes costs a sixth of all processor time. A row that comes alone
/// is written at once either way.
const GATHERING: Duration = Duration::from_millis(1);

/// The most bytes of written rows that wait for a sync; beyond it, the recorder syncs at once. Chosen by us: with 300
/// bytes a row and 70,000 calls a second, it is not reached between two syncs.
const UNSYNCED_BYTES: usize = 8 * 1024 * 1024;

/// Owns the results and the counts.
pub(super) struct Recorder {
    results: ResultsWriter,
    monitor: Arc<dyn Monitor>,
    shutdown: Shutdown,
    /// The counts of the rows that the results hold, or that the monitor got because the results could not be written.
    tally: Tally,
    unsynced: Unsynced,
    /// Whether the results can still be written.
    mode: Mode,
    budget: Budget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Writing,
    /// The results can no longer be written. Rows that would be missed go to the monitor; this says whether the next of
    /// them need a header before them.
    Rescuing(WithHeader),
}

/// What was appended to the results after the last sync that succeeded.
#[derive(Debug, Default)]
struct Unsynced {
    /// Rows that would be missed.
    rows: Vec<Outcome>,
    /// About how many bytes of memory these rows take.
    bytes: usize,
    /// How many other rows there are. A later run gives them their results rows again.
    others: BTreeMap<Status, u64>,
    /// The first of the others that need attention.
    attention: Attention,
}

impl Unsynced {
    fn take(&mut self, batch: &mut Vec<Outcome>) {
        for outcome in batch.drain(..) {
            if would_be_missed(&outcome) {
                self.bytes += size_of::<Outcome>() + outcome.row.cells.as_slice().len() + outcome.error.len();
                self.rows.push(outcome);
            } else {
                *self.others.entry(outcome.status).or_default() += 1;
                self.attention.look(outcome.status, outcome.row.line, &outcome.invitation_id, &outcome.error);
            }
        }
    }
}

/// Whether only this outcome tells what happened to the row, because calls were or may have been made for it. Any other
/// row gets its results row again when a later run reads the input.
fn would_be_missed(outcome: &Outcome) -> bool {
    outcome.attempts > 0 || outcome.status.effect() == Effect::Possible
}

impl Recorder {
    /// `done` counts the rows that the results hold already.
    pub(super) fn new(results: ResultsWriter, monitor: Arc<dyn Monitor>, shutdown: Shutdown, done: Summary) -> Self {
        let (unsynced, mode, budget) = (Unsynced::default(), Mode::Writing, Budget::default());
        Self { results, monitor, shutdown, tally: Tally::after(done), unsynced, mode, budget }
    }

    /// Makes the recorder give the bytes of each recorded row back to `budget`.
    pub(super) fn giving_back_to(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Records outcomes until there are no more. It blocks, so it needs a thread of its own. When the sender of
    /// `feed_given_up` is dropped, the recorder no longer waits for outcomes of the feed. Returns the counts of the
    /// rows that the results hold, or that the monitor got because the results could not be written.
    pub(super) fn record(mut self, mut outcomes: Receiver<Outcome>, mut feed_given_up: oneshot::Receiver<()>) -> Tally {
        let mut batch = Vec::with_capacity(QUEUED_OUTCOMES);
        // The recorder has its own runtime for its timers: the runtime of the calls is gone when a second signal aborts
        // the run.
        let runtime = match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                self.give_up(&error);
                while outcomes.blocking_recv_many(&mut batch, QUEUED_OUTCOMES) > 0 {
                    self.keep(&mut batch);
                }
                return std::mem::take(&mut self.tally);
            }
        };
        loop {
            let received = runtime.block_on(async {
                let next = outcomes.recv_many(&mut batch, QUEUED_OUTCOMES);
                tokio::select! {
                    biased;
                    rows = next => Some(rows),
                    _given_up = &mut feed_given_up, if !feed_given_up.is_terminated() => {
                        outcomes.close();
                        None
                    }
                    () = sleep_until_due(self.sync_due()) => None,
                }
            });
            match received {
                Some(0) => break,
                Some(_rows) => {
                    // Rows that were not sent come far faster than calls, so the recorder does not wait for them.
                    let has_calls = batch.iter().any(|outcome| outcome.calls > 0);
                    self.keep(&mut batch);
                    if has_calls {
                        // Inside the block, because a timer belongs to the runtime in which it is created.
                        runtime.block_on(async { sleep(GATHERING).await });
                    }
                }
                None => {}
            }
            if self.sync_due().is_some_and(|due| due <= Instant::now()) {
                self.sync();
            }
        }
        if self.sync_due().is_some() {
            self.sync();
        }
        std::mem::take(&mut self.tally)
    }

    /// Counts the rows that were waiting for the sync: the disk now keeps them.
    fn settle(&mut self) {
        let Unsynced { rows, others, attention, .. } = std::mem::take(&mut self.unsynced);
        for outcome in &rows {
            self.tally.add(outcome);
        }
        self.tally.add_unsent(&others, &attention);
    }

    /// Appends a batch to the results. If that fails, hands it to the monitor.
    fn keep(&mut self, batch: &mut Vec<Outcome>) {
        self.budget.give_back(batch.iter().map(|outcome| &outcome.row));
        if self.mode == Mode::Writing {
            match self.results.append(batch) {
                Ok(()) => {
                    batch.iter().filter(|outcome| outcome.calls > 0).for_each(log);
                    self.monitor.recorded(batch);
                    self.unsynced.take(batch);
                    return;
                }
                Err(error) => {
                    self.give_up(&error);
                    // A sync may still succeed for the rows that were written before.
                    self.sync();
                }
            }
        }
        self.rescue(std::mem::take(batch));
    }

    /// Hands the rows that would be missed to the monitor, and counts them. The other rows get their results rows from
    /// a later run.
    fn rescue(&mut self, mut outcomes: Vec<Outcome>) {
        outcomes.retain(would_be_missed);
        let Mode::Rescuing(header) = self.mode else { return };
        if outcomes.is_empty() {
            return;
        }
        match self.results.rescue(&outcomes, header) {
            Ok(csv) => self.monitor.lost(&csv),
            Err(error) => tracing::error!(%error, "rows are lost"),
        }
        self.mode = Mode::Rescuing(WithHeader::No);
        for outcome in &outcomes {
            self.tally.add(outcome);
        }
    }

    /// The time of the next sync, if one is needed and the results can still be written.
    fn sync_due(&self) -> Option<Instant> {
        match self.mode {
            Mode::Writing if self.unsynced.bytes > UNSYNCED_BYTES => Some(Instant::now()),
            Mode::Writing => self.results.sync_due(),
            Mode::Rescuing(_) => None,
        }
    }

    /// Syncs what was appended. If the sync fails, hands those rows to the monitor.
    fn sync(&mut self) {
        match self.results.sync() {
            Ok(()) => self.settle(),
            Err(error) => {
                self.give_up(&error);
                let Unsynced { rows, .. } = std::mem::take(&mut self.unsynced);
                self.rescue(rows);
            }
        }
    }

    /// Stops the run: no further call may start, because its outcome could not be written.
    fn give_up(&mut self, error: &io::Error) {
        let detail = format!("the results could not be written: {error}");
        // This message comes before the rescued rows, so that a reader of standard error knows what those rows are.
        self.shutdown.stop(Stop { reason: StopReason::ResultsUnwritable, detail });
        if self.mode == Mode::Writing {
            self.mode = Mode::Rescuing(WithHeader::Yes);
        }
    }
}

impl Drop for Recorder {
    /// Closes the budget, also after a panic: the recorder gives nothing back any more, so nothing may wait for it. Nor
    /// may anybody wait for further rows.
    fn drop(&mut self) {
        self.budget.close();
        self.monitor.ended();
    }
}

/// Waits until a sync is due, or for ever.
async fn sleep_until_due(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Logs the outcome of a row, and with it its last call; the calls before that were logged when they ended. The recorder
/// does this, not the worker: standard error may block, and nothing may block the workers' thread.
fn log(outcome: &Outcome) {
    tracing::debug!(
        event = "recorded",
        line = outcome.row.line,
        id = %outcome.invitation_id,
        attempt = outcome.attempts,
        status = outcome.status.word(),
        http_status = outcome.http_status,
        error = outcome.error,
        answered_ms = outcome.latencies.last().map(in_millis),
        duration_ms = in_millis(&outcome.duration),
        again = false,
        "recorded"
    );
}

fn in_millis(duration: &Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
