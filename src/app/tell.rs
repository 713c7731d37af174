//! The last words of a run: the summary for a person, the one for a script, and the command that goes on.

use super::again::CommandLine;
use super::collisions::{Stream, would_spoil};
use super::standard_output;
use super::watch::{Hurry, Watch};
use crate::cli::RunArgs;
use crate::ending::Ending;
use crate::error::Refusal;
use crate::shutdown::Shutdown;
use crate::ui::{Api, Console, Report};

/// The report with what the command line says.
pub(super) fn with_what_is_known(
    report: Report,
    shutdown: &Shutdown,
    args: &RunArgs,
    command: Option<&CommandLine>,
) -> Report {
    let resume_command = command.filter(|_| !args.reads_standard_input()).and_then(|command| {
        match &report.ending {
            // Nothing was begun, so nothing can be gone on with.
            Ending::Stopped(_) if !shutdown.has_begun() => command.once_more(),
            Ending::Stopped(_) | Ending::Finished | Ending::Rehearsed | Ending::Verified | Ending::Refused(_) => {
                report.can_be_resumed().then(|| command.going_on()).flatten()
            }
        }
    });
    let host = report.host.clone().or_else(|| (!args.sandbox).then(|| args.connection.base_url.host()));
    let api = if args.sandbox { Api::Simulated } else { report.api };
    Report { input: Some(args.input.clone()), host, api, resume_command, ..report }
}

/// Says why a run is refused: on standard error, but where that is a file of the run itself, which nothing may be added to.
pub(super) fn refuse(args: &RunArgs, console: &Console, refusal: &Refusal) {
    if !would_spoil(Stream::Error, args) {
        console.refusal(refusal);
    } else if !args.summary.json && !would_spoil(Stream::Output, args) {
        console.refusal_on_standard_output(refusal);
    }
}

/// Says how it ended, on standard error and standard output. Where one of them is stuck, a signal leaves without it.
pub(super) fn tell(args: &RunArgs, console: &Console, report: &Report, watch: Watch) {
    match &report.ending {
        Ending::Stopped(stop) if !watch.has_begun() => console.error(&report.line(stop)),
        Ending::Finished | Ending::Stopped(_) => console.say(&report.text()),
        Ending::Rehearsed | Ending::Verified | Ending::Refused(_) => {}
    }
    let hurry = watch.hurry();
    if has_place_for_json(args) {
        standard_output::warn_of_summary();
        if !watch.is_hurried(Hurry::WhenGivenUp) {
            // On a terminal both summaries are read, the one for a person first.
            console.flush(|| true);
        }
        let report = report.clone();
        watch.at_the_end(hurry, move || report.print_json());
    }
    console.flush(|| watch.is_hurried(hurry));
    watch.end();
}

/// The same for a run that was refused because there are too few threads, also for a watch.
pub(super) fn tell_without_watch(args: &RunArgs, console: &Console, report: &Report, shutdown: &Shutdown) {
    if has_place_for_json(args) {
        report.print_json();
    }
    console.flush(|| shutdown.is_stopped());
}

/// Whether the summary for a script is asked for, and does not spoil a file of the run.
fn has_place_for_json(args: &RunArgs) -> bool {
    args.summary.json && !would_spoil(Stream::Output, args)
}
