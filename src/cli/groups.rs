//! Groups the flags by topic. A command uses the groups that it needs.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use encoding_rs::Encoding;

use crate::config::{
    BaseUrl, Concurrency, DEFAULT_BASE_URL, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_OUTAGE, DEFAULT_TIMEOUT, MaxAttempts,
    Patience, Rate, Sha256Sum, Timeout, parse_age, parse_count, parse_line,
};
use crate::input::{Filter, parse_delimiter, parse_encoding};
use crate::shard::Shard;

/// The help heading that several groups share.
pub(super) const OUTPUT: &str = "Output";

/// Where the results of a run go, and what becomes of those that are there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub struct ResultsArgs {
    /// Where results go; - is standard output [default: INPUT with .csv replaced by .results.csv]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Go on with the run that wrote the results; where there are none yet, start it
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace an existing results file
    #[arg(long)]
    pub overwrite: bool,
    /// Write the rows that need attention to this file as well: the input's own columns, then status and error
    #[arg(long, value_name = "FILE")]
    pub failed: Option<PathBuf>,
}

/// How the input is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading the input")]
pub struct ReadingArgs {
    /// The column that holds the invitation ID: a header name or a number from 1 [default: found]
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
    /// The first line is data, not a header
    #[arg(long)]
    pub no_header: bool,
    /// The line of the file that is the header; what stands above it is skipped [default: found]
    #[arg(long, value_name = "N", value_parser = parse_line)]
    pub header_line: Option<NonZeroU64>,
    /// The character between two cells: one character, or tab [default: found]
    #[arg(long, value_name = "C", value_parser = parse_delimiter)]
    pub delimiter: Option<u8>,
    /// The file's encoding, such as windows-1252 [default: found]
    #[arg(long, value_name = "LABEL", value_parser = parse_encoding)]
    pub encoding: Option<&'static Encoding>,
    /// Only rows whose cell is (or, with !=, is not) this; may be repeated, all must hold
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub filters: Vec<Filter>,
    /// Rows that end early are meant: empty cells at their end were left out
    #[arg(long)]
    pub short_rows: bool,
    /// Of N runs over the same input this is the Kth, and takes the rows whose ID falls to it
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
}

/// What keeps a run from cancelling more, or other things, than was meant.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Guards")]
pub struct GuardArgs {
    /// Try to cancel at most the first N invitations
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub limit: Option<u64>,
    /// Refuse to start when more than N invitations would be cancelled
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub max_cancels: Option<u64>,
    /// Refuse to start when the input file is older than this (90s, 10m, 2h, 7d)
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    pub max_input_age: Option<Duration>,
    /// Refuse to start when the input is not the very file with this fingerprint, as --dry-run prints it
    #[arg(long, value_name = "SHA256")]
    pub expect: Option<Sha256Sum>,
    /// Do not ask before cancelling
    #[arg(short, long)]
    pub yes: bool,
    /// Do everything but cancel: read the input, check the key, show what would be done
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// With --dry-run: ask iMocha which of the invitations are cancelled, completed or expired already
    #[arg(long, requires = "dry_run")]
    pub preview: bool,
    /// After the run, hold the results against iMocha's own lists, and settle what is in doubt, as `verify` does
    #[arg(long)]
    pub verify: bool,
}

/// How fast calls are made, and how long for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Calls")]
pub struct PaceArgs {
    /// Ceiling on calls: 5/s, 300/m, 10000/h, 5/15s, unlimited, or auto (auto:20/s with a ceiling):
    /// find what the API bears [default: 5/s]
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// Most calls in flight [default: 4; 32 with --rate auto]
    #[arg(long, value_name = "N")]
    concurrency: Option<Concurrency>,
    /// Most attempts for one row; waiting out 429s and outages uses up none
    #[arg(long, value_name = "N", default_value = DEFAULT_MAX_ATTEMPTS)]
    pub max_attempts: MaxAttempts,
    /// Start no call after this long; finish what is in flight, and stop
    #[arg(long, value_name = "TIME")]
    pub max_duration: Option<Patience>,
}

impl PaceArgs {
    /// The ceiling on calls.
    pub fn rate(&self) -> Rate {
        self.rate.unwrap_or(Rate::DEFAULT)
    }

    /// The most calls in flight.
    pub fn concurrency(&self) -> Concurrency {
        self.concurrency.unwrap_or(match self.rate() {
            Rate::Auto { .. } => Concurrency::TO_FIND_A_RATE,
            Rate::Limited { .. } | Rate::Unlimited => Concurrency::DEFAULT,
        })
    }

    /// The ceiling on list calls, which are heavy: that of other calls only where the operator has named one.
    pub fn list_rate(&self) -> Rate {
        self.rate.filter(|rate| !rate.is_found()).unwrap_or(Rate::OF_LISTS)
    }
}

/// Whom to call, how to get there, and how long to wait for an answer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Calls")]
pub struct ConnectionArgs {
    /// Time for one attempt
    #[arg(long, value_name = "TIME", default_value = DEFAULT_TIMEOUT)]
    pub timeout: Timeout,
    /// How long to wait out an API that is down or keeps answering 429
    #[arg(long, value_name = "TIME", default_value = DEFAULT_MAX_OUTAGE)]
    pub max_outage: Patience,
    /// Where the API is
    #[arg(long, value_name = "URL", default_value = DEFAULT_BASE_URL)]
    pub base_url: BaseUrl,
    #[expect(clippy::doc_markdown, reason = "what stands here is shown on a terminal")]
    /// File that holds the API key [default: $IMOCHA_API_KEY, else the systemd
    /// credential imocha-api-key]
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// Extra root certificates (PEM), as for a company proxy
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// What a script is told.
#[derive(Debug, Args)]
#[command(next_help_heading = OUTPUT)]
pub struct SummaryArgs {
    /// The summary on standard output, as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// How much is said on standard error, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = OUTPUT)]
pub struct ConsoleArgs {
    /// The log's form: text or json
    #[arg(long, value_name = "FORM", default_value = "text", hide_possible_values = true)]
    pub log_format: LogFormat,
    /// Log what came of each row
    #[arg(short, long)]
    pub verbose: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// No progress
    #[arg(long)]
    pub no_progress: bool,
}

/// The forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for a person.
    Text,
    /// One JSON object a line.
    Json,
}
