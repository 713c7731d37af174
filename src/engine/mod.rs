//! Runs the job: each row goes from the reader through a worker to the recorder. It goes back to the queue only to be
//! tried again.
//!
//! ```text
//! feed (thread) ──eligible rows──▶ queue ──▶ workers (tasks) ──outcomes──▶ record (thread)
//!       │                            ▲──backs off──┘                             ▲
//!       └────────────────rows that are not sent, outcomes at once────────────────┘
//! ```
//!
//! There is one worker for each call that may be in flight. All channels are bounded, so that a slow disk slows the
//! calls down, and a slow API slows the reading down. Reading and writing block, so each has its own thread. The
//! workers share one more thread, on which nothing blocks, so that time-outs fire in time.

mod budget;
mod feed;
mod first_answers;
mod lists;
mod pool;
mod queue;
mod record;
mod threads;
mod trial;

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use self::budget::Budget;
use self::feed::Feed;
pub use self::feed::InputEnd;
use self::first_answers::FirstAnswers;
pub use self::lists::{Lister, Unread};
use self::pool::Pool;
pub use self::queue::SharedJournal;
use self::queue::{InputKind, RowQueue};
use self::record::{QUEUED_OUTCOMES, Recorder};
pub use self::threads::Threads;
use crate::client::Client;
use crate::clock::Stopwatch;
use crate::config::{Concurrency, length_of_time};
use crate::input::RowReader;
use crate::monitor::Monitor;
use crate::outcome::{Stop, StopReason, Tally};
use crate::results::{History, ResultsWriter};
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::Throttle;

/// Batches of eligible rows that wait for a worker: the one in use, and the next.
const QUEUED_BATCHES: usize = 2;
/// How long a stopped run goes on reading a stream, so that the rows that are there already get their results. A file
/// that is piped in can be read in that time; a stream that is idle is not waited for.
const READING_ON: Duration = Duration::from_millis(500);

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// The counts of what the results hold, and of what this run added to them.
    pub tally: Tally,
    /// Whether every row of the input was read.
    pub input: InputEnd,
}

/// The most rows that the workers get, and the journal reserves, at once. At 40,000 calls a second, one sync of the
/// disk for 1,024 calls is not felt. A crash leaves at most these rows in doubt, besides the rows that were backing
/// off.
const MAX_BATCH_ROWS: usize = 1024;

/// One run, with everything that it owns.
#[derive(Debug)]
pub struct Job {
    /// The rows of the input.
    pub reader: RowReader,
    /// What earlier runs left about them.
    pub history: History,
    /// Records on the disk which rows may be sent; `None` if no later run can resume this one.
    pub journal: Option<SharedJournal>,
    /// How many rows the journal reserves at once: as many as can be sent in a tenth of a second, but at least as many
    /// as there may be calls in flight.
    pub batch_rows: usize,
    /// Writes the outcomes of the rows.
    pub results: ResultsWriter,
    /// Calls the API.
    pub client: Client,
    /// Decides when the next call may start.
    pub throttle: Throttle,
    /// Makes the server's text safe to store and show.
    pub scrubber: Scrubber,
    /// The most calls in flight.
    pub concurrency: Concurrency,
    /// The time after which no more calls start.
    pub max_duration: Option<Duration>,
    /// The most rows to send; the others are not attempted.
    pub limit: Option<u64>,
    /// The threads for reading and writing, which block.
    pub threads: Threads,
    /// Receives the progress of the run.
    pub monitor: Arc<dyn Monitor>,
    /// The switch that ends the run early.
    pub shutdown: Shutdown,
}

/// Runs the job to its end. Every row that the run read has its row in the results, or was handed to the monitor as
/// lost. `shutdown` tells whether and why the run stopped early.
///
/// # Panics
///
/// If a part of the run panicked: the panic is passed on after the other parts have ended in order.
pub async fn run(job: Job) -> Finished {
    let source = if job.reader.is_stream() { InputKind::Stream } else { InputKind::File };
    let budget = Budget::default();
    let (rows_tx, rows_rx) = mpsc::channel(QUEUED_BATCHES);
    let (outcomes_tx, outcomes_rx) = mpsc::channel(QUEUED_OUTCOMES + job.concurrency.get());

    let done = job.history.summary().clone();
    let (feed_given_up_tx, feed_given_up) = oneshot::channel();
    let recorder = Recorder::new(job.results, Arc::clone(&job.monitor), job.shutdown.clone(), done.clone());
    let recorder = recorder.giving_back_to(budget.clone());
    let recording = job.threads.record.begin(move || recorder.record(outcomes_rx, feed_given_up));

    let feed = Feed {
        history: job.history,
        batch_rows: job.batch_rows.clamp(job.concurrency.get(), MAX_BATCH_ROWS),
        limit: job.limit,
        rows: rows_tx,
        outcomes: outcomes_tx.clone(),
        budget,
        shutdown: job.shutdown.clone(),
    };
    let reader = job.reader;
    let feeding = job.threads.feed.begin(move || feed.run(reader));

    let pool = Arc::new(Pool {
        queue: RowQueue::new(rows_rx, source, job.journal, outcomes_tx),
        client: job.client,
        throttle: job.throttle,
        scrubber: job.scrubber,
        monitor: job.monitor,
        shutdown: job.shutdown.clone(),
        first_answers: FirstAnswers::after(&done),
    });
    let mut workers = JoinSet::new();
    for _ in 0..job.concurrency.get() {
        let pool = Arc::clone(&pool);
        workers.spawn(async move { pool.work().await });
    }
    let deadline = tokio::spawn(stop_after(job.max_duration, job.shutdown));
    // The pool holds a sender and a receiver. The recorder ends when its last sender is dropped, and the feed when its
    // last receiver is.
    drop(pool);

    let mut panicked = Vec::new();
    while let Some(joined) = workers.join_next().await {
        // The workers are never aborted, so a join fails only for a panic.
        panicked.extend(joined.err().and_then(|error| JoinError::try_into_panic(error).ok()));
    }
    deadline.abort();
    let fed = fed(feeding, source).await;
    if fed.is_none() {
        // The feed still holds a sender of outcomes, perhaps for ever. This tells the recorder not to wait for it.
        drop(feed_given_up_tx);
    }
    let input = match fed {
        Some(Ok(input)) => input,
        Some(Err(panic)) => {
            panicked.push(panic);
            InputEnd::NotReached
        }
        None => InputEnd::NotReached,
    };
    match recording.await {
        Ok(Ok(tally)) if panicked.is_empty() => Finished { tally, input },
        Ok(Ok(_)) | Err(_) => unwind(panicked),
        Ok(Err(panic)) => resume_unwind(panic),
    }
}

/// Waits for the feed to end, after all rows that it handed over have ended. If the feed of a stream has not ended by
/// then, the run was stopped: it gets [`READING_ON`], and `None` means that it did not end in that time.
async fn fed(
    feeding: oneshot::Receiver<thread::Result<InputEnd>>,
    source: InputKind,
) -> Option<thread::Result<InputEnd>> {
    match source {
        InputKind::File => feeding.await.ok(),
        InputKind::Stream => timeout(READING_ON, feeding).await.ok()?.ok(),
    }
}

/// How often the time is checked. One long timer is not enough: while the machine sleeps, timers stand still, and
/// afterwards they fire late.
const LOOK: Duration = Duration::from_secs(5);

/// Stops the run when its time is over. Time during which the machine sleeps counts.
async fn stop_after(max_duration: Option<Duration>, shutdown: Shutdown) {
    if let Some(max_duration) = max_duration {
        let (by_the_timers, by_the_machine) = (Instant::now(), Stopwatch::start());
        loop {
            let elapsed = by_the_timers.elapsed().max(by_the_machine.elapsed());
            let left = max_duration.saturating_sub(elapsed);
            if left.is_zero() {
                break;
            }
            sleep(left.min(LOOK)).await;
        }
        let detail = format!("the time for the run is over (--max-duration {})", length_of_time(max_duration));
        shutdown.stop(Stop { reason: StopReason::Deadline, detail });
    }
}

/// Passes on the first panic.
fn unwind(panicked: Vec<Box<dyn Any + Send>>) -> ! {
    let panic = panicked.into_iter().next();
    resume_unwind(panic.unwrap_or_else(|| Box::new("a part of the run was aborted")))
}
