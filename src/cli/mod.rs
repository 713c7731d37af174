//! Parses the command line: commands, flags, their help, and their environment variables. It only parses;
//! [`app`](crate::app) decides what the flags mean for a run.
//!
//! Each command has a file with its arguments. Flags that several commands have are written once, in `groups`. A new
//! flag needs one field: its environment variable is added automatically.

mod completions;
mod environment;
mod groups;
mod man;
mod report;
mod run;
mod sandbox;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};

pub use self::completions::CompletionsArgs;
pub use self::groups::{
    ConnectionArgs, ConsoleArgs, GuardArgs, LogFormat, PaceArgs, ReadingArgs, ResultsArgs, SummaryArgs,
};
pub use self::man::ManArgs;
pub use self::report::{ColumnNames, ReportArgs};
pub use self::run::RunArgs;
pub use self::sandbox::{LimiterName, SandboxArgs};
pub use self::verify::VerifyArgs;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "imocha-cancel", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Cancel every invitation in a CSV file, and write one result for each row
    #[command(after_help = run::EXAMPLES)]
    Run(Box<RunArgs>),
    /// Hold results against iMocha's own lists, and settle what is in doubt
    #[command(after_help = verify::NOTES)]
    Verify(Box<VerifyArgs>),
    /// Make one page about results, for people who would rather look than read
    #[command(after_help = report::NOTES)]
    Report(ReportArgs),
    /// Serve a simulated iMocha API on this machine, to rehearse against
    #[command(after_help = sandbox::notes())]
    Sandbox(SandboxArgs),
    /// Print what a shell loads to complete commands, flags and files
    #[command(after_help = completions::NOTES)]
    Completions(CompletionsArgs),
    /// Write the manual pages
    #[command(after_help = man::NOTES)]
    Man(ManArgs),
}

impl Cli {
    /// The parser of the command line, including the environment variables and what shells are told of the values.
    pub fn parser() -> clap::Command {
        completions::with_hints(environment::with_twins(Self::command()))
    }

    /// The environment variable that gives the flag with this name, without its dashes.
    pub fn variable_of(flag: &str) -> String {
        environment::twin_of(flag)
    }
}
