//! Reports the end of a run: the summary for the user, the one for a script, and the command that goes on.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use super::again::CommandLine;
use super::collisions::{Stream, would_spoil};
use super::standard_output;
use super::watch::{Hurry, Watch};
use crate::cli::{ConsoleArgs, RunArgs, SummaryArgs};
use crate::ending::Ending;
use crate::error::Refusal;
use crate::shard::ShardPart;
use crate::shutdown::Shutdown;
use crate::ui::{Api, Console, Report, Wordiness};

/// Adds to the report what the command line says.
pub(super) fn with_what_is_known(
    report: Report,
    shutdown: &Shutdown,
    args: &RunArgs,
    command: Option<&CommandLine>,
) -> Report {
    let resume_command = command.filter(|_| !args.reads_standard_input()).and_then(|command| {
        match &report.ending {
            // The run had not begun, so there is nothing to resume.
            Ending::Stopped(_) if !shutdown.has_begun() => command.once_more(),
            Ending::Stopped(_) if report.is_unverified => report.results.as_ref().and_then(|path| command.verify(path)),
            Ending::Stopped(_)
            | Ending::Finished
            | Ending::Rehearsed(_)
            | Ending::Verified
            | Ending::Reported
            | Ending::Refused(_) => report.can_be_resumed().then(|| command.going_on()).flatten(),
        }
    });
    let run_command = match (&report.ending, report.input_sha256) {
        (Ending::Rehearsed(None), Some(looked_at)) => command.and_then(|command| command.running(looked_at)),
        _ => None,
    };
    // The invitations of a sandbox that ends with the process cannot be looked up any more.
    let verify_command = command
        .filter(|_| !args.sandbox)
        .zip(report.results.as_ref())
        .and_then(|(command, results)| command.verify(results));
    let host = report.host.clone().or_else(|| (!args.sandbox).then(|| args.connection.base_url.host()));
    let api = if args.sandbox { Api::Simulated } else { report.api };
    let shard = report.shard.or(args.reading.shard.map(|shard| ShardPart { shard, input_rows: None }));
    Report { input: Some(args.input.clone()), shard, host, api, verify_command, run_command, resume_command, ..report }
}

/// Says why a run is refused.
pub(super) fn refuse(args: &RunArgs, console: &Console, refusal: &Refusal) {
    say_refusal(&args.summary, |stream| would_spoil(stream, args), console, refusal);
}

/// Says why a command is refused. It says so on standard error, unless that leads into a file of the command, which must
/// not be changed; `is_spoilt` says of each stream whether it does.
pub(super) fn say_refusal(
    summary: &SummaryArgs,
    is_spoilt: impl Fn(Stream) -> bool,
    console: &Console,
    refusal: &Refusal,
) {
    if !is_spoilt(Stream::Error) {
        console.refusal(refusal);
    } else if JsonSummary::of(summary, &is_spoilt) == JsonSummary::LeftOut && !is_spoilt(Stream::Output) {
        console.refusal_on_standard_output(refusal);
    }
}

/// Reports how the run ended, on standard error and standard output. If one of them is stuck, a signal ends the process
/// without waiting for it.
pub(super) fn tell(args: &RunArgs, console: &Console, report: &Report, watch: Watch) {
    if console.has_events() {
        report.events().iter().for_each(|event| console.log(event));
    }
    match &report.ending {
        Ending::Rehearsed(_) => show_rehearsal(args, console, report, &watch),
        _ if console.has_events() => {}
        Ending::Stopped(stop) if !watch.has_begun() => console.error(&report.line(stop)),
        Ending::Finished | Ending::Stopped(_) if args.console.quiet => {
            let attention = report.attention();
            if !attention.is_empty() {
                console.error(&attention);
            }
        }
        Ending::Finished | Ending::Stopped(_) => console.say(&report.text(wordiness(&args.console))),
        Ending::Verified | Ending::Reported | Ending::Refused(_) => {}
    }
    finish(JsonSummary::of(&args.summary, |stream| would_spoil(stream, args)), console, report, watch);
}

/// How much a summary says with these flags.
pub(super) fn wordiness(args: &ConsoleArgs) -> Wordiness {
    if args.verbose { Wordiness::Verbose } else { Wordiness::Usual }
}

/// Shows what a dry run found. That is what it is for, so it goes to standard output, whatever the flags, unless a script
/// gets the summary there. What would keep a run from starting is told on standard error too, unless both are one terminal.
fn show_rehearsal(args: &RunArgs, console: &Console, report: &Report, watch: &Watch) {
    let text = report.rehearsal_text();
    if args.summary.json {
        if !console.has_events() {
            console.say(&text);
        }
    } else {
        standard_output::warn_of_rehearsal();
        let hurry = watch.hurry();
        let obstacles = Arc::clone(&report.obstacles);
        let console = console.clone();
        watch.at_the_end(hurry, move || console.show_rehearsal(&text, &obstacles));
    }
    if args.summary.json || !io::stdout().is_terminal() {
        report.obstacles.iter().for_each(|refusal| console.refusal(refusal));
    }
}

/// Whether the summary for a script is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonSummary {
    /// It is.
    Printed,
    /// It is not wanted, or would go into a file of the command.
    LeftOut,
}

impl JsonSummary {
    /// It is printed if it is wanted and standard output does not lead into a file of the command, as `is_spoilt` says.
    pub(super) fn of(summary: &SummaryArgs, is_spoilt: impl Fn(Stream) -> bool) -> Self {
        if summary.json && !is_spoilt(Stream::Output) { Self::Printed } else { Self::LeftOut }
    }
}

/// Prints the summary for a script and ends, when all that was said is written. If standard error or standard output is
/// stuck, a signal ends the process without waiting for it.
pub(super) fn finish(json: JsonSummary, console: &Console, report: &Report, watch: Watch) {
    let hurry = watch.hurry();
    if json == JsonSummary::Printed {
        standard_output::warn_of_summary();
        if !watch.is_hurried(Hurry::WhenGivenUp) {
            // On a terminal the user sees both summaries; the one for the user comes first.
            console.flush(|| true);
        }
        let report = report.clone();
        watch.at_the_end(hurry, move || report.print_json());
    }
    console.flush(|| watch.is_hurried(hurry));
    watch.end();
}

/// Does the same for a run that was refused because the system allows too few threads even for a watch.
pub(super) fn tell_without_watch(args: &RunArgs, console: &Console, report: &Report, shutdown: &Shutdown) {
    let json = JsonSummary::of(&args.summary, |stream| would_spoil(stream, args));
    finish_without_watch(json, console, report, shutdown);
}

/// Does what [`finish`] does, without a watch.
pub(super) fn finish_without_watch(json: JsonSummary, console: &Console, report: &Report, shutdown: &Shutdown) {
    if json == JsonSummary::Printed {
        report.print_json();
    }
    console.flush(|| shutdown.is_stopped());
}
