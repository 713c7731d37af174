//! Has one function for each command, which connects the rooms and turns every ending into an exit code.

mod afterwards;
mod again;
mod already;
mod asking;
mod chosen;
mod collisions;
mod completions;
mod credentials;
mod crosscheck;
mod dry_run;
mod failed;
mod flags;
mod guards;
mod held;
mod man;
mod metrics;
mod places;
mod plan;
mod proxy;
mod readers;
mod remembered;
mod replaced;
mod report;
mod resume;
mod run;
mod standard_output;
mod tell;
#[cfg(test)]
mod tests;
mod verified_rows;
mod verify;
mod watch;

use std::ffi::{OsStr, OsString};
use std::io;

use clap::FromArgMatches;
use clap::error::ErrorKind;

use self::again::CommandLine;
use crate::cli::{Cli, Command, SandboxArgs};
use crate::ending::ExitCode;
use crate::error::{Cause, Refusal};
use crate::sandbox::Sandbox;
use crate::ui::{Console, Report};

/// Parses the command line and does what it says.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = Cli::parser();
    let parsed = command.try_get_matches_from_mut(&arguments).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok((cli, matches))
    });
    match parsed {
        Ok((cli, matches)) => match cli.command {
            Command::Run(args) => {
                let run = command.find_subcommand(RUN).zip(matches.subcommand_matches(RUN));
                let line = run.map(|(command, matches)| CommandLine::of(command, matches));
                run::run(*args, line.as_ref())
            }
            Command::Verify(args) => verify::verify(*args),
            Command::Report(args) => report::report(args),
            Command::Sandbox(args) => done(sandbox(&args)),
            Command::Completions(args) => done(completions::print(&args)),
            Command::Man(args) => done(man::write(&args)),
        },
        Err(error) => usage(&error, &arguments),
    }
}

/// The name of the main command.
const RUN: &str = "run";
/// The commands that have a summary.
const WITH_SUMMARY: [&str; 3] = [RUN, "verify", "report"];

/// Shows help, a version, or what is wrong with the command line.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    // An error here means that the terminal is gone, so it cannot be reported.
    drop(error.print());
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return ExitCode::Done;
    }
    if wants_json(arguments) {
        let text = error.to_string();
        let sentence = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let words: Vec<&str> = sentence.split_whitespace().collect();
        Report::refused(&Refusal::new(Cause::Usage, words.join(" "))).print_json();
    }
    ExitCode::Refused
}

/// Whether a command line that cannot be parsed asks for the JSON summary, which is promised for every ending.
fn wants_json(arguments: &[OsString]) -> bool {
    let runs = arguments.get(1).is_some_and(|command| WITH_SUMMARY.iter().any(|name| command == OsStr::new(name)));
    let from_environment = || {
        std::env::var("IMOCHA_CANCEL_JSON")
            .is_ok_and(|value| !["", "0", "f", "false", "n", "no", "off"].contains(&value.to_lowercase().as_str()))
    };
    runs && (arguments.iter().any(|argument| argument == "--json") || from_environment())
}

/// Ends a command that has no summary.
fn done(end: Result<(), Refusal>) -> ExitCode {
    match end {
        Ok(()) => ExitCode::Done,
        Err(refusal) => {
            Console::plain().refusal(&refusal);
            ExitCode::Refused
        }
    }
}

/// Serves the simulated API until the process is ended.
fn sandbox(args: &SandboxArgs) -> Result<(), Refusal> {
    let sandbox = Sandbox::start(args.options()?).map_err(|error| unservable(args.port, error))?;
    Console::plain().sandbox_ready(&sandbox.base_url(), sandbox.api_key());
    sandbox.wait().map_err(|error| unservable(args.port, error))
}

fn unservable(port: u16, error: io::Error) -> Refusal {
    let refusal = Refusal::new(Cause::Usage, format!("could not serve on 127.0.0.1:{port}"));
    let is_of_the_port = error.raw_os_error().is_some();
    match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied if is_of_the_port => {
            refusal.hint("name a free port with --port; 0 takes any")
        }
        io::ErrorKind::AlreadyExists => refusal.hint("name a file with --record that is not there yet"),
        _ => refusal,
    }
    .caused_by(error)
}
