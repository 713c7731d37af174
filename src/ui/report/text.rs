//! The summary for a person.

use std::time::Duration;

use indicatif::HumanCount;

use super::Report;
use crate::ending::{Ending, ExitCode};
use crate::engine::InputEnd;
use crate::invitation::InvitationId;
use crate::outcome::{MOST_KEPT, Status, Stop, StopReason};
use crate::text::{plural, push_line, quoted_path};
use crate::ui::{attention, verified};

/// The message about a stream that had not ended when the run was stopped.
const NOT_READ_ON: &str =
    "standard input was not read to its end: what did not come before was not sent, and has no result";

/// How much a summary says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wordiness {
    /// What everybody needs.
    Usual,
    /// How long the answers took as well.
    Verbose,
}

impl Report {
    /// The summary for the user of a run that was stopped before it began: one line.
    pub fn line(&self, stop: &Stop) -> String {
        let again = self.resume_command.as_ref().map(|command| format!("; to begin again: {command}"));
        format!("stopped: {}, nothing was sent{}\n", stop.detail, again.unwrap_or_default())
    }

    /// The summary of a run that began, or of a verification, for a person.
    pub fn text(&self, wordiness: Wordiness) -> String {
        let mut text = String::new();
        if self.ending == Ending::Verified {
            let time = humantime::format_duration(whole_millis(self.duration));
            let rows = self.tally.all_runs.total();
            push_line(&mut text, format_args!("verified {} {} in {time}", HumanCount(rows), plural(rows, "row")));
            self.push_verification(&mut text);
            return text;
        }
        let how = match &self.ending {
            Ending::Stopped(_) if self.cut_off.is_some() => "left at once",
            // The user was told when the signal came.
            Ending::Stopped(Stop { reason: StopReason::Interrupted(_), .. }) => "stopped",
            Ending::Stopped(stop) => {
                push_line(&mut text, format_args!("stopped: {}", stop.detail));
                "stopped"
            }
            Ending::Finished | Ending::Rehearsed(_) | Ending::Verified | Ending::Reported | Ending::Refused(_) => {
                "finished"
            }
        };
        let (without, time) = (self.rows_without_result(), humantime::format_duration(whole_millis(self.duration)));
        let rows = self.tally.all_runs.total() + without;
        let shard = self.shard.map(|part| format!(" of shard {}", part.shard)).unwrap_or_default();
        let at = self.at();
        push_line(
            &mut text,
            format_args!("{how} after {time}: {} {}{shard}{at}", HumanCount(rows), plural(rows, "row")),
        );
        for (status, count) in self.tally.all_runs.present() {
            push_line(&mut text, format_args!("  {status:<20}{:>9}", HumanCount(count).to_string()));
        }
        if without > 0 {
            push_line(&mut text, format_args!("  {:<20}{:>9}", "without a result", HumanCount(without).to_string()));
        }
        self.push_this_run(&mut text, wordiness);
        attention::push(&mut text, &self.tally);
        self.push_without_result(&mut text);
        if let Some(results) = &self.results {
            let whole =
                if self.lost_rows { " (not whole: the rows that it could not take stand above, as CSV)" } else { "" };
            push_line(&mut text, format_args!("results: {}{whole}", quoted_path(results)));
        }
        if let Some(failed) = &self.failed {
            push_line(
                &mut text,
                format_args!("rows that need attention, for whoever made the list: {}", quoted_path(failed)),
            );
        }
        if let Some(page) = &self.page {
            push_line(&mut text, format_args!("report: {}", quoted_path(page)));
        }
        self.push_forbidden(&mut text);
        if let Some(command) = &self.resume_command {
            if let Some(remedy) = self.remedy() {
                push_line(&mut text, format_args!("first: {remedy}"));
            }
            push_line(&mut text, format_args!("to go on: {command}"));
        }
        self.push_doubts(&mut text);
        self.push_verification(&mut text);
        text
    }

    /// Where the calls went, in words: nobody should take a rehearsal for the real thing.
    fn at(&self) -> String {
        self.host.as_ref().map_or_else(String::new, |host| format!(" at {}", self.api.at(host.clone())))
    }

    /// What a dry run found, for a person.
    pub fn rehearsal_text(&self) -> String {
        let mut text = self.rehearsal.clone().unwrap_or_default();
        if let Some(command) = &self.run_command {
            push_line(&mut text, format_args!("to run just this: {command}"));
        }
        if !self.obstacles.is_empty() {
            push_line(&mut text, format_args!("but a run could not start:"));
        }
        text
    }

    /// What somebody has to look at, in a line and the first few rows: for whoever wants to read only that. Empty where
    /// all is well.
    pub fn attention(&self) -> String {
        let mut text = String::new();
        let how = match &self.ending {
            Ending::Verified | Ending::Reported => None,
            _all_is_well if self.exit_code() == ExitCode::Done => None,
            Ending::Stopped(stop) if self.cut_off.is_some() => Some(format!("left at once, {}", stop.detail)),
            Ending::Stopped(stop) => Some(format!("stopped, {}", stop.detail)),
            Ending::Finished | Ending::Rehearsed(_) | Ending::Refused(_) => Some("not all is well".to_owned()),
        };
        if let Some(how) = how {
            let results = self.results.as_deref().map(quoted_path);
            text.push_str(&attention::in_short(&format!("{how}{}", self.at()), &self.tally, results.as_deref()));
        }
        if let Some(found) = &self.verification {
            verified::push_attention(&mut text, found, verified::FEW);
        }
        text
    }

    /// What iMocha's own lists say.
    fn push_verification(&self, text: &mut String) {
        if let Some(found) = &self.verification {
            if self.ending != Ending::Verified {
                push_line(text, format_args!("verified {}:", HumanCount(self.tally.all_runs.total())));
            }
            let host = self.host.as_deref().unwrap_or("iMocha").to_owned();
            verified::push(text, found, &self.api.at(host));
        }
    }

    /// What has to be mended before it makes sense to go on.
    fn remedy(&self) -> Option<&'static str> {
        let Ending::Stopped(stop) = &self.ending else { return None };
        match stop.reason {
            StopReason::Unauthorized => Some(
                "make sure that the key is the one that iMocha gave you, and that the subscription has not expired; until \
                 then every call is refused",
            ),
            StopReason::WrongInput => Some(
                "find out whether this is the right file, and the key of the right account; until then a further run ends \
                 in the same way",
            ),
            StopReason::RateLimited => {
                Some("find out whether the quota is used up and when there is a new one, or ask for a lower --rate")
            }
            StopReason::Outage => Some("wait until iMocha answers again, or check the network and --base-url"),
            StopReason::ResultsUnwritable => Some("make room for the results, and make sure that they can be written"),
            StopReason::Bug => Some("report what stands above"),
            StopReason::Deadline
            | StopReason::Interrupted(_)
            | StopReason::UnreadableLists
            | StopReason::Input
            | StopReason::InputChanged => None,
        }
    }

    /// What this run added, where an earlier one had begun, and its calls.
    fn push_this_run(&self, text: &mut String, wordiness: Wordiness) {
        let added: Vec<String> =
            self.tally.this_run.present().map(|(status, count)| format!("{} {status}", HumanCount(count))).collect();
        if !self.tally.this_run.present().eq(self.tally.all_runs.present()) {
            let added = if added.is_empty() { "no row".to_owned() } else { added.join(", ") };
            push_line(text, format_args!("of this run: {added}"));
        }
        if let Some(rate) = &self.found_rate {
            let (count, noun) = (HumanCount(rate.limited), plural(rate.limited, "call"));
            push_line(
                text,
                format_args!(
                    "--rate {}: {:.*} a second reached; {count} {noun} too many (429)",
                    rate.asked,
                    if rate.per_second < 1.0 { 4 } else { 1 },
                    rate.per_second
                ),
            );
        }
        let calls = self.tally.all_runs.calls();
        if calls > 0 {
            let latencies = match wordiness {
                Wordiness::Usual => String::new(),
                Wordiness::Verbose => self.latencies().unwrap_or_default(),
            };
            push_line(
                text,
                format_args!(
                    "{} {}, {:.1} a second{latencies}",
                    HumanCount(calls),
                    plural(calls, "call"),
                    self.calls_per_second(),
                ),
            );
        }
    }

    /// How long the answers took.
    fn latencies(&self) -> Option<String> {
        let (median, most) = (self.tally.all_runs.latency(0.5)?, self.tally.all_runs.latency(0.95)?);
        Some(format!("; half answered within {median:.1?}, 95 % within {most:.1?}"))
    }

    /// Adds what the user has to do before rows can be tried again that the key may not cancel.
    fn push_forbidden(&self, text: &mut String) {
        let forbidden = self.tally.all_runs.count(Status::Forbidden);
        if forbidden > 0 {
            let again = if self.is_of_files() { "; once that is mended, --resume tries them again" } else { "" };
            push_line(
                text,
                format_args!(
                    "the API key may not cancel {} {} (403): ask iMocha why{again}",
                    HumanCount(forbidden),
                    plural(forbidden, "invitation"),
                ),
            );
        }
    }

    /// Adds what happened to the rows without a result.
    fn push_without_result(&self, text: &mut String) {
        let rows = self.without_result();
        if rows == 0 {
            if self.input_rows.is_none() && self.input_end == InputEnd::NotReached {
                push_line(text, format_args!("{NOT_READ_ON}"));
            }
            return;
        }
        if let Some(cut_off) = &self.cut_off {
            self.push_cut_off(text, cut_off, rows);
            return;
        }
        let (count, noun) = (HumanCount(rows), plural(rows, "row"));
        let why = match &self.ending {
            Ending::Stopped(stop) if matches!(stop.reason, StopReason::Input | StopReason::InputChanged) => {
                "were not read, not sent, and have no result"
            }
            Ending::Stopped(stop) if stop.reason == StopReason::ResultsUnwritable && self.is_of_files() => {
                "have no result, and --resume gives them theirs once they can be written"
            }
            Ending::Stopped(stop) if stop.reason == StopReason::ResultsUnwritable => {
                "were not sent, and have no result"
            }
            _still_under_way if !self.is_of_files() => {
                "have no result; those whose calls were in flight may have taken effect"
            }
            Ending::Stopped(_)
            | Ending::Finished
            | Ending::Rehearsed(_)
            | Ending::Verified
            | Ending::Reported
            | Ending::Refused(_) => {
                "have no result; those whose calls were in flight may have taken effect, and --resume tells them apart"
            }
        };
        push_line(text, format_args!("{count} {noun} of the input {why}"));
    }

    /// Adds which of the rows without a result may be cancelled, after a second signal.
    fn push_cut_off(&self, text: &mut String, cut_off: &[(u64, InvitationId)], rows: u64) {
        let called = u64::try_from(cut_off.len()).unwrap_or(u64::MAX).min(rows);
        let apart = if self.is_of_files() { "; --resume tells them apart" } else { "" };
        if called > 0 {
            push_line(
                text,
                format_args!(
                    "{} {} without a result may have taken effect, because calls were made{apart}:",
                    HumanCount(called),
                    plural(called, "row"),
                ),
            );
            for (line, id) in cut_off.iter().take(MOST_KEPT) {
                push_line(text, format_args!("    line {line}, {id}"));
            }
            let further = cut_off.len().saturating_sub(MOST_KEPT);
            if further > 0 {
                push_line(text, format_args!("    and {further} more"));
            }
        }
        let unsent = rows - called;
        if unsent > 0 {
            push_line(
                text,
                format_args!("{} {} without a result: not sent", HumanCount(unsent), plural(unsent, "row")),
            );
        }
    }

    /// Adds what the user has to look up.
    fn push_doubts(&self, text: &mut String) {
        let in_doubt: Vec<_> = self.tally.all_runs.present().filter(|(status, _)| status.is_in_doubt()).collect();
        let doubtful = in_doubt.iter().map(|(_, rows)| rows).sum();
        if doubtful > 0 {
            let statuses: Vec<&str> = in_doubt.iter().map(|(status, _)| status.word()).collect();
            push_line(
                text,
                format_args!(
                    "{} {} may be cancelled although iMocha did not confirm it: those with the status {}",
                    HumanCount(doubtful),
                    plural(doubtful, "invitation"),
                    statuses.join(" or "),
                ),
            );
            if let Some(command) = self.verify_command.as_ref().filter(|_| !self.is_unverified) {
                push_line(text, format_args!("to find out: {command}"));
            }
        }
    }
}

fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
