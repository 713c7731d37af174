//! Decides from the flags, before the first call, where rows come from, where results go, and which API to call.

use std::fmt;
use std::io;
use std::path::Path;

use indicatif::HumanCount;

use super::nearest::or_nearest;
use super::remembered::Remembered;
use super::{collisions, credentials, proxy, standard_output};
use crate::cli::{ConnectionArgs, RunArgs, VerifyArgs};
use crate::client::Client;
use crate::config::{ApiKey, BaseUrl, Concurrency, Config, ConfigError, Patience, Rate, Sha256Sum};
use crate::engine::Lister;
use crate::error::{Cause, Refusal};
use crate::input::{self, HeaderOption, InputFile, ReadingOptions, RowReader, ShortRows, Survey};
use crate::results::{Existing, ResultsFile};
use crate::sandbox::{self, Sandbox};
use crate::shard::ShardPart;
use crate::shutdown::Shutdown;
use crate::text::{Scrubber, plural, quoted_path};
use crate::ui::Api;

/// The input of a run.
#[expect(clippy::large_enum_variant, reason = "a run has one")]
#[derive(Debug)]
pub(super) enum Source {
    /// A file that was surveyed from its first byte to its last.
    File { file: InputFile, survey: Survey },
    /// Standard input, whose rows are not known in advance.
    Stream(RowReader),
}

impl Source {
    /// Opens the input and finds out how to read it; surveys a file.
    pub(super) fn open(args: &RunArgs) -> Result<Self, Refusal> {
        let options = reading_options(args);
        if args.reads_standard_input() {
            return Ok(Self::Stream(RowReader::from_stream(io::stdin(), &options)?));
        }
        let (file, survey) = input::survey_file(&args.input, &options)?;
        Ok(Self::File { file, survey })
    }

    /// How many rows there are, if that is known.
    pub(super) fn rows(&self) -> Option<u64> {
        match self {
            Self::File { survey, .. } => Some(survey.rows),
            Self::Stream(_) => None,
        }
    }

    /// Which shard of the input the rows are, if it is split.
    pub(super) fn part(&self) -> Option<ShardPart> {
        match self {
            Self::File { survey, .. } => survey.part(),
            Self::Stream(reader) => reader.reading().shard.map(|shard| ShardPart { shard, input_rows: None }),
        }
    }

    /// The SHA-256 of a file.
    pub(super) fn sha256(&self) -> Option<Sha256Sum> {
        match self {
            Self::File { survey, .. } => survey.fingerprint.map(|file| file.sha256),
            Self::Stream(_) => None,
        }
    }

    /// Begins to read the rows. Makes sure that the bytes are those that were surveyed.
    pub(super) fn into_reader(self) -> Result<RowReader, Refusal> {
        match self {
            Self::File { file, survey } => {
                file.check_unchanged()?;
                Ok(RowReader::from_file(file, survey.reading)?)
            }
            Self::Stream(reader) => Ok(reader),
        }
    }
}

/// Looks whether the input is there, before anything else: a mistyped name is what is to be mended first.
pub(super) fn look_at_input(args: &RunArgs) -> Result<(), Refusal> {
    if args.reads_standard_input() {
        return Ok(());
    }
    input::check_readable(&args.input).map_err(|refusal| or_nearest(refusal, &args.input))
}

/// The operator's options for reading the input.
pub(super) fn reading_options(args: &RunArgs) -> ReadingOptions {
    ReadingOptions {
        id_column: args.reading.id_column.clone(),
        header: match args.reading.header_line {
            Some(line) => HeaderOption::OnLine(line),
            None if args.reading.no_header => HeaderOption::Absent,
            None => HeaderOption::Find,
        },
        delimiter: args.reading.delimiter,
        encoding: args.reading.encoding,
        filters: args.reading.filters.clone(),
        short_rows: if args.reading.short_rows { ShortRows::Meant } else { ShortRows::Doubted },
        shard: args.reading.shard,
        expected: args.guards.expect,
    }
}

/// What a shard takes of the input, in words; `None` if all of it is taken.
pub(super) fn shard_in_words(survey: &Survey) -> Option<String> {
    let shard = survey.reading.shard?;
    let (rows, all) = (HumanCount(survey.rows), HumanCount(survey.input_rows));
    let others = HumanCount(survey.input_rows - survey.rows);
    Some(format!("{shard}, with {rows} of the {all} rows of the input; {others} fall to other shards"))
}

/// The counts of a survey in words.
pub(super) fn surveyed(survey: &Survey) -> String {
    let mut words = vec![format!("{} {}", HumanCount(survey.rows), plural(survey.rows, "row"))];
    for (count, name) in
        [(survey.invalid, "without a valid ID"), (survey.duplicates, "duplicate"), (survey.filtered, "filtered out")]
    {
        if count > 0 {
            words.push(format!("{} {name}", HumanCount(count)));
        }
    }
    words.join(", ")
}

/// The destination of the results.
#[derive(Debug)]
pub(super) enum Sink {
    File(ResultsFile),
    StandardOutput,
}

impl Sink {
    /// Decides where the results go, without touching anything.
    pub(super) fn plan(args: &RunArgs) -> Result<Self, Refusal> {
        let path = args.results_path();
        collisions::check(args, path.as_deref())?;
        let Some(path) = path else {
            standard_output::check_results()?;
            return Ok(Self::StandardOutput);
        };
        let existing = match (args.results.overwrite, args.results.resume) {
            (true, _) => Existing::Replace,
            (false, true) => Existing::Resume,
            (false, false) => Existing::Keep,
        };
        let file = ResultsFile::plan(path, existing)?;
        // For standard input it is unknown who may read it, so only the owner may read the results.
        Ok(Self::File(if args.reads_standard_input() { file } else { file.for_readers_of(&args.input) }))
    }

    /// The path of the results file, as the operator named it; `None` for standard output.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file.path()),
            Self::StandardOutput => None,
        }
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => formatter.write_str(&quoted_path(path)),
            None => formatter.write_str("standard output"),
        }
    }
}

/// The API to call, and how to call it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) config: Config,
    pub(super) api_key: ApiKey,
    pub(super) client: Client,
    /// The simulated API, which runs as long as this value exists.
    sandbox: Option<Sandbox>,
}

impl Endpoint {
    /// Settles whom a run calls; for `--sandbox` it is started.
    pub(super) fn of_run(args: &RunArgs) -> Result<Self, Refusal> {
        let sandbox = if args.sandbox { Some(start_sandbox()?) } else { None };
        Self::of(&args.connection, args.pace.rate(), args.pace.concurrency(), sandbox)
    }

    /// Settles whom to call for lists, one at a time.
    pub(super) fn of_verify(args: &VerifyArgs) -> Result<Self, Refusal> {
        Self::of(&args.connection, args.list_rate(), Concurrency::ONE, None)
    }

    fn of(
        args: &ConnectionArgs,
        rate: Rate,
        concurrency: Concurrency,
        sandbox: Option<Sandbox>,
    ) -> Result<Self, Refusal> {
        let (base_url, api_key) = match &sandbox {
            Some(sandbox) => (own_url(sandbox)?, own_key(sandbox)?),
            None => (args.base_url.clone(), credentials::api_key(args.api_key_file.as_deref())?),
        };
        proxy::check(&base_url)?;
        let config = Config { base_url, rate, concurrency, timeout: args.timeout };
        let extra_roots = match &args.ca_file {
            Some(path) => credentials::root_certificates(path)?,
            None => Vec::new(),
        };
        let client = Client::new(&config, &api_key, extra_roots)?;
        Ok(Self { config, api_key, client, sandbox })
    }

    /// What earlier runs found for this API and key; `None` for the sandbox of this process, which lives no longer.
    pub(super) fn remembered(&self) -> Option<Remembered> {
        let remembered = || Remembered { base_url: self.config.base_url.clone(), api_key: self.api_key.clone() };
        self.sandbox.is_none().then(remembered)
    }

    /// Which API is called, as far as the answers so far tell.
    pub(super) fn api(&self) -> Api {
        if self.sandbox.is_some() || self.client.is_simulated() { Api::Simulated } else { Api::Real }
    }

    /// What asks for iMocha's lists at this pace, waits out no longer an outage than this, and ends when `shutdown` says so.
    pub(super) fn lister(&self, rate: Rate, max_outage: Patience, shutdown: Shutdown) -> Lister {
        let scrubber = Scrubber::new(self.api_key.clone());
        Lister::new(self.client.clone(), (rate, max_outage.get()), scrubber, shutdown)
    }

    /// The host, as it is shown to the user.
    pub(super) fn host(&self) -> String {
        let host = self.config.base_url.host();
        if self.sandbox.is_some() { format!("the sandbox ({host})") } else { host }
    }
}

fn start_sandbox() -> Result<Sandbox, Refusal> {
    Sandbox::start(sandbox::Options::default())
        .map_err(|error| Refusal::new(Cause::Outage, "could not start the sandbox").caused_by(error))
}

fn own_url(sandbox: &Sandbox) -> Result<BaseUrl, Refusal> {
    sandbox.base_url().parse().map_err(of_the_sandbox)
}

fn own_key(sandbox: &Sandbox) -> Result<ApiKey, Refusal> {
    sandbox.api_key().parse().map_err(of_the_sandbox)
}

fn of_the_sandbox(error: ConfigError) -> Refusal {
    Refusal::new(Cause::Outage, "could not call the sandbox").caused_by(error)
}
