//! The engine by itself: rows in, outcomes out, and an orderly end also where a part of it breaks.
//!
//! What a run waits out for minutes takes seconds here: see [`run_ahead`].

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use imocha_cancel::client::Client;
use imocha_cancel::config::{ApiKey, Config};
use imocha_cancel::engine::{self, Finished, InputEnd, Job, Threads};
use imocha_cancel::input::{self, ReadingOptions, RowReader};
use imocha_cancel::monitor::Monitor;
use imocha_cancel::outcome::{Outcome, Signal, Status, Stop, StopReason, Summary};
use imocha_cancel::results::{Existing, History, ResultsFile, ResultsWriter};
use imocha_cancel::shutdown::Shutdown;
use imocha_cancel::text::Scrubber;
use imocha_cancel::throttle::Throttle;
use tokio::sync::mpsc;
use tokio::time::{Instant, advance, pause, timeout};

use crate::canned::Canned;
use crate::support::{PATIENCE, Place, asked_for, column, sandbox};

/// How far the clock that runs ahead goes in one step of a millisecond.
const STEP: Duration = Duration::from_millis(25);
/// How many times as fast as real time that is, at the most.
const AHEAD: u32 = 25;

/// Remembers the lines of the rows that ended, and breaks at one of them.
#[derive(Debug, Default)]
struct Witness {
    lines: Mutex<Vec<u64>>,
    breaks_after: Option<usize>,
}

impl Monitor for Witness {
    fn recorded(&self, outcomes: &[Outcome]) {
        let mut lines = self.lines.lock().unwrap();
        lines.extend(outcomes.iter().map(|outcome| outcome.row.line));
        assert!(self.breaks_after.is_none_or(|most| lines.len() < most), "the witness has seen enough");
    }

    fn lost(&self, csv: &[u8]) {
        panic!("nothing is lost: {}", String::from_utf8_lossy(csv));
    }
}

/// A run over `input.csv` at this place.
fn job(place: &Place, base_url: &str, api_key: &str, witness: &Arc<Witness>, shutdown: &Shutdown) -> Job {
    let (file, survey) = input::survey_file(&place.path("input.csv"), &ReadingOptions::default()).unwrap();
    let reader = RowReader::from_file(file, survey.reading).unwrap();
    let results = ResultsFile::plan(place.path("input.results.csv"), Existing::Replace).unwrap();
    let api_key: ApiKey = api_key.parse().unwrap();
    let config = Config {
        base_url: base_url.parse().unwrap(),
        rate: "unlimited".parse().unwrap(),
        concurrency: "8".parse().unwrap(),
        timeout: "10m".parse().unwrap(),
    };
    let monitor: Arc<dyn Monitor> = Arc::<Witness>::clone(witness);
    Job {
        results: ResultsWriter::create(&results, reader.layout().clone(), &History::default()).unwrap(),
        reader,
        history: History::default(),
        journal: None,
        batch_rows: 16,
        client: Client::new(&config, &api_key, Vec::new()).unwrap(),
        throttle: Throttle::new(config.rate, Duration::from_secs(60), "5".parse().unwrap()),
        scrubber: Scrubber::new(api_key),
        concurrency: config.concurrency,
        max_duration: None,
        limit: None,
        threads: Threads::start().unwrap(),
        monitor,
        shutdown: shutdown.clone(),
    }
}

/// Runs a job to its end, and tells whether it broke.
fn run(job: Job) -> Result<Finished, ()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ended = timeout(PATIENCE, AssertUnwindSafe(engine::run(job)).catch_unwind()).await;
        ended.unwrap_or_else(|_late| panic!("the run hangs")).map_err(drop)
    })
}

/// The settings that say how long a run waits, and for what.
pub(crate) struct Settings {
    pub(crate) rate: &'static str,
    pub(crate) max_outage: Duration,
    pub(crate) max_attempts: &'static str,
}

/// Runs the engine over `input.csv` on four workers, by a clock that runs ahead of real time. Gives the counts, how the run was
/// stopped, and how long it took by that clock.
pub(crate) fn run_ahead(
    place: &Place,
    server: &Canned,
    settings: &Settings,
) -> (Summary, Option<StopReason>, Duration) {
    let (witness, shutdown) = (Arc::new(Witness::default()), Shutdown::default());
    let throttle =
        Throttle::new(settings.rate.parse().unwrap(), settings.max_outage, settings.max_attempts.parse().unwrap());
    let job =
        Job { throttle, concurrency: "4".parse().unwrap(), ..job(place, &server.base_url, "key", &witness, &shutdown) };
    let (finished, elapsed) = ahead(engine::run(job));
    (finished.tally.all_runs, shutdown.reason().map(|stop| stop.reason), elapsed)
}

/// Does something by a clock that runs ahead of real time, and tells how long it took by that clock.
pub(crate) fn ahead<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        pause();
        let begun = Instant::now();
        let done = tokio::select! {
            ended = timeout(PATIENCE * AHEAD, work) => ended.unwrap_or_else(|_late| panic!("it hangs")),
            () = run_the_clock_ahead() => panic!("the clock stands"),
        };
        (done, begun.elapsed())
    })
}

/// Moves the paused clock on by a step each millisecond, and less often on a busy machine. By itself it would jump to the next
/// timer whenever no task is ready, also while a real answer is on its way; it does not as long as the runtime has a thread
/// at work.
async fn run_the_clock_ahead() {
    let (tick, mut ticks) = mpsc::channel(1);
    let ticking = tokio::task::spawn_blocking(move || {
        while tick.blocking_send(()).is_ok() {
            thread::park_timeout(STEP / AHEAD);
        }
    });
    while ticks.recv().await.is_some() {
        advance(STEP).await;
    }
    ticking.await.unwrap();
}

fn input(rows: u64) -> Place {
    Place::with_input((1..=rows).fold("id\n".to_owned(), |text, id| format!("{text}{id}01\n")))
}

#[test]
fn each_row_ends_once_and_is_told_to_who_watches() {
    let (server, place) = (sandbox(), input(300));
    let (witness, shutdown) = (Arc::new(Witness::default()), Shutdown::default());
    let finished = run(job(&place, &server.base_url(), server.api_key(), &witness, &shutdown)).unwrap();
    assert_eq!((finished.tally.all_runs.count(Status::Cancelled), finished.input), (300, InputEnd::Reached));
    let told: BTreeSet<u64> = witness.lines.lock().unwrap().iter().copied().collect();
    assert_eq!((told.len(), witness.lines.lock().unwrap().len()), (300, 300));
    assert_eq!(place.results().len(), 300);
    assert!(shutdown.reason().is_none());
}

#[test]
fn a_run_that_is_stopped_before_its_first_row_sends_nothing_and_gives_each_row_its_result() {
    let (server, place) = (sandbox(), input(100));
    let (witness, shutdown) = (Arc::new(Witness::default()), Shutdown::default());
    shutdown.stop(Stop { reason: StopReason::Interrupted(Signal::Terminate), detail: "asked to".to_owned() });
    let finished = run(job(&place, &server.base_url(), server.api_key(), &witness, &shutdown)).unwrap();
    assert_eq!(finished.tally.all_runs.count(Status::NotAttempted), 100);
    assert!(asked_for(&server).is_empty());
    assert_eq!(column(&place.results(), "status"), ["not_attempted"; 100]);
}

#[test]
fn a_part_that_breaks_ends_the_run_and_what_was_recorded_stays() {
    let (server, place) = (sandbox(), input(2000));
    let witness = Arc::new(Witness { breaks_after: Some(50), ..Witness::default() });
    let shutdown = Shutdown::default();
    assert!(
        run(job(&place, &server.base_url(), server.api_key(), &witness, &shutdown)).is_err(),
        "the panic is passed on"
    );
    assert_eq!(shutdown.reason().map(|stop| stop.reason), Some(StopReason::Bug));
    let results = place.results();
    assert!(results.len() >= 50 && asked_for(&server).len() < 2000, "no further call leaves");
    assert!(column(&results, "status").iter().all(|&status| status == "cancelled"));
}
