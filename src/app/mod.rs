//! One function for each command: it puts the rooms together, and turns every way out into an exit code.

mod credentials;
mod dry_run;
mod plan;
mod resume;
mod run;

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command, SandboxArgs};
use crate::error::{Cause, Refusal};
use crate::exit;
use crate::sandbox::Sandbox;
use crate::ui::{Console, Report};

/// Parses the command line and does what it says.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => match cli.command {
            Command::Run(args) => run::run(&args, &arguments).into(),
            Command::Sandbox(args) => sandbox(&args).into(),
        },
        Err(error) => usage(&error, &arguments).into(),
    }
}

/// Shows help, a version, or what is wrong with the command line.
fn usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    // Nobody is left to tell when the terminal is gone.
    drop(error.print());
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return exit::DONE;
    }
    if wants_json(arguments) {
        Report::refused(Cause::Usage).print_json();
    }
    exit::REFUSED
}

/// Whether a command line that cannot be parsed asks for the JSON summary: it is promised on every way out.
fn wants_json(arguments: &[OsString]) -> bool {
    let runs = arguments.get(1).map(OsString::as_os_str) == Some(OsStr::new("run"));
    let from_environment = || {
        std::env::var("IMOCHA_CANCEL_JSON")
            .is_ok_and(|value| !["", "0", "f", "false", "n", "no", "off"].contains(&value.to_lowercase().as_str()))
    };
    runs && (arguments.iter().any(|argument| argument == "--json") || from_environment())
}

/// How many tasks are polled at the most before the sockets are looked at again. A call takes about three, and there are as
/// many tasks as calls in flight, so all that is ready is done first. Measured at 64 of them: with tokio's 61 a call takes
/// 1.15 times the processor time, most of it for waking the other end; beyond 256 nothing changes.
const POLLS_A_LOOK: u32 = 256;

/// The runtime for calls: one thread, on which nothing blocks. A second one would cost half as much processor time again
/// and bring nothing.
fn runtime() -> Result<Runtime, Refusal> {
    Builder::new_current_thread()
        .enable_all()
        .event_interval(POLLS_A_LOOK)
        .build()
        .map_err(|error| Refusal::new(Cause::Usage, "could not start the runtime").caused_by(error))
}

/// Serves the simulated API until the process is ended.
fn sandbox(args: &SandboxArgs) -> u8 {
    let console = Console::plain();
    let served = args.options().and_then(|options| {
        let sandbox = Sandbox::start(options).map_err(|error| unservable(args.port, error))?;
        console.sandbox_ready(&sandbox.base_url(), sandbox.api_key());
        sandbox.wait().map_err(|error| unservable(args.port, error))
    });
    match served {
        Ok(()) => exit::DONE,
        Err(refusal) => {
            console.refusal(&refusal);
            exit::REFUSED
        }
    }
}

fn unservable(port: u16, error: io::Error) -> Refusal {
    Refusal::new(Cause::Usage, format!("could not serve on 127.0.0.1:{port}"))
        .hint("name a free port with --port; 0 takes any")
        .caused_by(error)
}
