//! How far a run is: a bar on a terminal, a plain line now and then elsewhere. It shows what the results hold.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle as BarStyle};

use crate::monitor::Monitor;
use crate::outcome::{Outcome, Status};
use crate::ui::console::{Console, ProgressStyle};

/// Times a second that the bar is drawn: smooth to the eye, and no cost beside the calls.
const BAR_HERTZ: u8 = 10;
/// The time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    style: ProgressStyle,
    /// A lock, because rows are counted by the thread that records them, and lines are said by another.
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    rows: BTreeMap<Status, u64>,
    calls: u64,
    /// How many rows the input has, where that is known.
    total: Option<u64>,
    started: Instant,
}

impl Progress {
    /// Begins to show a run over `total` rows; `None` where nobody knows how many will come.
    pub fn start(console: &Console, total: Option<u64>) -> Self {
        let counts = Counts { rows: BTreeMap::new(), calls: 0, total, started: Instant::now() };
        let progress = Self { bar: console.bar.clone(), style: console.progress, counts: Mutex::new(counts) };
        if progress.style == ProgressStyle::Bar {
            progress.start_bar(total);
        }
        progress
    }

    fn start_bar(&self, total: Option<u64>) {
        // The message is cut at the edge of the terminal.
        let template = if total.is_some() { "{bar:20} {wide_msg}" } else { "{spinner} {wide_msg}" };
        let style = BarStyle::with_template(template).unwrap_or_else(|_wrong| BarStyle::default_bar());
        self.bar.set_style(style.progress_chars("=> "));
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(BAR_HERTZ));
        self.bar.enable_steady_tick(Duration::from_secs(1) / u32::from(BAR_HERTZ));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    /// Waits for ever, and says how far the run is now and then, where there is no bar.
    pub async fn say_lines(&self, console: &Console) -> Infallible {
        if self.style != ProgressStyle::Lines {
            return std::future::pending().await;
        }
        let mut interval = tokio::time::interval(LINE_INTERVAL);
        interval.tick().await;
        loop {
            interval.tick().await;
            let line = self.counts.lock().unwrap_or_else(PoisonError::into_inner).line();
            console.say(&format!("{line}\n"));
        }
    }
}

impl Monitor for Progress {
    fn recorded(&self, outcomes: &[Outcome]) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in outcomes {
            *counts.rows.entry(outcome.status).or_default() += 1;
            counts.calls += outcome.attempts();
        }
        if self.style == ProgressStyle::Bar {
            self.bar.set_position(counts.done());
            self.bar.set_message(counts.line());
        }
    }

    fn lost(&self, csv: &[u8]) {
        self.bar.suspend(|| {
            // This was the last place for these rows; there is no other to complain at.
            drop(io::stderr().lock().write_all(csv));
        });
    }
}

impl Counts {
    fn done(&self) -> u64 {
        self.rows.values().sum()
    }

    /// The run in one line: `120 of 5,000 rows: 118 cancelled, 2 not_found; 4.9 calls/s, 16m left`.
    fn line(&self) -> String {
        let done = self.done();
        let rows = match self.total {
            Some(total) => format!("{} of {} rows", HumanCount(done), HumanCount(total)),
            None => format!("{} rows", HumanCount(done)),
        };
        if done == 0 {
            return rows;
        }
        let counts: Vec<String> =
            self.rows.iter().map(|(status, count)| format!("{} {status}", HumanCount(*count))).collect();
        let elapsed = self.started.elapsed();
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
        let per_second = self.calls.saturating_sub(1) as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        let left = self.time_left(done, elapsed).map(|left| format!(", {:#} left", HumanDuration(left)));
        format!("{rows}: {}; {per_second:.1} calls/s{}", counts.join(", "), left.unwrap_or_default())
    }

    /// The time that the rest takes if it goes on as it went so far.
    fn time_left(&self, done: u64, elapsed: Duration) -> Option<Duration> {
        let left = self.total?.saturating_sub(done);
        let nanos = elapsed.as_nanos().checked_mul(u128::from(left))?.checked_div(u128::from(done))?;
        Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(Status, u64)], total: Option<u64>, elapsed: Duration) -> Counts {
        let calls = rows.iter().map(|(_, count)| count).sum();
        Counts {
            rows: rows.iter().copied().collect(),
            calls,
            total,
            started: Instant::now().checked_sub(elapsed).unwrap(),
        }
    }

    #[test]
    fn the_line_says_how_far_how_fast_and_how_long_still() {
        let rows = [(Status::NotFound, 2), (Status::Cancelled, 1198)];
        let line = counts(&rows, Some(6000), Duration::from_secs(240)).line();
        assert_eq!(line, "1,200 of 6,000 rows: 1,198 cancelled, 2 not_found; 5.0 calls/s, 16m left");
    }

    #[test]
    fn nobody_knows_the_end_of_a_stream_and_nothing_is_said_of_a_start() {
        assert_eq!(
            counts(&[(Status::Cancelled, 3)], None, Duration::from_secs(2)).line(),
            "3 rows: 3 cancelled; 1.0 calls/s"
        );
        assert_eq!(counts(&[], Some(7), Duration::ZERO).line(), "0 of 7 rows");
    }
}
