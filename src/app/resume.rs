//! Resumes what earlier runs left, after checking that their results belong to this very input.

use std::fs::File;
use std::path::Path;

use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};
use crate::input::{Fingerprint, Reading, Survey};
use crate::results::format::Format;
use crate::results::reader::has_zeros;
use crate::results::{Doubt, History, Identity, Journal, RunNotes, Zeros};
use crate::shard::ShardPart;
use crate::text::quoted_path;

/// What stands in the journal for the API of a run with `--sandbox`, which has another port each time.
pub(super) const SANDBOX: &str = "sandbox";

/// What this run is, and what earlier runs of it left.
#[derive(Debug)]
pub(super) struct Resumption {
    identity: Identity,
    /// What this run carries on from them; `None` if it begins anew.
    doubt: Option<Doubt>,
    pub(super) history: History,
}

impl Resumption {
    /// Reads what earlier runs left in `results` and their journal, if this run resumes them.
    pub(super) fn look(
        args: &RunArgs,
        results: &Path,
        journal: Option<&Journal>,
        survey: &Survey,
    ) -> Result<Self, Refusal> {
        let identity =
            Identity { shard: survey.part(), ..identity(args, &survey.reading, survey.fingerprint.as_ref()) };
        match journal.and_then(Journal::last_run) {
            Some(last_run) if args.results.resume && (last_run.identity.is_same_run(&identity) || results.exists()) => {
                check_identity(&identity, &last_run.identity, results)?;
                let format = Format::new(survey.reading.layout.clone());
                let history = History::read(results, &format, last_run, zeros(args, results, survey)?)?;
                Ok(Self { identity, doubt: Some(history.doubt()), history })
            }
            None if args.results.resume && results.exists() => Err(without_journal(results)),
            // Either the run begins anew, or the journal is of another run whose results were removed.
            Some(_) | None => Ok(Self { identity, doubt: None, history: History::default() }),
        }
    }

    /// For a run over standard input: there is nothing to resume, and no later run can resume it.
    pub(super) fn of_stream(args: &RunArgs, reading: &Reading) -> Self {
        let identity = identity(args, reading, None);
        Self { identity, doubt: None, history: History::default() }
    }

    /// The same, with what the journal tells its readers of the run.
    pub(super) fn noting(self, notes: RunNotes) -> Self {
        Self { identity: Identity { notes, ..self.identity }, ..self }
    }

    /// How many invitations earlier runs have settled.
    pub(super) fn settled(&self) -> u64 {
        self.history.settled_invitations()
    }

    /// Begins the run in its journal: from now on, a later run can resume it.
    pub(super) fn begin(self, journal: &mut Journal) -> Result<History, Refusal> {
        let begun = match self.doubt {
            Some(doubt) => journal.go_on(self.identity, doubt),
            None => journal.begin_anew(self.identity),
        };
        begun
            .map_err(|error| Refusal::new(Cause::ResultsUnwritable, "could not write the journal").caused_by(error))?;
        Ok(self.history)
    }
}

/// What zeros in the results mean, if there are any: they may be part of cells only if the input has zeros too.
fn zeros(args: &RunArgs, results: &Path, survey: &Survey) -> Result<Zeros, Refusal> {
    if !File::open(results).and_then(|results| has_zeros(results, 1)).unwrap_or(false) {
        return Ok(Zeros::Lost);
    }
    let width = if survey.reading.encoding.name().starts_with("UTF-16") { 2 } else { 1 };
    let found = File::open(&args.input).and_then(|input| has_zeros(input, width)).map_err(|error| {
        let message = format!("could not read the input file {}", quoted_path(&args.input));
        Refusal::new(Cause::Input, message).caused_by(error)
    })?;
    Ok(if found { Zeros::InCells } else { Zeros::Lost })
}

fn identity(args: &RunArgs, reading: &Reading, fingerprint: Option<&Fingerprint>) -> Identity {
    let (bytes, sha256) = fingerprint.map_or((0, String::new()), |file| (file.bytes, file.sha256.to_string()));
    Identity {
        input: args.input.to_string_lossy().into_owned(),
        bytes,
        sha256,
        base_url: if args.sandbox { SANDBOX.to_owned() } else { args.connection.base_url.to_string() },
        encoding: reading.encoding.name().to_owned(),
        delimiter: char::from(reading.layout.delimiter),
        header_line: reading.header_line,
        id_column: reading.id_column.as_ref().map(|column| column.number),
        filters: args.reading.filters.iter().map(ToString::to_string).collect(),
        short_rows: args.reading.short_rows,
        shard: args.reading.shard.map(|shard| ShardPart { shard, input_rows: None }),
        notes: RunNotes::default(),
    }
}

/// Refuses the run if anything but the name of the input differs.
fn check_identity(now: &Identity, then: &Identity, results: &Path) -> Result<(), Refusal> {
    if (now.bytes, &now.sha256) != (then.bytes, &then.sha256) {
        return Err(Refusal::new(
            Cause::InputChanged,
            format!(
                "the input {} is not the one that {} were begun with ({})",
                quoted_path(Path::new(&now.input)),
                quoted_path(results),
                quoted_path(Path::new(&then.input))
            ),
        )
        .hint("resume with the file as it was, or begin anew with another --output"));
    }
    let shard = |identity: &Identity| identity.shard.map(|part| part.shard);
    let spoken = |filters: &[String]| if filters.is_empty() { "none".to_owned() } else { filters.join(", ") };
    let differences = [
        ("--base-url", now.base_url != then.base_url, &then.base_url),
        (
            "--shard",
            shard(now) != shard(then),
            &shard(then).map_or_else(|| "none".to_owned(), |shard| shard.to_string()),
        ),
        ("--where", now.filters != then.filters, &spoken(&then.filters)),
        (
            "--short-rows",
            now.short_rows != then.short_rows,
            &(if then.short_rows { "given" } else { "not given" }).to_owned(),
        ),
        ("--encoding", now.encoding != then.encoding, &then.encoding),
        ("--delimiter", now.delimiter != then.delimiter, &then.delimiter.to_string()),
        (
            "--header-line",
            now.header_line != then.header_line,
            &then.header_line.map_or_else(|| "none: --no-header".to_owned(), |line| line.to_string()),
        ),
        (
            "--id-column",
            now.id_column != then.id_column,
            &then.id_column.map_or_else(|| "none".to_owned(), |number| format!("column {number}")),
        ),
    ];
    match differences.into_iter().find(|(_, differs, _)| *differs) {
        None => Ok(()),
        Some((flag, _, then)) => {
            let message = format!("the run that wrote {} was begun with another {flag} ({then})", quoted_path(results));
            Err(Refusal::new(Cause::OptionsChanged, message)
                .hint("resume with what the run was begun with, or begin anew with another --output"))
        }
    }
}

fn without_journal(results: &Path) -> Refusal {
    let journal = quoted_path(&Journal::path_of(results));
    let message =
        format!("{} cannot be resumed: its journal {journal} is missing or has no whole line", quoted_path(results));
    Refusal::new(Cause::ResultsExist, message).hint(
        "without it nobody knows which rows may have been sent; put it back, or compare the results with the input, and \
         begin a new run over what is left with another --output",
    )
}
