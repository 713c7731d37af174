//! Shows how far a run is: a bar on a terminal, or else a plain line now and then. It shows only what the results hold.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration};
use serde_json::{Map, Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::clock::Stopwatch;
use crate::invitation::InvitationId;
use crate::monitor::{Monitor, Traffic};
use crate::outcome::{Outcome, Summary, Tally};
use crate::throttle::{FoundPace, Stage};
use crate::ui::bar::Frame;
use crate::ui::console::{Console, ProgressStyle};
use crate::ui::log_event::LogEvent;

/// The time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    console: Console,
    /// A lock, because rows are counted by the thread that records them, and shown by others.
    counts: Arc<Mutex<Counts>>,
    /// Rows for which a call was made and that are not in the results yet, by line. A lock, for the same reason.
    under_way: Mutex<BTreeMap<u64, InvitationId>>,
    ended: CancellationToken,
    lost_rows: AtomicBool,
}

#[derive(Debug)]
struct Counts {
    tally: Tally,
    /// Rows for which a call was made.
    tried: u64,
    /// How many such rows there will be, if that is known.
    total: Option<u64>,
    started: Stopwatch,
    traffic: Traffic,
    /// The pace, where it is being found.
    found: Option<FoundPace>,
}

impl Progress {
    /// Begins to show a run that tries `total` invitations; `None` if their number is not known. `done` counts what the
    /// results hold already.
    pub fn start(console: &Console, total: Option<u64>, done: Summary) -> Self {
        let counts = Counts {
            tally: Tally::after(done),
            tried: 0,
            total,
            started: Stopwatch::start(),
            traffic: Traffic::Flowing,
            found: None,
        };
        let counts = Arc::new(Mutex::new(counts));
        if console.progress == ProgressStyle::Bar {
            let shown = Arc::clone(&counts);
            let now = Arc::new(move || {
                let counts = lock(&shown);
                (counts.tried, counts.line())
            });
            console.show(Some(Frame { total, now }));
        }
        let (under_way, ended) = (Mutex::default(), CancellationToken::new());
        Self { console: console.clone(), counts, under_way, ended, lost_rows: AtomicBool::new(false) }
    }

    /// If there is no bar, shows a line now and then. Never ends.
    pub async fn say_lines(&self) -> Infallible {
        if self.console.progress != ProgressStyle::Lines {
            std::future::pending::<Infallible>().await;
        }
        loop {
            sleep(LINE_INTERVAL).await;
            if self.console.has_events() {
                self.console.log(&lock(&self.counts).event());
            } else {
                let line = lock(&self.counts).line();
                self.console.say(&format!("{line}\n"));
            }
        }
    }

    /// Whether rows were printed because they could not be written to the results.
    pub fn has_lost_rows(&self) -> bool {
        self.lost_rows.load(Ordering::Relaxed)
    }

    /// The rows for which a call was made and that are not in the results, each with its line.
    pub fn under_way(&self) -> Vec<(u64, InvitationId)> {
        lock(&self.under_way).iter().map(|(&line, &id)| (line, id)).collect()
    }

    /// Waits until no further row will be recorded.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// The counts of what the results hold so far.
    pub fn tally(&self) -> Tally {
        lock(&self.counts).tally.clone()
    }

    /// Shows this pace from now on; `None` where none is being found.
    pub fn pace(&self, found: Option<FoundPace>) {
        lock(&self.counts).found = found;
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.console.show(None);
    }
}

fn lock<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Monitor for Progress {
    fn called(&self, line: u64, id: InvitationId) {
        lock(&self.under_way).insert(line, id);
    }

    fn ended(&self) {
        self.ended.cancel();
    }

    fn recorded(&self, outcomes: &[Outcome]) {
        let mut under_way = lock(&self.under_way);
        for outcome in outcomes.iter().filter(|outcome| outcome.calls > 0) {
            under_way.remove(&outcome.row.line);
        }
        drop(under_way);
        let mut counts = lock(&self.counts);
        for outcome in outcomes {
            counts.tally.add(outcome);
            counts.tried += u64::from(outcome.calls > 0);
        }
    }

    fn lost(&self, csv: &[u8]) {
        self.lost_rows.store(true, Ordering::Relaxed);
        self.console.keep(csv);
    }

    fn traffic(&self, traffic: Traffic) {
        lock(&self.counts).traffic = traffic;
    }
}

impl Counts {
    /// The state of the run in one line. The most important part comes first, because the line is cut at the edge of a
    /// terminal:
    fn line(&self) -> String {
        self.line_after(self.started.elapsed())
    }

    /// The same for scripts.
    fn event(&self) -> LogEvent {
        let rows: Map<String, Value> =
            self.tally.all_runs.present().map(|(status, count)| (status.word().to_owned(), count.into())).collect();
        let traffic = match self.traffic {
            Traffic::Flowing => "flowing",
            Traffic::Paused { .. } => "paused",
            Traffic::Down => "down",
        };
        let fields = json!({
            "tried": self.tried,
            "to_try": self.total,
            "calls": self.tally.this_run.calls(),
            "traffic": traffic,
            "rows": rows,
        });
        LogEvent::new(Level::INFO, "progress", "the run goes on", fields)
    }

    fn line_after(&self, elapsed: Duration) -> String {
        let so_far = match self.total {
            Some(total) => format!("{} of {}", HumanCount(self.tried), HumanCount(total)),
            None => HumanCount(self.tried).to_string(),
        };
        let mut parts = vec![so_far];
        parts.extend(self.interruption());
        if self.tried > 0 {
            let left = self.time_left(elapsed).map(|left| format!(", {left:#} left"));
            parts.push(format!("{}{}", self.pace(elapsed), left.unwrap_or_default()));
        }
        let present = self.tally.all_runs.present();
        let counts: Vec<String> = present.map(|(status, count)| format!("{} {status}", HumanCount(count))).collect();
        if !counts.is_empty() {
            parts.push(counts.join(", "));
        }
        parts.join("; ")
    }

    /// Why no calls start at present, if so.
    fn interruption(&self) -> Option<String> {
        match self.traffic {
            Traffic::Flowing => None,
            Traffic::Paused { until } => {
                let left = until.saturating_duration_since(Instant::now());
                let seconds = Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
                // A pause ends by itself, without a message to the monitor.
                (!left.is_zero()).then(|| format!("pause (429), {} left", humantime::format_duration(seconds)))
            }
            Traffic::Down => Some("iMocha is not answering, all calls wait".to_owned()),
        }
    }

    /// The pace of the calls: as it is being found, or as it was so far.
    fn pace(&self, elapsed: Duration) -> String {
        if let Some(FoundPace { per_second, is_at_ceiling, stage, limited, .. }) = self.found {
            let why = match stage {
                Stage::Holding | Stage::Probing if is_at_ceiling => "at the ceiling",
                Stage::Starting | Stage::Searching => "finding the limit",
                Stage::Holding if limited == 0 => "as an earlier run found",
                Stage::Holding => "at the limit",
                Stage::Probing => "trying a little more",
            };
            return format!("{per_second:.1}/s, {why}");
        }
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
        let per_second = self.tally.this_run.calls().saturating_sub(1) as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        format!("{per_second:.1} calls/s")
    }

    /// The time left if the rest goes as fast as before.
    fn time_left(&self, elapsed: Duration) -> Option<HumanDuration> {
        let left = self.total?.saturating_sub(self.tried);
        let nanos = elapsed.as_nanos().checked_mul(u128::from(left))?.checked_div(u128::from(self.tried))?;
        Some(HumanDuration(Duration::from_nanos(u64::try_from(nanos).ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Status;

    fn counts(rows: &[(Status, u64)], tried: u64, total: Option<u64>) -> Counts {
        let mut summary = Summary::new();
        for &(status, count) in rows {
            summary.add_unsent(status, count);
        }
        let started = Stopwatch::start();
        Counts { tally: Tally::after(summary), tried, total, started, traffic: Traffic::Flowing, found: None }
    }

    #[test]
    fn the_line_says_how_far_and_how_long_still_before_the_counts() {
        let rows = [(Status::NotFound, 2), (Status::Cancelled, 1198), (Status::Filtered, 50)];
        let line = counts(&rows, 1200, Some(6000)).line_after(Duration::from_secs(240));
        assert_eq!(line, "1,200 of 6,000; 0.0 calls/s, 16m left; 1,198 cancelled, 2 not_found, 50 filtered");
    }

    #[test]
    fn nobody_knows_the_end_of_a_stream_and_nothing_is_said_of_a_start() {
        let line = counts(&[(Status::Cancelled, 3)], 3, None).line_after(Duration::from_secs(2));
        assert_eq!(line, "3; 0.0 calls/s; 3 cancelled");
        assert_eq!(counts(&[], 0, Some(7)).line_after(Duration::ZERO), "0 of 7");
    }

    #[test]
    fn an_outage_and_a_pause_are_shown_and_a_pause_ends_by_itself() {
        let line = |traffic| Counts { traffic, ..counts(&[], 2, Some(7)) }.line_after(Duration::ZERO);
        let now = Instant::now();
        assert!(line(Traffic::Down).starts_with("2 of 7; iMocha is not answering, all calls wait; "));
        let paused = line(Traffic::Paused { until: now + Duration::from_secs(90) });
        assert!(paused.starts_with("2 of 7; pause (429), 1m 30s left; "), "{paused}");
        assert!(!line(Traffic::Paused { until: now }).contains("pause"));
        assert!(!line(Traffic::Flowing).contains("wait"));
    }

    #[test]
    fn a_pace_that_is_being_found_is_shown_with_the_reason_for_it() {
        let line = |stage, is_at_ceiling, limited| {
            let found = Some(FoundPace { per_second: 18.24, is_at_ceiling, stage, learned: None, limited });
            Counts { found, ..counts(&[], 2, Some(7)) }.line_after(Duration::ZERO)
        };
        for (stage, is_at_ceiling, limited, why) in [
            (Stage::Starting, false, 0, "finding the limit"),
            (Stage::Searching, false, 3, "finding the limit"),
            (Stage::Holding, false, 3, "at the limit"),
            (Stage::Holding, false, 0, "as an earlier run found"),
            (Stage::Holding, true, 0, "at the ceiling"),
            (Stage::Holding, true, 3, "at the ceiling"),
            (Stage::Probing, false, 3, "trying a little more"),
        ] {
            let line = line(stage, is_at_ceiling, limited);
            assert!(line.starts_with(&format!("2 of 7; 18.2/s, {why}, ")), "{line}");
        }
    }
}
