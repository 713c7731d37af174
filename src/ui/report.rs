//! What came of it all: the summary for a person, the JSON object for a script, and the findings of a dry run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::engine::InputEnd;
use crate::error::Cause;
use crate::exit;
use crate::outcome::{Status, Stop, StopReason, Summary};
use crate::text::{quoted_path, timestamp};
use crate::ui::console::push_line;

/// What is said of a stream that had not ended when the run was stopped.
const NOT_READ_ON: &str =
    "standard input was not read to its end: what did not come before was not sent, and has no result";

/// How a command to run ended, whichever way.
#[derive(Debug)]
pub struct Report {
    /// Which way.
    pub ending: Ending,
    /// The input, as the operator named it.
    pub input: Option<PathBuf>,
    /// The results file, as the operator named it; `None` where none was written.
    pub results: Option<PathBuf>,
    /// The counts.
    pub summary: Summary,
    /// How many rows the input has, where that is known.
    pub input_rows: Option<u64>,
    /// Whether every row of the input was read.
    pub input_end: InputEnd,
    /// Whether rows that the results could not take were printed instead.
    pub lost_rows: bool,
    /// The command that goes on with the run, where there is something left to do.
    pub resume_command: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// The ways in which a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every row had its turn.
    Finished,
    /// It was a dry run, and a real one could start.
    Rehearsed,
    /// It ended early.
    Stopped(Stop),
    /// It did not begin.
    Refused(Cause),
}

impl Report {
    /// The report of a run over `input` that begins now. Until more is known it stands as refused.
    pub fn begin(input: &Path) -> Self {
        Self { input: Some(input.to_owned()), ..Self::refused(Cause::Usage) }
    }

    /// The report of a run of which nothing is known but that it was refused.
    pub fn refused(cause: Cause) -> Self {
        let now = Timestamp::now();
        Self {
            ending: Ending::Refused(cause),
            input: None,
            results: None,
            summary: Summary::new(),
            input_rows: None,
            input_end: InputEnd::Reached,
            lost_rows: false,
            resume_command: None,
            started_at: now,
            finished_at: now,
        }
    }

    /// The exit code for this ending.
    pub fn exit_code(&self) -> u8 {
        match &self.ending {
            Ending::Finished => exit::of_finished(&self.summary),
            Ending::Stopped(stop) => exit::of_stopped(stop.reason),
            Ending::Rehearsed => exit::DONE,
            Ending::Refused(_) => exit::REFUSED,
        }
    }

    /// How a run ended that came to this end: when its time was over just as all was done, it is finished.
    pub fn settle(&self, ending: Ending) -> Ending {
        let is_whole =
            !self.summary.has_rows_to_try_again() && self.unread() == 0 && self.input_end == InputEnd::Reached;
        match ending {
            Ending::Stopped(stop) if stop.reason == StopReason::Deadline && is_whole => Ending::Finished,
            other => other,
        }
    }

    /// How many rows of the input have no result.
    fn unread(&self) -> u64 {
        let rows = self.summary.total();
        self.input_rows.unwrap_or(rows).saturating_sub(rows)
    }

    /// Whether a later run can do what this one left undone.
    pub fn can_be_resumed(&self) -> bool {
        let has_more = match &self.ending {
            Ending::Stopped(stop) => !matches!(stop.reason, StopReason::Input | StopReason::InputChanged),
            Ending::Finished => self.summary.has_rows_to_try_again(),
            Ending::Rehearsed | Ending::Refused(_) => false,
        };
        has_more && self.results.is_some()
    }

    fn duration(&self) -> Duration {
        Duration::try_from(self.finished_at.duration_since(self.started_at)).unwrap_or_default()
    }

    /// The pace of the calls: how many intervals between two calls fit into a second. The first call starts the first
    /// interval and ends none, so a run of few calls does not seem faster than its ceiling.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
    fn calls_per_second(&self) -> f64 {
        let (calls, seconds) = (self.summary.calls(), self.duration().as_secs_f64());
        let intervals = if calls > 1 { calls - 1 } else { calls };
        if seconds > 0.0 { intervals as f64 / seconds } else { 0.0 }
    }

    /// Prints the summary on standard output, as one JSON object.
    pub fn print_json(&self) {
        // A reader that is gone needs no summary.
        drop(writeln!(std::io::stdout().lock(), "{}", self.json()));
    }

    fn json(&self) -> Value {
        let (outcome, reason) = match &self.ending {
            Ending::Finished | Ending::Rehearsed => ("finished", None),
            Ending::Stopped(stop) => ("stopped", Some(stop.reason.word())),
            Ending::Refused(cause) => ("refused", Some(cause.word())),
        };
        let mut rows = Map::new();
        rows.insert("total".to_owned(), self.summary.total().into());
        rows.extend(Status::ALL.iter().map(|&status| (status.word().to_owned(), self.summary.count(status).into())));
        let latency = |quantile: f64| self.summary.latency(quantile).map(|time| round(time.as_secs_f64() * 1000.0, 1));
        json!({
            "tool": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "outcome": outcome,
            "reason": reason,
            "exit_code": self.exit_code(),
            "input": self.input.as_ref().map(|path| path.to_string_lossy()),
            "results": self.results.as_ref().map(|path| path.to_string_lossy()),
            "started_at": timestamp(self.started_at),
            "finished_at": timestamp(self.finished_at),
            "duration_s": round(self.duration().as_secs_f64(), 3),
            "rows": rows,
            "calls": {
                "total": self.summary.calls(),
                "retries": self.summary.retries(),
                "per_second": round(self.calls_per_second(), 2),
            },
            "latency_ms": { "p50": latency(0.50), "p95": latency(0.95), "p99": latency(0.99), "max": latency(1.0) },
            "resume_command": self.resume_command,
        })
    }

    /// The summary of a run that began, for a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let how = match &self.ending {
            Ending::Stopped(stop) => {
                push_line(&mut text, format_args!("stopped: {}", stop.detail));
                "stopped"
            }
            Ending::Finished | Ending::Rehearsed | Ending::Refused(_) => "finished",
        };
        let (rows, time) = (self.summary.total(), humantime::format_duration(whole_millis(self.duration())));
        push_line(&mut text, format_args!("{how} after {time}: {} {}", HumanCount(rows), plural(rows, "row")));
        for &status in Status::ALL {
            let count = self.summary.count(status);
            if count > 0 {
                push_line(&mut text, format_args!("  {status:<20}{:>9}", HumanCount(count).to_string()));
            }
        }
        let calls = self.summary.calls();
        if let (Some(median), Some(most)) = (self.summary.latency(0.5), self.summary.latency(0.95)) {
            push_line(
                &mut text,
                format_args!(
                    "{} {}, {:.1} a second; half answered within {median:.1?}, 95 % within {most:.1?}",
                    HumanCount(calls),
                    plural(calls, "call"),
                    self.calls_per_second(),
                ),
            );
        }
        self.push_unread(&mut text);
        if let Some(results) = &self.results {
            let whole =
                if self.lost_rows { " (not whole: the rows that it could not take stand above, as CSV)" } else { "" };
            push_line(&mut text, format_args!("results: {}{whole}", quoted_path(results)));
        }
        if let Some(command) = &self.resume_command {
            push_line(&mut text, format_args!("to go on: {command}"));
        }
        self.push_doubts(&mut text);
        text
    }

    /// What became of rows without a result.
    fn push_unread(&self, text: &mut String) {
        let unread = self.unread();
        if unread == 0 {
            if self.input_rows.is_none() && self.input_end == InputEnd::NotReached {
                push_line(text, format_args!("{NOT_READ_ON}"));
            }
            return;
        }
        let (count, noun) = (HumanCount(unread), plural(unread, "row"));
        let why = match &self.ending {
            Ending::Stopped(stop) if matches!(stop.reason, StopReason::Input | StopReason::InputChanged) => {
                "were not read, not sent, and have no result"
            }
            Ending::Stopped(stop) if stop.reason == StopReason::ResultsUnwritable => {
                "have no result, and --resume gives them theirs once they can be written"
            }
            Ending::Stopped(_) | Ending::Finished | Ending::Rehearsed | Ending::Refused(_) => {
                "have no result; those whose calls were in flight may have taken effect, and --resume tells them apart"
            }
        };
        push_line(text, format_args!("{count} {noun} of the input {why}"));
    }

    /// What a person has to look up.
    fn push_doubts(&self, text: &mut String) {
        let doubtful = self.summary.count(Status::Unconfirmed) + self.summary.count(Status::ServerError);
        if doubtful > 0 {
            push_line(
                text,
                format_args!(
                    "{} {} may be cancelled although iMocha did not confirm it: those with the status unconfirmed or server_error",
                    HumanCount(doubtful),
                    plural(doubtful, "invitation"),
                ),
            );
        }
    }
}

/// What a dry run found.
#[derive(Debug)]
pub struct DryRun {
    /// How many invitations would be cancelled.
    pub cancels: u64,
    /// Where.
    pub host: String,
    /// What was found, a line each: a name, and what it is.
    pub findings: Vec<(&'static str, String)>,
    /// How long it would take at the least, where a rate says so.
    pub time: Duration,
}

impl std::fmt::Display for DryRun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "dry run: nothing was cancelled")?;
        for (name, finding) in &self.findings {
            writeln!(formatter, "  {name:<12}{finding}")?;
        }
        write!(
            formatter,
            "{} {} would be cancelled at {}",
            HumanCount(self.cancels),
            plural(self.cancels, "invitation"),
            self.host
        )?;
        if self.time < Duration::from_secs(1) {
            writeln!(formatter)
        } else {
            writeln!(formatter, ", in {} at the least", HumanDuration(self.time))
        }
    }
}

/// A noun, with an `s` unless there is one.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn round(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}
