//! The arguments of the command `run`.

use std::path::PathBuf;

use clap::Args;

use super::groups::{ConnectionArgs, ConsoleArgs, GuardArgs, OUTPUT, PaceArgs, ReadingArgs, ResultsArgs, SummaryArgs};

/// The text below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  imocha-cancel run samples/invitations.csv --sandbox   rehearse: no key, no network
  imocha-cancel run round-7.csv --dry-run               what would be done? Nothing is cancelled
  imocha-cancel run round-7.csv --limit 10              a first careful step
  imocha-cancel run round-7.csv --resume                go on after a stop, a crash or a first step
  imocha-cancel run round-7.csv --yes -o done.csv       without a question, as from cron

Exit codes: 0 all cancelled, 1 some rows were not, 2 refused (nothing was sent), 3 stopped early,
130 and 143 stopped by a signal.
Every flag but -y, -n, --preview, --resume, --overwrite and --sandbox can be given as IMOCHA_CANCEL_<FLAG> in the environment.";

/// What `run` can be told.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// CSV file with the invitations to cancel, or - for standard input
    pub input: PathBuf,
    /// Where the results go.
    #[command(flatten)]
    pub results: ResultsArgs,
    /// How the input is read.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// What keeps the run from cancelling more than was meant.
    #[command(flatten)]
    pub guards: GuardArgs,
    /// How fast calls are made.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Whom to call.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Run against a simulated iMocha inside this process: no key, no network
    #[arg(long, help_heading = "Calls")]
    pub sandbox: bool,
    /// What a script is told.
    #[command(flatten)]
    pub summary: SummaryArgs,
    #[expect(clippy::doc_markdown, reason = "what stands here is shown on a terminal")]
    /// Metrics of the run for the textfile collector of node_exporter, replaced at its end; a name that ends in .prom
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub metrics_file: Option<PathBuf>,
    /// Write a page about the results as well, as `report` makes it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// How much is said on standard error.
    #[command(flatten)]
    pub console: ConsoleArgs,
}
