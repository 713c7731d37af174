//! The arguments of the command `sandbox`.

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::{Rate, parse_age, parse_count, parse_port};
use crate::error::{Cause, Refusal};
use crate::sandbox::{ErrorRate, Faults, InvalidOption, ListDate, Options, RateLimit};
use crate::text::quoted_path;

/// The text below the help.
pub(super) const NOTES: &str = "\
An invitation whose ID ends in 90 is in progress, 91 complete, 92 expired, 93 cancelled, 94 left,
95 terminated; 96 answers 403, 97 does not exist. Every other is pending.

The lists show what was cancelled here. Of the others they show cancelled (93), completed (91, 94,
95) and expired (92) ones, but only those that a cancel call has named: dated one day before the
start. The dates of --list-date invited are invented, from each ID, within 90 days before the start.";

/// What `sandbox` can be told.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 is a free one
    #[arg(long, value_name = "N", value_parser = parse_port, default_value_t = 8080)]
    pub port: u16,
    /// Time that each answer takes
    #[arg(long, value_name = "AGE", default_value = "50ms", value_parser = parse_age)]
    pub latency: Duration,
    /// Answer 429 beyond this rate
    #[arg(long, value_name = "RATE")]
    pub rate_limit: Option<Rate>,
    /// Share of the cancel and list calls that fail with 500, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0")]
    pub error_rate: f64,
    /// Show a cancellation in the list this late
    #[arg(long, value_name = "AGE", default_value = "0s", value_parser = parse_age)]
    pub list_delay: Duration,
    /// Date that a list's window is for: invited or cancelled
    #[arg(long, value_name = "DATE", default_value = "cancelled", value_parser = parse_list_date)]
    pub list_date: ListDate,
    /// Cut a list silently after its N earliest entries
    #[arg(long, value_name = "N", value_parser = parse_list_page)]
    pub list_page: Option<NonZeroUsize>,
    /// File with faults to commit on purpose, by ID, list, attempt, time or chance (JSON)
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// New file for a record of what was received and done, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// What decides which calls fail: the same seed, the same calls
    #[arg(long, value_name = "N", value_parser = parse_count, default_value_t = 0)]
    pub seed: u64,
}

impl SandboxArgs {
    /// Reads the file with the faults, if there is one.
    fn read_faults(&self) -> Result<Faults, Refusal> {
        let Some(path) = &self.faults else { return Ok(Faults::default()) };
        let unusable = || Refusal::new(Cause::Usage, format!("the faults in {} cannot be used", quoted_path(path)));
        let text = std::fs::read_to_string(path).map_err(|error| unusable().caused_by(error))?;
        Faults::parse(&text).map_err(|error| unusable().caused_by(error))
    }

    /// What the sandbox is told.
    ///
    /// # Errors
    ///
    /// When the flags make no sense for a sandbox.
    pub fn options(&self) -> Result<Options, Refusal> {
        let refuse = |error: InvalidOption| Refusal::new(Cause::Usage, error.to_string());
        let rate_limit = match self.rate_limit {
            None | Some(Rate::Unlimited) => None,
            Some(Rate::Limited { calls, period }) => Some(RateLimit::new(calls, period).map_err(refuse)?),
        };
        Ok(Options {
            port: self.port,
            latency: self.latency,
            rate_limit,
            error_rate: ErrorRate::new(self.error_rate).map_err(refuse)?,
            seed: self.seed,
            list_delay: self.list_delay,
            list_date: self.list_date,
            list_page: self.list_page,
            faults: self.read_faults()?,
            record: self.record.clone(),
            ..Options::default()
        })
    }
}

fn parse_list_date(text: &str) -> Result<ListDate, &'static str> {
    match text {
        "invited" => Ok(ListDate::Invited),
        "cancelled" => Ok(ListDate::Cancelled),
        _ => Err("the date is `invited` or `cancelled`"),
    }
}

fn parse_list_page(text: &str) -> Result<NonZeroUsize, Box<dyn Error + Send + Sync>> {
    let entries = NonZeroUsize::new(parse_count(text)?.try_into()?);
    entries.ok_or_else(|| "a list is cut after one entry or more; without this flag it is whole".into())
}
