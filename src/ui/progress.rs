//! How far a run is: a bar on a terminal, a plain line now and then elsewhere. It shows what the results hold.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressDrawTarget, ProgressStyle as BarStyle};

use crate::monitor::Monitor;
use crate::outcome::{Outcome, Status, Summary};
use crate::ui::console::{Console, ProgressStyle};

/// Times a second that the bar is drawn: smooth to the eye, and no cost beside the calls.
const BAR_HERTZ: u8 = 10;
/// The time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    console: Console,
    /// A lock, because rows are counted by the thread that records them, and lines are said by another.
    counts: Mutex<Counts>,
    lost_rows: AtomicBool,
}

#[derive(Debug)]
struct Counts {
    summary: Summary,
    /// Rows for which a call was made.
    tried: u64,
    /// How many of them there will be, where that is known.
    total: Option<u64>,
    started: Instant,
}

/// Says a line now and then, until it is dropped.
#[derive(Debug)]
pub struct Lines {
    _end: Option<SyncSender<()>>,
}

impl Progress {
    /// Begins to show a run that tries `total` invitations; `None` where nobody knows how many will come. The
    /// results hold `done` already.
    pub fn start(console: &Console, total: Option<u64>, done: Summary) -> Self {
        let counts = Counts { summary: done, tried: 0, total, started: Instant::now() };
        let progress = Self { console: console.clone(), counts: Mutex::new(counts), lost_rows: AtomicBool::new(false) };
        if progress.console.progress == ProgressStyle::Bar {
            progress.start_bar(total);
        }
        progress
    }

    /// Says how far the run is every now and then, where there is no bar. From a thread of its own, for standard error
    /// may block.
    pub fn say_lines(self: &Arc<Self>) -> Lines {
        if self.console.progress != ProgressStyle::Lines {
            return Lines { _end: None };
        }
        let (end, ended) = sync_channel(0);
        let progress = Arc::clone(self);
        thread::spawn(move || {
            while ended.recv_timeout(LINE_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                progress.console.say(&format!("{}\n", progress.counts().line()));
            }
        });
        Lines { _end: Some(end) }
    }

    /// Whether rows were printed that the results could not take.
    pub fn has_lost_rows(&self) -> bool {
        self.lost_rows.load(Ordering::Relaxed)
    }

    /// What has been recorded so far.
    pub fn summary(&self) -> Summary {
        self.counts().summary.clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_bar(&self, total: Option<u64>) {
        // The message is cut at the edge of the terminal.
        let template = if total.is_some() { "{bar:20} {wide_msg}" } else { "{spinner} {wide_msg}" };
        let style = BarStyle::with_template(template).unwrap_or_else(|_wrong| BarStyle::default_bar());
        self.console.bar.set_style(style.progress_chars("=> "));
        if let Some(total) = total {
            self.console.bar.set_length(total);
        }
        self.console.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(BAR_HERTZ));
        self.console.bar.enable_steady_tick(Duration::from_secs(1) / u32::from(BAR_HERTZ));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.console.bar.disable_steady_tick();
        self.console.bar.finish_and_clear();
    }
}

impl Monitor for Progress {
    fn recorded(&self, outcomes: &[Outcome]) {
        let mut counts = self.counts();
        for outcome in outcomes {
            counts.summary.add(outcome);
            counts.tried += u64::from(outcome.calls > 0);
        }
        if self.console.progress == ProgressStyle::Bar {
            self.console.bar.set_position(counts.tried);
            self.console.bar.set_message(counts.line());
        }
    }

    fn lost(&self, csv: &[u8]) {
        self.lost_rows.store(true, Ordering::Relaxed);
        self.console.bar.suspend(|| {
            // This was the last place for these rows; there is no other to complain at.
            drop(io::stderr().lock().write_all(csv));
        });
    }
}

impl Counts {
    /// The run in one line, what matters first, for the line is cut at the edge of a terminal:
    /// `1,200 of 6,000; 4.9 calls/s, 16m left; 1,198 cancelled, 2 not_found`.
    fn line(&self) -> String {
        let so_far = match self.total {
            Some(total) => format!("{} of {}", HumanCount(self.tried), HumanCount(total)),
            None => HumanCount(self.tried).to_string(),
        };
        let elapsed = self.started.elapsed();
        let mut parts = vec![so_far];
        if self.tried > 0 {
            #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
            let per_second = self.summary.calls().saturating_sub(1) as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
            let left = self.time_left(elapsed).map(|left| format!(", {left:#} left"));
            parts.push(format!("{per_second:.1} calls/s{}", left.unwrap_or_default()));
        }
        let counts: Vec<String> = Status::ALL
            .iter()
            .map(|&status| (status, self.summary.count(status)))
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| format!("{} {status}", HumanCount(count)))
            .collect();
        if !counts.is_empty() {
            parts.push(counts.join(", "));
        }
        parts.join("; ")
    }

    /// The time that the rest takes if it goes on as it went so far.
    fn time_left(&self, elapsed: Duration) -> Option<HumanDuration> {
        let left = self.total?.saturating_sub(self.tried);
        let nanos = elapsed.as_nanos().checked_mul(u128::from(left))?.checked_div(u128::from(self.tried))?;
        Some(HumanDuration(Duration::from_nanos(u64::try_from(nanos).ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(Status, u64)], tried: u64, total: Option<u64>, elapsed: Duration) -> Counts {
        let mut summary = Summary::new();
        for &(status, count) in rows {
            summary.add_unsent(status, count);
        }
        Counts { summary, tried, total, started: Instant::now().checked_sub(elapsed).unwrap() }
    }

    #[test]
    fn the_line_says_how_far_and_how_long_still_before_the_counts() {
        let rows = [(Status::NotFound, 2), (Status::Cancelled, 1198), (Status::Filtered, 50)];
        let line = counts(&rows, 1200, Some(6000), Duration::from_secs(240)).line();
        assert_eq!(line, "1,200 of 6,000; 0.0 calls/s, 16m left; 1,198 cancelled, 2 not_found, 50 filtered");
    }

    #[test]
    fn nobody_knows_the_end_of_a_stream_and_nothing_is_said_of_a_start() {
        let line = counts(&[(Status::Cancelled, 3)], 3, None, Duration::from_secs(2)).line();
        assert_eq!(line, "3; 0.0 calls/s; 3 cancelled");
        assert_eq!(counts(&[], 0, Some(7), Duration::ZERO).line(), "0 of 7");
    }
}
