//! Writes down how each row ended, and only then counts it: the bar and the summary never show what the results do not
//! hold.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout_at};

use super::QUEUED_OUTCOMES;
use crate::monitor::Monitor;
use crate::outcome::{Outcome, Stop, StopReason, Summary};
use crate::results::ResultsWriter;
use crate::results::writer::Header;
use crate::shutdown::Shutdown;

/// How long outcomes gather after those of calls were written, before the next are. Measured: at 70,000 calls a second,
/// waking for each few costs a sixth of all processor time; a row that comes alone is written at once either way.
const GATHERING: Duration = Duration::from_millis(1);

/// The one owner of the results and the counts.
pub(super) struct Recorder {
    results: ResultsWriter,
    monitor: Arc<dyn Monitor>,
    shutdown: Shutdown,
    summary: Summary,
    /// Whether the results can still be written, and whether somebody got a header with rows that they could not hold.
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Writing,
    /// The results are broken: rows go to the monitor, with this before the next of them.
    Rescuing(Header),
}

impl Recorder {
    /// `summary` has the rows that the results hold already.
    pub(super) fn new(results: ResultsWriter, monitor: Arc<dyn Monitor>, shutdown: Shutdown, summary: Summary) -> Self {
        Self { results, monitor, shutdown, summary, state: State::Writing }
    }

    /// Records outcomes until there are no more. Blocks: it belongs on a thread of its own.
    pub(super) fn record(mut self, mut outcomes: Receiver<Outcome>) -> Summary {
        let mut batch = Vec::with_capacity(QUEUED_OUTCOMES);
        // A clock of its own: that of the calls is gone when a second signal gives the run up.
        let runtime = match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                self.give_up(&error);
                while outcomes.blocking_recv_many(&mut batch, QUEUED_OUTCOMES) > 0 {
                    self.keep(&mut batch);
                }
                return self.summary;
            }
        };
        loop {
            let received = runtime.block_on(async {
                let next = outcomes.recv_many(&mut batch, QUEUED_OUTCOMES);
                match self.sync_due() {
                    Some(due) => timeout_at(due.into(), next).await.ok(),
                    None => Some(next.await),
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
        self.summary
    }

    /// Writes a batch down, or hands it to the monitor where that cannot be done, and counts it.
    fn keep(&mut self, batch: &mut Vec<Outcome>) {
        if self.state == State::Writing
            && let Err(error) = self.results.append(batch)
        {
            self.give_up(&error);
        }
        match self.state {
            State::Writing => {
                batch.iter().for_each(log);
                self.monitor.recorded(batch);
            }
            State::Rescuing(header) => {
                match self.results.rescue(batch, header) {
                    Ok(csv) => self.monitor.lost(&csv),
                    Err(error) => tracing::error!(%error, "rows are lost"),
                }
                self.state = State::Rescuing(Header::No);
            }
        }
        batch.drain(..).for_each(|outcome| self.summary.add(&outcome));
    }

    /// When the results have to be synced, if they need to be and can be.
    fn sync_due(&self) -> Option<Instant> {
        match self.state {
            State::Writing => self.results.sync_due(),
            State::Rescuing(_) => None,
        }
    }

    fn sync(&mut self) {
        if let Err(error) = self.results.sync() {
            self.give_up(&error);
        }
    }

    /// No further call may leave: its end could not be written down.
    fn give_up(&mut self, error: &io::Error) {
        let detail = format!("the results could not be written: {error}");
        // Said before the rows that follow: then whoever finds them on standard error knows what they are.
        self.shutdown.stop(Stop { reason: StopReason::ResultsUnwritable, detail });
        self.state = State::Rescuing(Header::Yes);
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
