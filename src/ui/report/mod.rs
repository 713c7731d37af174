//! Reports how a run ended: the JSON object for a script is made here, the summary for the user in `text`, the metrics
//! for monitoring in `metrics`, and the events for a script in `events`.

mod events;
mod metrics;
mod text;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use self::metrics::{are_metrics, last_success};
pub use self::text::Wordiness;

use crate::clock::Beginning;
use crate::config::Sha256Sum;
use crate::ending::{Ending, ExitCode};
use crate::engine::InputEnd;
use crate::error::{Cause, Refusal};
use crate::invitation::InvitationId;
use crate::outcome::{Status, StopReason, Summary, Tally};
use crate::shard::ShardPart;
use crate::text::timestamp;
use crate::ui::verified;
use crate::verification::{Already, Settling, Verification};

/// How the command `run` ended, in all cases.
#[derive(Debug, Clone)]
pub struct Report {
    /// The kind of ending.
    pub ending: Ending,
    /// Why the run was refused, for the user.
    pub message: Option<String>,
    /// The input, as the operator named it.
    pub input: Option<PathBuf>,
    /// The SHA-256 of the input, if it is a file and was read to its end.
    pub input_sha256: Option<Sha256Sum>,
    /// Which shard of the input the rows are; `None` if they are all of it.
    pub shard: Option<ShardPart>,
    /// The results file, as the operator named it; `None` if none was written.
    pub results: Option<PathBuf>,
    /// The file with only the rows that need attention, where it was written.
    pub failed: Option<PathBuf>,
    /// The page about the results, as the operator named it; `None` if none was written.
    pub page: Option<PathBuf>,
    /// The host that was called, if it is known.
    pub host: Option<String>,
    /// Which API was called.
    pub api: Api,
    /// The counts of what the results hold, and of what this run added to them.
    pub tally: Tally,
    /// What iMocha's own lists say, where they were asked.
    pub verification: Option<Verification>,
    /// Whether they were to be asked, and the results are not verified.
    pub is_unverified: bool,
    /// The command that asks them.
    pub verify_command: Option<String>,
    /// What they say of the invitations that a run would cancel, after a dry run with `--preview`.
    pub already: Option<Already>,
    /// How many invitations a run would cancel, after a dry run that could tell.
    pub would_cancel: Option<u64>,
    /// What a run would do, for the user, after a dry run.
    pub rehearsal: Option<String>,
    /// What would keep a run from starting, after a dry run.
    pub obstacles: Arc<[Refusal]>,
    /// The rate that was found, where it was to be found.
    pub found_rate: Option<FoundRate>,
    /// How many rows the input, or its shard, has, if that is known.
    pub input_rows: Option<u64>,
    /// Whether every row of the input was read.
    pub input_end: InputEnd,
    /// If a second signal ended the run: the rows for which calls were made and that have no result, each with its line.
    pub cut_off: Option<Vec<(u64, InvitationId)>>,
    /// Whether rows were printed because they could not be written to the results.
    pub lost_rows: bool,
    /// The command that runs what was looked at, after a dry run over a file.
    pub run_command: Option<String>,
    /// The command that goes on with the run, if there is something left to do.
    pub resume_command: Option<String>,
    /// When the command began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// For how long of that the calls for rows were made.
    pub calling: Duration,
}

/// A rate that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundRate {
    /// What the operator asked for: `auto`, or with a ceiling.
    pub asked: String,
    /// What the API bears, in calls a second.
    pub per_second: f64,
    /// How many calls were told 429 on the way.
    pub limited: u64,
}

/// Which API was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// The real iMocha, as far as the answers tell.
    Real,
    /// The sandbox.
    Simulated,
}

impl Api {
    /// Adds to a host what a rehearsal must not be mistaken for.
    pub fn at(self, host: String) -> String {
        match self {
            Self::Real => host,
            Self::Simulated => format!("{host}, simulated"),
        }
    }
}

impl Report {
    /// The report of a run that ended like this; the rest is not known yet.
    pub fn of(ending: Ending) -> Self {
        Self {
            ending,
            message: None,
            input: None,
            input_sha256: None,
            shard: None,
            results: None,
            failed: None,
            page: None,
            host: None,
            api: Api::Real,
            tally: Tally::default(),
            verification: None,
            is_unverified: false,
            verify_command: None,
            already: None,
            would_cancel: None,
            rehearsal: None,
            obstacles: Arc::default(),
            found_rate: None,
            input_rows: None,
            input_end: InputEnd::Reached,
            cut_off: None,
            lost_rows: false,
            run_command: None,
            resume_command: None,
            started_at: Timestamp::now(),
            duration: Duration::ZERO,
            calling: Duration::ZERO,
        }
    }

    /// The report of a run that was refused.
    pub fn refused(refusal: &Refusal) -> Self {
        Self { message: Some(in_one_line(refusal)), ..Self::of(Ending::Refused(refusal.cause)) }
    }

    /// The report of a dry run that found these obstacles.
    pub fn rehearsed(obstacles: Vec<Refusal>) -> Self {
        let first = obstacles.first();
        let message = first.map(in_one_line);
        let ending = Ending::Rehearsed(first.map(|refusal| refusal.cause));
        Self { message, obstacles: obstacles.into(), ..Self::of(ending) }
    }

    /// Says that the run began then and ends now.
    #[must_use]
    pub fn since(self, beginning: Beginning) -> Self {
        let duration = beginning.elapsed();
        Self { started_at: beginning.at(), duration, calling: duration, ..self }
    }

    /// Says that what began then went on after the last call for a row, and ends now.
    #[must_use]
    pub fn until_now(self, beginning: Beginning) -> Self {
        Self { duration: beginning.elapsed(), ..self }
    }

    /// The exit code for this ending.
    pub fn exit_code(&self) -> ExitCode {
        let by_rows = self.ending.exit_code(&self.tally.all_runs);
        let is_well = self.verification.as_ref().is_none_or(Verification::is_well);
        if by_rows == ExitCode::Done && !is_well { ExitCode::RowsLeft } else { by_rows }
    }

    /// Counts a run as finished if its time was over just when everything was done.
    #[must_use]
    pub fn settled(self) -> Self {
        let is_read = self.without_result() == 0 && self.input_end == InputEnd::Reached;
        let is_whole = is_read && !self.tally.all_runs.has_rows_to_try_again();
        let ending = match self.ending {
            Ending::Stopped(stop) if stop.reason == StopReason::Deadline && is_whole => Ending::Finished,
            other => other,
        };
        Self { ending, ..self }
    }

    /// How many rows of the input have no result.
    fn without_result(&self) -> u64 {
        let rows = self.tally.all_runs.total();
        self.input_rows.unwrap_or(rows).saturating_sub(rows)
    }

    /// The same, if they were to have one.
    fn rows_without_result(&self) -> u64 {
        if matches!(self.ending, Ending::Stopped(_)) { self.without_result() } else { 0 }
    }

    /// Whether a later run can do what this one did not do.
    pub fn can_be_resumed(&self) -> bool {
        let has_more = match &self.ending {
            Ending::Stopped(stop) => !matches!(stop.reason, StopReason::Input | StopReason::InputChanged),
            Ending::Finished => self.tally.all_runs.has_rows_worth_another_try(),
            Ending::Rehearsed(_) | Ending::Verified | Ending::Reported | Ending::Refused(_) => false,
        };
        has_more && self.results.is_some()
    }

    /// Whether the user can resume what this run left, now or after a problem is solved. That is not possible with
    /// streams.
    fn is_of_files(&self) -> bool {
        self.results.is_some() && self.input_rows.is_some()
    }

    /// Whether nothing was changed because the operator wants it so.
    fn is_rehearsal(&self) -> bool {
        let is_only_told = |found: &Verification| found.settling == Settling::OnlyTold;
        matches!(self.ending, Ending::Rehearsed(_)) || self.verification.as_ref().is_some_and(is_only_told)
    }

    fn finished_at(&self) -> Timestamp {
        // This fails only after the last year of the calendar; then the start will do.
        self.started_at.checked_add(self.duration).unwrap_or(self.started_at)
    }

    /// The speed of the calls: how many intervals between two calls fit into a second. The first call starts the first
    /// interval and ends none, so a run with few calls does not seem faster than its rate.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
    fn calls_per_second(&self) -> f64 {
        let (calls, seconds) = (self.tally.all_runs.calls(), self.calling.as_secs_f64());
        let intervals = if calls > 1 { calls - 1 } else { calls };
        if seconds > 0.0 { intervals as f64 / seconds } else { 0.0 }
    }

    /// Prints the summary on standard output, as one JSON object.
    pub fn print_json(&self) {
        let line = format!("{}\n", self.json());
        let mut output = std::io::stdout().lock();
        let written = output.write_all(line.as_bytes()).and_then(|()| output.flush());
        if let Err(error) = written
            // If the reader is gone, nobody needs the summary.
            && error.kind() != ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "standard output did not take the summary that --json asks for");
        }
    }

    fn json(&self) -> Value {
        let (outcome, reason) = match &self.ending {
            Ending::Finished | Ending::Verified | Ending::Reported => ("finished", None),
            Ending::Rehearsed(obstacle) => ("dry_run", obstacle.map(Cause::word)),
            Ending::Stopped(stop) => ("stopped", Some(stop.reason.word())),
            Ending::Refused(cause) => ("refused", Some(cause.word())),
        };
        let mut rows = Map::new();
        rows.insert("total".to_owned(), self.tally.all_runs.total().into());
        rows.extend(counts(&self.tally.all_runs));
        let latency =
            |quantile: f64| self.tally.all_runs.latency(quantile).map(|time| round(time.as_secs_f64() * 1000.0, 1));
        let mut json = json!({
            "tool": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "outcome": outcome,
            "reason": reason,
            "exit_code": self.exit_code().number(),
            "input": self.input.as_ref().map(|path| path.to_string_lossy()),
            "results": self.results.as_ref().map(|path| path.to_string_lossy()),
            "started_at": timestamp(self.started_at),
            "finished_at": timestamp(self.finished_at()),
            "duration_s": round(self.duration.as_secs_f64(), 3),
            "rows": rows,
            "calls": {
                "total": self.tally.all_runs.calls(),
                "retries": self.tally.all_runs.retries(),
                "per_second": round(self.calls_per_second(), 2),
            },
            "latency_ms": { "p50": latency(0.50), "p95": latency(0.95), "p99": latency(0.99), "max": latency(1.0) },
            "host": self.host,
            "simulated": self.api == Api::Simulated,
            "dry_run": self.is_rehearsal(),
            "this_run": counts(&self.tally.this_run),
            "without_result": self.rows_without_result(),
            "message": self.message,
            "resume_command": self.resume_command,
        });
        if let Some(fields) = json.as_object_mut() {
            self.add_further_fields(fields);
        }
        json
    }

    /// Adds what only some reports have.
    fn add_further_fields(&self, fields: &mut Map<String, Value>) {
        fields.extend(self.verification.iter().flat_map(verified::json));
        fields.extend(self.already.iter().flat_map(verified::json_of_preview));
        if let Some(page) = &self.page {
            fields.insert("report".to_owned(), page.to_string_lossy().into());
        }
        if let Some(rate) = &self.found_rate {
            let reached = round(rate.per_second, if rate.per_second < 1.0 { 4 } else { 1 });
            let rate = json!({ "asked": rate.asked, "reached_per_second": reached, "limited": rate.limited });
            fields.insert("rate".to_owned(), rate);
        }
        if let Some(sum) = self.input_sha256 {
            fields.insert("input_sha256".to_owned(), sum.to_string().into());
        }
        if let Some(ShardPart { shard, input_rows }) = self.shard {
            let shard = json!({ "number": shard.number(), "of": shard.of(), "input_rows": input_rows });
            fields.insert("shard".to_owned(), shard);
        }
        if let Ending::Rehearsed(_) = &self.ending {
            fields.insert("would_cancel".to_owned(), self.would_cancel.into());
            fields.insert("run_command".to_owned(), self.run_command.clone().into());
        }
    }
}

/// Why a run is refused, and what to do.
fn in_one_line(refusal: &Refusal) -> String {
    let hint = refusal.hint.as_ref().map(|hint| format!("; {hint}"));
    format!("{refusal}{}", hint.unwrap_or_default())
}

/// Every status with its count.
fn counts(summary: &Summary) -> Map<String, Value> {
    Status::ALL.iter().map(|&status| (status.word().to_owned(), summary.count(status).into())).collect()
}

fn round(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}
