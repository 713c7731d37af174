//! The order of things: a row walks from the reader through a worker to the recorder, and turns back only to be tried
//! again.
//!
//! ```text
//! feed (thread) ──eligible rows──▶ queue ──▶ workers (tasks) ──outcomes──▶ record (thread)
//!       │                            ▲──backs off──┘                             ▲
//!       └────────────────rows that are not sent, outcomes at once────────────────┘
//! ```
//!
//! There are as many workers as calls may be in flight. All channels are bounded, so that a slow disk slows the calls and a
//! slow API slows the reading. Reading and writing block, so each has a thread; the workers share one more, on which
//! nothing blocks, so that time-outs are true.

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
use crate::config::Concurrency;
use crate::input::RowReader;
use crate::monitor::Monitor;
use crate::outcome::{Stop, StopReason, Tally};
use crate::results::{History, ResultsWriter};
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::Throttle;

/// Batches of eligible rows that wait for a worker: one in use and one behind it.
const QUEUED_BATCHES: usize = 2;
/// How long a stopped run goes on reading a stream, so that the rows that are there have their results: a file that is
/// piped in is read in that time. Nobody waits for a stream that is idle.
const READING_ON: Duration = Duration::from_millis(500);

/// What came of a run.
#[derive(Debug)]
pub struct Finished {
    /// What the results hold, and what of it this run added.
    pub tally: Tally,
    /// Whether every row of the input was read.
    pub input: InputEnd,
}

/// The most rows that are handed over and reserved at once: one sync of the disk for so many calls is not felt at 40,000
/// calls a second, and a crash leaves no more in doubt, besides what backs off.
const MAX_BATCH_ROWS: usize = 1024;

/// One run, with everything that it owns.
#[derive(Debug)]
pub struct Job {
    /// The rows of the input.
    pub reader: RowReader,
    /// What earlier runs did for them.
    pub history: History,
    /// What says durably which rows may be sent, where a later run is to go on.
    pub journal: Option<SharedJournal>,
    /// How many rows are reserved in the journal at once: what can be sent in a tenth of a second. The concurrency is the
    /// least.
    pub batch_rows: usize,
    /// Where their ends are written.
    pub results: ResultsWriter,
    /// What calls the API.
    pub client: Client,
    /// What keeps the calls to the rate.
    pub throttle: Throttle,
    /// What cleans the server's text.
    pub scrubber: Scrubber,
    /// The most calls in flight.
    pub concurrency: Concurrency,
    /// How long calls may start.
    pub max_duration: Option<Duration>,
    /// The most rows to send; the rest is not attempted.
    pub limit: Option<u64>,
    /// The threads for what blocks.
    pub threads: Threads,
    /// Who watches.
    pub monitor: Arc<dyn Monitor>,
    /// The switch that ends the run early.
    pub shutdown: Shutdown,
}

/// Runs the job to its end: every row of the input has its row in the results, or was handed to the monitor as lost.
/// Whether and why it stopped early, `shutdown` tells.
///
/// # Panics
///
/// Where a part of it panicked, after the other parts have ended in order.
pub async fn run(job: Job) -> Finished {
    let source = if job.reader.is_stream() { InputKind::Stream } else { InputKind::File };
    let budget = Budget::default();
    let (rows_tx, rows_rx) = mpsc::channel(QUEUED_BATCHES);
    let (outcomes_tx, outcomes_rx) = mpsc::channel(QUEUED_OUTCOMES + job.concurrency.get());

    let done = job.history.summary().clone();
    let (feed_given_up_tx, feed_given_up) = oneshot::channel();
    let recorder = Recorder::new(job.results, job.monitor, job.shutdown.clone(), done.clone());
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
        shutdown: job.shutdown.clone(),
        first_answers: FirstAnswers::after(&done),
    });
    let mut workers = JoinSet::new();
    for _ in 0..job.concurrency.get() {
        let pool = Arc::clone(&pool);
        workers.spawn(async move { pool.work().await });
    }
    let deadline = tokio::spawn(stop_after(job.max_duration, job.shutdown));
    // The recorder ends when the last sender is gone, and the feed when the last receiver is.
    drop(pool);

    let mut panicked = Vec::new();
    while let Some(joined) = workers.join_next().await {
        // Our tasks are never aborted, so a join fails for no other reason.
        panicked.extend(joined.err().and_then(|error| JoinError::try_into_panic(error).ok()));
    }
    deadline.abort();
    let fed = fed(feeding, source).await;
    if fed.is_none() {
        // The feed still has a place to send outcomes to, and perhaps will have for ever.
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

/// Waits for the end of the feed, when all rows that it handed over have ended. Before that a stream ends only when the run
/// is stopped, and then it is not waited for.
async fn fed(
    feeding: oneshot::Receiver<thread::Result<InputEnd>>,
    source: InputKind,
) -> Option<thread::Result<InputEnd>> {
    match source {
        InputKind::File => feeding.await.ok(),
        InputKind::Stream => timeout(READING_ON, feeding).await.ok()?.ok(),
    }
}

/// How often the time is looked at: the timers of a machine that slept go late, and stand still while it sleeps.
const LOOK: Duration = Duration::from_secs(5);

/// Stops the run when its time is over, sleep of the machine included.
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
        let detail =
            format!("the time for the run is over (--max-duration {})", humantime::format_duration(max_duration));
        shutdown.stop(Stop { reason: StopReason::Deadline, detail });
    }
}

/// Passes on the first panic.
fn unwind(panicked: Vec<Box<dyn Any + Send>>) -> ! {
    let panic = panicked.into_iter().next();
    resume_unwind(panic.unwrap_or_else(|| Box::new("a part of the run was aborted")))
}
