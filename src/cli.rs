//! The command line: commands, flags, their help, and their twins in the environment. It only parses; what the flags
//! mean for a run is decided in [`app`](crate::app).

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use encoding_rs::Encoding;

use crate::config::{
    BaseUrl, Concurrency, DEFAULT_BASE_URL, DEFAULT_CONCURRENCY, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_OUTAGE,
    DEFAULT_RATE, DEFAULT_TIMEOUT, MaxAttempts, Patience, Rate, Timeout, parse_age, parse_count, parse_port,
};
use crate::error::{Cause, Refusal};
use crate::input::{Filter, parse_delimiter, parse_encoding};
use crate::sandbox::{ErrorRate, Faults, InvalidOption, Options, RateLimit};
use crate::text::quoted_path;

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
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Serve a simulated iMocha API on this machine, to rehearse against
    #[command(after_help = SANDBOX_NOTES)]
    Sandbox(SandboxArgs),
}

const RUN_EXAMPLES: &str = "\
Examples:
  imocha-cancel run samples/invitations.csv --sandbox   rehearse: no key, no network
  imocha-cancel run round-7.csv --dry-run               what would be done? Nothing is cancelled
  imocha-cancel run round-7.csv --limit 10              a first careful step
  imocha-cancel run round-7.csv --resume                go on after a stop, a crash or a first step
  imocha-cancel run round-7.csv --yes -o done.csv       without a question, as from cron

Exit codes: 0 all cancelled, 1 some rows were not, 2 refused (nothing was sent), 3 stopped early,
130 and 143 stopped by a signal.
Every flag but -y, -n, --resume, --overwrite and --sandbox can be given as IMOCHA_CANCEL_<FLAG> in the environment.";

const SANDBOX_NOTES: &str = "\
An invitation whose ID ends in 90 is in progress, 91 complete, 92 expired, 93 cancelled, 94 left, 95 terminated;
96 answers 403, 97 does not exist. Every other is pending.";

/// What `run` can be told.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[expect(clippy::doc_markdown, reason = "what stands here is shown on a terminal")]
#[derive(Debug, Args)]
pub struct RunArgs {
    /// CSV file with the invitations to cancel, or - for standard input
    pub input: PathBuf,

    /// Where results go; - is standard output [default: INPUT with .csv replaced by .results.csv]
    #[arg(short, long, value_name = "FILE", env = "IMOCHA_CANCEL_OUTPUT", hide_env = true, help_heading = FILES)]
    pub output: Option<PathBuf>,
    /// Go on with the run that wrote the results; where there are none yet, start it
    #[arg(long, conflicts_with = "overwrite", help_heading = FILES)]
    pub resume: bool,
    /// Replace an existing results file
    #[arg(long, help_heading = FILES)]
    pub overwrite: bool,

    /// The column that holds the invitation ID: a header name or a number from 1 [default: found]
    #[arg(long, value_name = "NAME", env = "IMOCHA_CANCEL_ID_COLUMN", hide_env = true, help_heading = READING)]
    pub id_column: Option<String>,
    /// The first line is data, not a header
    #[arg(long, env = "IMOCHA_CANCEL_NO_HEADER", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = READING)]
    pub no_header: bool,
    /// The character between two cells: one character, or tab [default: found]
    #[arg(long, value_name = "C", env = "IMOCHA_CANCEL_DELIMITER", hide_env = true, value_parser = parse_delimiter, help_heading = READING)]
    pub delimiter: Option<u8>,
    /// The file's encoding, such as windows-1252 [default: found]
    #[arg(long, value_name = "LABEL", env = "IMOCHA_CANCEL_ENCODING", hide_env = true, value_parser = parse_encoding, help_heading = READING)]
    pub encoding: Option<&'static Encoding>,
    /// Only rows whose cell is (or, with !=, is not) this; may be repeated, all must hold
    #[arg(long = "where", value_name = "COLUMN=VALUE", env = "IMOCHA_CANCEL_WHERE", hide_env = true, help_heading = READING)]
    pub filters: Vec<Filter>,
    /// Rows that end early are meant: empty cells at their end were left out
    #[arg(long, env = "IMOCHA_CANCEL_SHORT_ROWS", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = READING)]
    pub short_rows: bool,

    /// Try to cancel at most the first N invitations
    #[arg(long, value_name = "N", env = "IMOCHA_CANCEL_LIMIT", hide_env = true, value_parser = parse_count, help_heading = GUARDS)]
    pub limit: Option<u64>,
    /// Refuse to start when more than N invitations would be cancelled
    #[arg(long, value_name = "N", env = "IMOCHA_CANCEL_MAX_CANCELS", hide_env = true, value_parser = parse_count, help_heading = GUARDS)]
    pub max_cancels: Option<u64>,
    /// Refuse to start when the input file is older than this (90s, 10m, 2h, 7d)
    #[arg(long, value_name = "AGE", env = "IMOCHA_CANCEL_MAX_INPUT_AGE", hide_env = true, value_parser = parse_age, help_heading = GUARDS)]
    pub max_input_age: Option<Duration>,
    /// Do not ask before cancelling
    #[arg(short, long, help_heading = GUARDS)]
    pub yes: bool,
    /// Do everything but cancel: read the input, check the key, show what would be done
    #[arg(short = 'n', long, help_heading = GUARDS)]
    pub dry_run: bool,

    /// Ceiling on calls: 5/s, 300/m, 10000/h, 5/15s or unlimited
    #[arg(long, value_name = "RATE", env = "IMOCHA_CANCEL_RATE", hide_env = true, default_value = DEFAULT_RATE, help_heading = CALLS)]
    pub rate: Rate,
    /// Most calls in flight
    #[arg(long, value_name = "N", env = "IMOCHA_CANCEL_CONCURRENCY", hide_env = true, default_value = DEFAULT_CONCURRENCY, help_heading = CALLS)]
    pub concurrency: Concurrency,
    /// Most attempts for one row; waiting out 429s and outages uses up none
    #[arg(long, value_name = "N", env = "IMOCHA_CANCEL_MAX_ATTEMPTS", hide_env = true, default_value = DEFAULT_MAX_ATTEMPTS, help_heading = CALLS)]
    pub max_attempts: MaxAttempts,
    /// Time for one attempt
    #[arg(long, value_name = "AGE", env = "IMOCHA_CANCEL_TIMEOUT", hide_env = true, default_value = DEFAULT_TIMEOUT, help_heading = CALLS)]
    pub timeout: Timeout,
    /// How long to wait out an API that is down or keeps answering 429
    #[arg(long, value_name = "AGE", env = "IMOCHA_CANCEL_MAX_OUTAGE", hide_env = true, default_value = DEFAULT_MAX_OUTAGE, help_heading = CALLS)]
    pub max_outage: Patience,
    /// Start no call after this long; finish what is in flight, and stop
    #[arg(long, value_name = "AGE", env = "IMOCHA_CANCEL_MAX_DURATION", hide_env = true, help_heading = CALLS)]
    pub max_duration: Option<Patience>,
    /// Where the API is
    #[arg(long, value_name = "URL", env = "IMOCHA_CANCEL_BASE_URL", hide_env = true, default_value = DEFAULT_BASE_URL, help_heading = CALLS)]
    pub base_url: BaseUrl,
    /// File that holds the API key [default: $IMOCHA_API_KEY, else the systemd
    /// credential imocha-api-key]
    #[arg(long, value_name = "FILE", env = "IMOCHA_CANCEL_API_KEY_FILE", hide_env = true, help_heading = CALLS)]
    pub api_key_file: Option<PathBuf>,
    /// Extra root certificates (PEM), as for a company proxy
    #[arg(long, value_name = "FILE", env = "IMOCHA_CANCEL_CA_FILE", hide_env = true, help_heading = CALLS)]
    pub ca_file: Option<PathBuf>,
    /// Run against a simulated iMocha inside this process: no key, no network
    #[arg(long, help_heading = CALLS)]
    pub sandbox: bool,

    /// The summary on standard output, as one JSON object
    #[arg(long, env = "IMOCHA_CANCEL_JSON", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
    pub json: bool,
    #[command(flatten)]
    /// How much is said on standard error.
    pub console: ConsoleArgs,
}

const FILES: &str = "Results";
const READING: &str = "Reading the input";
const GUARDS: &str = "Guards";
const CALLS: &str = "Calls";
const OUTPUT: &str = "Output";

/// How much is said on standard error, and how.
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// The log's form: text or json
    #[arg(long, value_name = "FORM", env = "IMOCHA_CANCEL_LOG_FORMAT", hide_env = true, default_value = "text", hide_possible_values = true, help_heading = OUTPUT)]
    pub log_format: LogFormat,
    /// Log what came of each row
    #[arg(short, long, env = "IMOCHA_CANCEL_VERBOSE", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
    pub verbose: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long, env = "IMOCHA_CANCEL_QUIET", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
    pub quiet: bool,
    /// No progress
    #[arg(long, env = "IMOCHA_CANCEL_NO_PROGRESS", hide_env = true, value_parser = FalseyValueParser::new(), help_heading = OUTPUT)]
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

/// What `sandbox` can be told.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 is a free one
    #[arg(long, value_name = "N", env = "IMOCHA_CANCEL_PORT", hide_env = true, value_parser = parse_port, default_value_t = 8080)]
    pub port: u16,
    /// Time that each answer takes
    #[arg(long, value_name = "AGE", env = "IMOCHA_CANCEL_LATENCY", hide_env = true, default_value = "50ms", value_parser = parse_age)]
    pub latency: Duration,
    /// Answer 429 beyond this rate
    #[arg(long, value_name = "RATE", env = "IMOCHA_CANCEL_RATE_LIMIT", hide_env = true)]
    pub rate_limit: Option<Rate>,
    /// Share of the cancel calls that fail with 500, from 0 to 1
    #[arg(long, value_name = "SHARE", env = "IMOCHA_CANCEL_ERROR_RATE", hide_env = true, default_value = "0")]
    pub error_rate: f64,
    /// File with faults to commit on purpose, by ID, attempt, time or chance (JSON)
    #[arg(long, value_name = "FILE", env = "IMOCHA_CANCEL_FAULTS", hide_env = true)]
    pub faults: Option<PathBuf>,
    /// New file for a record of what was received and done, one JSON object a line
    #[arg(long, value_name = "FILE", env = "IMOCHA_CANCEL_RECORD", hide_env = true)]
    pub record: Option<PathBuf>,
    /// What decides which calls fail: the same seed, the same calls
    #[arg(long, value_name = "N", env = "IMOCHA_CANCEL_SEED", hide_env = true, value_parser = parse_count, default_value_t = 0)]
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
            faults: self.read_faults()?,
            record: self.record.clone(),
            ..Options::default()
        })
    }
}
