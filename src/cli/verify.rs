//! What `verify` can be told.

use std::path::PathBuf;

use clap::Args;

use super::groups::{ConnectionArgs, ConsoleArgs, SummaryArgs};
use crate::config::{DEFAULT_LIST_RATE, Patience, Rate, Since};

/// What stands under the help.
pub(super) const NOTES: &str = "\
Examples:
  imocha-cancel verify round-7.results.csv              settle what is in doubt
  imocha-cancel verify round-7.results.csv -n           only tell
  imocha-cancel verify round-7.results.csv --wait 30m   ask again for what is not yet in the lists
  imocha-cancel verify *.results.csv -o verified.csv    each row, with what the lists say of it

Words:
  confirmed           the lists say the same
  settled             in doubt here, and the lists decide
  not_yet_seen        cancelled or in doubt here, and in no list: a list may lag
  contradicted        cancelled here, but listed as completed or expired
  already_cancelled   not cancelled here, but listed as cancelled
  nothing_to_check    the rest

Exit codes: 0 nothing is contradicted or not yet seen, 1 something is, 2 refused,
3 the lists could not be read, 130 and 143 stopped by a signal (both change nothing).
Every flag but -n and -o can be given as IMOCHA_CANCEL_<FLAG> in the environment.";

/// What `verify` can be told.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Results files that `run` wrote
    #[arg(required = true, value_name = "RESULTS")]
    pub results: Vec<PathBuf>,
    /// From when on to ask: an age (90d), a day (2026-01-31) or a moment (2026-01-31T02:00:00Z) [default: 30 days
    /// before the first run; it grows up to a year while cancelled invitations are missing]
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Ask again, for this long, while rows are not yet seen
    #[arg(long, value_name = "TIME")]
    pub wait: Option<Patience>,
    /// Change nothing, only tell
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Write each row with a first column `verified`; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Ceiling on list calls: they are heavy
    #[arg(long, value_name = "RATE", default_value = DEFAULT_LIST_RATE, help_heading = "Calls")]
    rate: Rate,
    /// Whom to call.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What a script is told.
    #[command(flatten)]
    pub summary: SummaryArgs,
    /// How much is said on standard error.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

impl VerifyArgs {
    /// The ceiling on list calls. A rate that is to be found, as an environment may have it for `run`, means the usual one.
    pub fn list_rate(&self) -> Rate {
        if self.rate.is_found() { Rate::OF_LISTS } else { self.rate }
    }
}
