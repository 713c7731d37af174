//! Writes down how each row ended, and only then counts it: the bar and the summary never show what the results do not
//! hold.

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
use crate::outcome::{Effect, Outcome, Status, Stop, StopReason, Summary, Tally};
use crate::results::ResultsWriter;
use crate::results::writer::WithHeader;
use crate::shutdown::Shutdown;

/// Outcomes that wait to be recorded: what a fast API answers while a slow disk syncs (16 ms at 20,000 a second). A row
/// under way has its place reserved, so it also bounds the rows that back off, and how much is held of an input that
/// fails row by row.
pub(super) const QUEUED_OUTCOMES: usize = 512;

/// How long outcomes gather after those of calls were written, before the next are. Measured: at 70,000 calls a second,
/// waking for each few costs a sixth of all processor time; a row that comes alone is written at once either way.
const GATHERING: Duration = Duration::from_millis(1);

/// How much may be held of rows that the disk has not yet said it keeps: then it is asked at once. Chosen by us: at 300
/// bytes a row and 70,000 calls a second it is not reached between two syncs.
const UNSYNCED_BYTES: usize = 8 * 1024 * 1024;

/// The one owner of the results and the counts.
pub(super) struct Recorder {
    results: ResultsWriter,
    monitor: Arc<dyn Monitor>,
    shutdown: Shutdown,
    /// The rows that the results keep, or that were handed to the monitor because they cannot.
    tally: Tally,
    unsynced: Unsynced,
    /// Whether the results can still be written, and whether somebody got a header with rows that they could not hold.
    mode: Mode,
    budget: Budget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Writing,
    /// The results are broken: rows that would be missed go to the monitor, with this before the next of them.
    Rescuing(WithHeader),
}

/// What was appended to the results since the disk last said that it keeps them.
#[derive(Debug, Default)]
struct Unsynced {
    /// Rows that would be missed.
    rows: Vec<Outcome>,
    /// About how much memory they take.
    bytes: usize,
    /// The counts of the others: a later run gives them their rows again.
    others: BTreeMap<Status, u64>,
}

impl Unsynced {
    fn take(&mut self, batch: &mut Vec<Outcome>) {
        for outcome in batch.drain(..) {
            if would_be_missed(&outcome) {
                self.bytes += size_of::<Outcome>() + outcome.row.cells.as_slice().len() + outcome.error.len();
                self.rows.push(outcome);
            } else {
                *self.others.entry(outcome.status).or_default() += 1;
            }
        }
    }
}

/// Whether nothing else tells what became of this row: calls were made for it, or may have been. Any other has a row
/// again as soon as a later run reads the input.
fn would_be_missed(outcome: &Outcome) -> bool {
    outcome.attempts > 0 || outcome.status.effect() == Effect::Possible
}

impl Recorder {
    /// `done` has the rows that the results hold already.
    pub(super) fn new(results: ResultsWriter, monitor: Arc<dyn Monitor>, shutdown: Shutdown, done: Summary) -> Self {
        let (unsynced, mode, budget) = (Unsynced::default(), Mode::Writing, Budget::default());
        Self { results, monitor, shutdown, tally: Tally::after(done), unsynced, mode, budget }
    }

    /// The same, giving back to `budget` what the rows took that it has recorded.
    pub(super) fn giving_back_to(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Records outcomes until there are no more. Blocks: it belongs on a thread of its own.
    /// When `feed_given_up` is dropped, nobody waits for what the feed may still send. Gives the counts of what the
    /// results keep, and of what was handed to the monitor because they cannot.
    pub(super) fn record(mut self, mut outcomes: Receiver<Outcome>, mut feed_given_up: oneshot::Receiver<()>) -> Tally {
        let mut batch = Vec::with_capacity(QUEUED_OUTCOMES);
        // A clock of its own: that of the calls is gone when a second signal gives the run up.
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
                    // Rows that were not sent come far faster than calls, and wait for nobody.
                    let has_calls = batch.iter().any(|outcome| outcome.calls > 0);
                    self.keep(&mut batch);
                    if has_calls {
                        // Within the block: a timer belongs to the runtime that is entered when it is made.
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

    /// Counts the rows that waited for the disk, for it keeps them.
    fn settle(&mut self) {
        let Unsynced { rows, others, .. } = std::mem::take(&mut self.unsynced);
        for outcome in &rows {
            self.tally.add(outcome);
        }
        for (status, rows) in others {
            self.tally.add_unsent(status, rows);
        }
    }

    /// Writes a batch down, or hands it to the monitor where that cannot be done.
    fn keep(&mut self, batch: &mut Vec<Outcome>) {
        self.budget.give_back(batch.iter().map(|outcome| &outcome.row));
        if self.mode == Mode::Writing {
            match self.results.append(batch) {
                Ok(()) => {
                    batch.iter().for_each(log);
                    self.monitor.recorded(batch);
                    self.unsynced.take(batch);
                    return;
                }
                Err(error) => {
                    self.give_up(&error);
                    // What was written before may be kept all the same.
                    self.sync();
                }
            }
        }
        self.rescue(std::mem::take(batch));
    }

    /// Hands the rows that would be missed to the monitor, and counts them. The others have no row until a later run
    /// gives them one.
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

    /// When the results have to be synced, if they need to be and can be.
    fn sync_due(&self) -> Option<Instant> {
        match self.mode {
            Mode::Writing if self.unsynced.bytes > UNSYNCED_BYTES => Some(Instant::now()),
            Mode::Writing => self.results.sync_due(),
            Mode::Rescuing(_) => None,
        }
    }

    /// Has the disk keep what was appended. What it does not keep is handed to the monitor.
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

    /// No further call may leave: its end could not be written down.
    fn give_up(&mut self, error: &io::Error) {
        let detail = format!("the results could not be written: {error}");
        // Said before the rows that follow: then whoever finds them on standard error knows what they are.
        self.shutdown.stop(Stop { reason: StopReason::ResultsUnwritable, detail });
        if self.mode == Mode::Writing {
            self.mode = Mode::Rescuing(WithHeader::Yes);
        }
    }
}

impl Drop for Recorder {
    /// However it ends, nobody may wait for it to give back anything more.
    fn drop(&mut self) {
        self.budget.close();
    }
}

/// Waits until a sync is due, or for ever.
async fn sleep_until_due(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Logs how a row ended. Here and not where it was called: standard error may block, and nothing blocks beside the calls.
fn log(outcome: &Outcome) {
    tracing::debug!(
        line = outcome.row.line,
        id = %outcome.invitation_id,
        status = outcome.status.word(),
        http_status = outcome.http_status,
        attempts = outcome.attempts,
        duration_ms = outcome.duration.as_millis(),
        error = outcome.error,
        "recorded"
    );
}

#[cfg(test)]
mod tests;
