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
mod found_rate;
mod guards;
mod held;
mod man;
mod metrics;
mod nearest;
mod own_file;
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
mod usage;
mod verified_rows;
mod verify;
mod watch;

use std::ffi::OsString;
use std::io::ErrorKind;

use clap::FromArgMatches;

use self::again::CommandLine;
use crate::cli::{Cli, Command, SandboxArgs};
use crate::ending::ExitCode;
use crate::error::{Cause, Refusal};
use crate::sandbox::{Sandbox, StartError};
use crate::ui::Console;

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
        Err(error) => usage::explain(error, &mut command, &arguments),
    }
}

/// The name of the main command.
const RUN: &str = "run";

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
    let sandbox = Sandbox::start(args.options()?).map_err(unservable)?;
    Console::plain().sandbox_ready(&sandbox.base_url(), sandbox.api_key());
    let ended = |error| Refusal::new(Cause::Usage, "the sandbox could not go on").caused_by(error);
    sandbox.wait().map_err(ended)
}

fn unservable(error: StartError) -> Refusal {
    let refusal = Refusal::new(Cause::Usage, error.to_string());
    match error {
        StartError::Port { source, .. } => match source.kind() {
            ErrorKind::AddrInUse | ErrorKind::PermissionDenied => {
                refusal.hint("name a free port with --port; 0 takes any")
            }
            _ => refusal,
        }
        .caused_by(source),
        StartError::Record { source, .. } => match source.kind() {
            ErrorKind::AlreadyExists => {
                refusal.hint("it is there already; name a file with --record that is not there yet")
            }
            ErrorKind::NotFound => refusal.hint("make its directory, or name another file with --record"),
            _ => refusal.hint("name a file with --record in a directory that you may write to").caused_by(source),
        },
        StartError::Thread(source) => refusal.caused_by(source),
    }
}
