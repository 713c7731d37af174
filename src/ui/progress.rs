//! Shows how far a run is: a bar on a terminal, or else a plain line now and then. It shows only what the results hold.

use std::collections::{BTreeMap, VecDeque};
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
use crate::text::shorten;
use crate::throttle::{FoundPace, Stage};
use crate::ui::bar::Frame;
use crate::ui::console::{Console, ProgressStyle};
use crate::ui::log_event::LogEvent;

/// The time over which the present rate is measured: short enough to show that calls have become slower, and long enough
/// not to flicker. Chosen by us.
const PRESENT: Duration = Duration::from_secs(10);
/// The time between two of the counts from which it is measured.
const LEAST_STEP: Duration = Duration::from_millis(100);
/// The most characters of why calls fail that are shown.
const WHY_CHARACTERS: usize = 30;

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
    /// When the pause began, if there is one.
    paused_since: Instant,
    /// Why the last call failed, in short.
    why: String,
    /// How many calls have begun.
    begun: u64,
    /// How many there were some time ago, with the time since the start, the oldest first. [`PRESENT`] and
    /// [`LEAST_STEP`] bound them.
    earlier: VecDeque<(Duration, u64)>,
    /// The pace, where it is being found.
    found: Option<FoundPace>,
}

impl Progress {
    /// Begins to show a run that tries `total` invitations; `None` if their number is not known. `done` counts what the
    /// results hold already.
    pub fn start(console: &Console, total: Option<u64>, done: Summary) -> Self {
        let counts = Arc::new(Mutex::new(Counts::new(done, 0, total)));
        if console.progress == ProgressStyle::Bar {
            let shown = Arc::clone(&counts);
            let now = Arc::new(move |room| {
                let mut counts = lock(&shown);
                (counts.tried, counts.line(room))
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
                let line = lock(&self.counts).line(usize::MAX);
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
        lock(&self.counts).begun += 1;
    }

    fn failed(&self, why: &str) {
        lock(&self.counts).why = in_short(why);
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
        lock(&self.counts).turn(traffic);
    }
}

/// Why a call failed, in a few words: the innermost cause, without the number that the system gives it.
fn in_short(why: &str) -> String {
    let cause = why.rsplit(": ").next().unwrap_or(why);
    let words = cause.split(" (os error").next().unwrap_or(cause);
    shorten(&words.to_lowercase().replace("http", "HTTP"), WHY_CHARACTERS)
}

impl Counts {
    fn new(done: Summary, tried: u64, total: Option<u64>) -> Self {
        Self {
            tally: Tally::after(done),
            tried,
            total,
            started: Stopwatch::start(),
            traffic: Traffic::Flowing,
            paused_since: Instant::now(),
            why: String::new(),
            begun: 0,
            earlier: VecDeque::from([(Duration::ZERO, 0)]),
            found: None,
        }
    }

    fn turn(&mut self, traffic: Traffic) {
        let now = Instant::now();
        let is_going_on = matches!(self.traffic, Traffic::Paused { until } if until > now);
        if matches!(traffic, Traffic::Paused { .. }) && !is_going_on {
            self.paused_since = now;
        }
        self.traffic = traffic;
    }

    /// The state of the run in one line of at most so many characters. The most important part comes first; what has no
    /// room is left out whole.
    fn line(&mut self, room: usize) -> String {
        self.line_after(self.started.elapsed(), room)
    }

    /// The same for scripts.
    fn event(&self) -> LogEvent {
        let rows: Map<String, Value> =
            self.tally.all_runs.present().map(|(status, count)| (status.word().to_owned(), count.into())).collect();
        let traffic = match self.traffic {
            Traffic::Flowing => "flowing",
            Traffic::Paused { .. } => "paused",
            Traffic::Down { .. } => "down",
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

    fn line_after(&mut self, elapsed: Duration, room: usize) -> String {
        let per_second = self.present_rate(elapsed);
        let so_far = match self.total {
            Some(total) => format!("{} of {}", HumanCount(self.tried), HumanCount(total)),
            None => HumanCount(self.tried).to_string(),
        };
        let interruption = self.interruption(Instant::now());
        let mut pieces = vec![("", so_far)];
        if interruption.is_empty() {
            if self.begun > 0 {
                pieces.push(("; ", self.pace(per_second)));
                pieces.extend(self.time_left(per_second).map(|left| (", ", format!("{left:#} left"))));
            }
        } else {
            let whole: usize = pieces.iter().chain(&interruption).map(|(gap, piece)| width(gap, piece)).sum();
            // Why calls fail is known from the log, too.
            pieces.extend(interruption.into_iter().filter(|(_, piece)| whole <= room || !piece.starts_with('(')));
        }
        let present = self.tally.all_runs.present();
        for (index, (status, count)) in present.enumerate() {
            pieces.push((if index == 0 { "; " } else { ", " }, format!("{} {status}", HumanCount(count))));
        }
        fit(pieces, room)
    }

    /// Why no calls start at present, if so.
    fn interruption(&self, now: Instant) -> Vec<(&'static str, String)> {
        match self.traffic {
            Traffic::Flowing => Vec::new(),
            // A pause ends by itself, without a message to the monitor.
            Traffic::Paused { until } if until <= now => Vec::new(),
            Traffic::Paused { until } => vec![
                ("; ", format!("pause of {} (429)", whole_seconds(until - self.paused_since))),
                (", ", format!("{} left", whole_seconds(until - now))),
            ],
            Traffic::Down { since, next_look, gives_up } => {
                let look = if next_look > now {
                    format!("next look in {}", whole_seconds(next_look - now))
                } else {
                    "looking now".to_owned()
                };
                let mut pieces =
                    vec![("; ", format!("down for {}", whole_seconds(Duration::from_secs((now - since).as_secs()))))];
                if !self.why.is_empty() {
                    pieces.push((" ", format!("({})", self.why)));
                }
                pieces.push((", ", look));
                pieces.push((", ", format!("gives up in {}", whole_seconds(gives_up.saturating_duration_since(now)))));
                pieces
            }
        }
    }

    /// The pace of the calls: as it is being found, or as it is at present.
    fn pace(&self, per_second: f64) -> String {
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
        format!("{per_second:.1} calls/s")
    }

    /// How many calls begin a second at present, retries included.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
    fn present_rate(&mut self, elapsed: Duration) -> f64 {
        if self.earlier.back().is_none_or(|(then, _)| *then + LEAST_STEP <= elapsed) {
            self.earlier.push_back((elapsed, self.begun));
        }
        while self.earlier.get(1).is_some_and(|(then, _)| *then + PRESENT <= elapsed) {
            self.earlier.pop_front();
        }
        let (then, begun) = self.earlier.front().copied().unwrap_or_default();
        // The first call of a run starts the first interval and ends none.
        let intervals = (self.begun - begun).saturating_sub(u64::from(begun == 0));
        intervals as f64 / elapsed.saturating_sub(then).as_secs_f64().max(f64::EPSILON)
    }

    /// The time left if the rest goes as fast as at present, and its rows take as many calls each as those before.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "an estimate for the eye")]
    fn time_left(&self, per_second: f64) -> Option<HumanDuration> {
        let left = self.total?.saturating_sub(self.tried);
        if self.tried == 0 || per_second <= 0.0 {
            return None;
        }
        let calls_a_row = (self.begun as f64 / self.tried as f64).max(1.0);
        Duration::try_from_secs_f64(left as f64 * calls_a_row / per_second).ok().map(HumanDuration)
    }
}

/// How many characters a piece of the line takes with the gap before it.
fn width(gap: &str, piece: &str) -> usize {
    gap.chars().count() + piece.chars().count()
}

/// The first of the pieces, as many as there is room for.
fn fit(pieces: Vec<(&str, String)>, room: usize) -> String {
    let mut line = String::new();
    let mut left = room;
    for (gap, piece) in pieces {
        let Some(rest) = left.checked_sub(width(gap, &piece)) else { break };
        line.push_str(gap);
        line.push_str(&piece);
        left = rest;
    }
    line
}

/// A time in whole seconds or larger units, rounded up.
fn whole_seconds(time: Duration) -> String {
    let seconds = u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
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
        Counts::new(summary, tried, total)
    }

    #[test]
    fn the_line_says_how_far_and_how_long_still_before_the_counts() {
        let rows = [(Status::NotFound, 2), (Status::Cancelled, 1198), (Status::Filtered, 50)];
        let mut counts = Counts { begun: 1201, ..counts(&rows, 1200, Some(6000)) };
        let line = counts.line_after(Duration::from_secs(240), usize::MAX);
        assert_eq!(line, "1,200 of 6,000; 5.0 calls/s, 16m left; 1,198 cancelled, 2 not_found, 50 filtered");
    }

    #[test]
    fn the_rate_is_the_present_one_and_the_estimate_knows_retries() {
        let mut counts = counts(&[], 0, Some(1100));
        for second in 0..60_u64 {
            (counts.begun, counts.tried) = (second * 10, second * 5);
            counts.line_after(Duration::from_secs(second), usize::MAX);
        }
        for second in 60..90_u64 {
            (counts.begun, counts.tried) = (counts.begun + 2, counts.tried + 1);
            counts.line_after(Duration::from_secs(second), usize::MAX);
        }
        // 325 of 1,100 rows took 650 calls: the others take 1,550, two a second.
        let line = counts.line_after(Duration::from_secs(90), usize::MAX);
        assert!(line.starts_with("325 of 1,100; 1.8 calls/s, 14m left"), "{line}");
    }

    #[test]
    fn nobody_knows_the_end_of_a_stream_and_nothing_is_said_of_a_start() {
        let mut stream = Counts { begun: 3, ..counts(&[(Status::Cancelled, 3)], 3, None) };
        assert_eq!(stream.line_after(Duration::from_secs(2), usize::MAX), "3; 1.0 calls/s; 3 cancelled");
        assert_eq!(counts(&[], 0, Some(7)).line_after(Duration::ZERO, usize::MAX), "0 of 7");
    }

    #[test]
    fn a_pause_is_shown_with_its_length_and_ends_by_itself() {
        let now = Instant::now();
        let mut counts = counts(&[], 2, Some(7));
        counts.turn(Traffic::Paused { until: now + Duration::from_secs(30) });
        let a_minute_ago = now.checked_sub(Duration::from_secs(60)).unwrap();
        counts.paused_since = a_minute_ago;
        let line = counts.line_after(Duration::ZERO, usize::MAX);
        assert_eq!(line, "2 of 7; pause of 1m 30s (429), 30s left");
        counts.turn(Traffic::Paused { until: now + Duration::from_secs(60) });
        assert_eq!(counts.paused_since, a_minute_ago, "it is one pause");
        counts.turn(Traffic::Paused { until: now });
        assert_eq!(counts.line_after(Duration::ZERO, usize::MAX), "2 of 7");
    }

    #[test]
    fn an_outage_is_shown_whole_or_in_whole_pieces() {
        let now = Instant::now();
        let mut counts = counts(&[(Status::Cancelled, 1200)], 1200, Some(6000));
        let (since, next_look) = (now.checked_sub(Duration::from_secs(23)).unwrap(), now + Duration::from_secs(8));
        counts.turn(Traffic::Down { since, next_look, gives_up: now + Duration::from_secs(9 * 60) });
        counts.why = in_short("could not connect: Connection refused (os error 111)");
        let mut line = |room| counts.line_after(Duration::from_secs(240), room);
        let whole =
            "1,200 of 6,000; down for 23s (connection refused), next look in 8s, gives up in 9m; 1,200 cancelled";
        assert_eq!(line(usize::MAX), whole);
        let without_why = "1,200 of 6,000; down for 23s, next look in 8s, gives up in 9m";
        assert_eq!(line(66), without_why);
        let all_but_why = format!("{without_why}; 1,200 cancelled");
        for room in 0..whole.len() {
            let line = line(room);
            assert!(line.chars().count() <= room, "{line}");
            let behind = whole.strip_prefix(&line).or_else(|| all_but_why.strip_prefix(&line));
            let is_cut_between_words = behind.is_some_and(|rest| rest.starts_with([' ', ',', ';']) || rest.is_empty());
            assert!(line.is_empty() || is_cut_between_words, "{line}");
        }
    }

    #[test]
    fn why_a_call_failed_is_told_in_a_few_words() {
        for (why, short) in [
            ("HTTP 503", "HTTP 503"),
            ("no answer within 30s", "no answer within 30s"),
            ("could not connect: tcp connect error: Connection refused (os error 111)", "connection refused"),
        ] {
            assert_eq!(in_short(why), short);
        }
    }

    #[test]
    fn a_pace_that_is_being_found_is_shown_with_the_reason_for_it() {
        let line = |stage, is_at_ceiling, limited| {
            let found = Some(FoundPace { per_second: 18.24, is_at_ceiling, stage, learned: None, limited });
            Counts { found, begun: 2, ..counts(&[], 2, Some(7)) }.line_after(Duration::from_secs(1), usize::MAX)
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
