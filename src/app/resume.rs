//! Going on with what earlier runs left: whether these are the results of this very input, and the command that goes on.

use std::ffi::OsString;
use std::path::Path;

use super::plan::Target;
use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};
use crate::input::{Fingerprint, Reading, Survey};
use crate::results::format::Format;
use crate::results::{History, Identity, Journal, Opening};
use crate::text::quoted_path;

/// What this run is, and what earlier runs of it left.
#[derive(Debug)]
pub(super) struct Background {
    identity: Identity,
    opening: Opening,
    pub(super) history: History,
}

impl Background {
    /// Looks what earlier runs left beside `results` and in their journal, where this run is to go on with it.
    pub(super) fn look(
        args: &RunArgs,
        results: &Path,
        journal: Option<&Journal>,
        survey: &Survey,
        target: &Target,
    ) -> Result<Self, Refusal> {
        let identity = identity(args, &survey.reading, survey.fingerprint.as_ref(), target);
        let past = journal.and_then(Journal::past);
        match past {
            Some(past) if args.resume && (past.identity.is_same_run(&identity) || results.exists()) => {
                check_identity(&identity, &past.identity, results)?;
                let format = Format::new(survey.reading.layout.clone());
                let history = History::read(results, &format, past)?;
                Ok(Self { identity, opening: Opening::GoOn(history.doubt()), history })
            }
            None if args.resume && results.exists() => Err(without_journal(results)),
            // A journal whose results were taken away, of another run.
            Some(_) | None => Ok(Self { identity, opening: Opening::Anew, history: History::default() }),
        }
    }

    /// The background of a run over standard input: nothing behind it, and nobody can go on with it.
    pub(super) fn of_stream(args: &RunArgs, reading: &Reading, target: &Target) -> Self {
        let identity = identity(args, reading, None, target);
        Self { identity, opening: Opening::Anew, history: History::default() }
    }

    /// How many invitations earlier runs have settled.
    pub(super) fn settled(&self) -> u64 {
        self.history.settled_invitations()
    }

    /// Opens the run in its journal: from now on a later one can go on with it.
    pub(super) fn begin(self, journal: &mut Journal) -> Result<History, Refusal> {
        journal
            .begin(self.identity, self.opening)
            .map_err(|error| Refusal::new(Cause::ResultsUnwritable, "could not write the journal").caused_by(error))?;
        Ok(self.history)
    }
}

fn identity(args: &RunArgs, reading: &Reading, fingerprint: Option<&Fingerprint>, target: &Target) -> Identity {
    let (bytes, sha256) = fingerprint.map_or((0, String::new()), |file| (file.bytes, file.hex()));
    Identity {
        input: args.input.to_string_lossy().into_owned(),
        bytes,
        sha256,
        // The sandbox has another port each time.
        base_url: if args.sandbox { "sandbox".to_owned() } else { target.config.base_url.to_string() },
        encoding: reading.encoding.name().to_owned(),
        delimiter: char::from(reading.layout.delimiter),
        header_line: reading.header_line,
        id_column: reading.id_column.as_ref().map(|column| column.number),
        filters: args.filters.iter().map(ToString::to_string).collect(),
        short_rows: args.short_rows,
    }
}

/// Only the name of the input may differ.
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
    let spoken = |filters: &[String]| if filters.is_empty() { "none".to_owned() } else { filters.join(", ") };
    let differences = [
        ("--base-url", now.base_url != then.base_url, &then.base_url),
        ("--where", now.filters != then.filters, &spoken(&then.filters)),
        (
            "--short-rows",
            now.short_rows != then.short_rows,
            &(if then.short_rows { "given" } else { "not given" }).to_owned(),
        ),
        ("--encoding", now.encoding != then.encoding, &then.encoding),
        ("--delimiter", now.delimiter != then.delimiter, &then.delimiter.to_string()),
        ("--no-header", now.header_line != then.header_line, &format!("header line {:?}", then.header_line)),
        ("--id-column", now.id_column != then.id_column, &format!("column {:?}", then.id_column)),
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
    let message = format!("{} cannot be resumed: its journal {journal} is missing or empty", quoted_path(results));
    Refusal::new(Cause::ResultsExist, message).hint(
        "without it nobody knows which rows may have been sent; put it back, or compare the results with the input, and \
         begin a new run over what is left with another --output",
    )
}

/// The command that goes on with the run that these arguments began. A limit is left out, for it was a first step; and
/// with it the `--yes` that was said to so few.
pub(super) fn command(arguments: &[OsString]) -> String {
    let mut words: Vec<String> = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let limit = words.iter().position(|word| word == "--limit" || word.starts_with("--limit="));
    if let Some(limit) = limit {
        let with_value = if words.get(limit).is_some_and(|word| word == "--limit") { 2 } else { 1 };
        words.drain(limit..(limit + with_value).min(words.len()));
        words.retain(|word| word != "--yes");
        words.iter_mut().for_each(without_short_yes);
        words.retain(|word| word != "-");
    }
    words.retain(|word| word != "--overwrite" && word != "--resume");
    words.insert(0, env!("CARGO_PKG_NAME").to_owned());
    words.push("--resume".to_owned());
    // Only a zero byte cannot be quoted, and no argument has one.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default()
}

/// Takes `-y` out of a cluster of short switches such as `-yq`.
fn without_short_yes(word: &mut String) {
    let is_cluster =
        word.strip_prefix('-').is_some_and(|switches| switches.chars().all(|switch| "nqvy".contains(switch)));
    if is_cluster && word.len() > 1 {
        word.retain(|character| character != 'y');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on_is_the_one_that_began_without_its_first_steps() {
        for (began, goes_on) in [
            ("x run a.csv", "imocha-cancel run a.csv --resume"),
            ("x run a.csv -y --overwrite --rate 1/s", "imocha-cancel run a.csv -y --rate 1/s --resume"),
            ("x run a.csv --resume", "imocha-cancel run a.csv --resume"),
            ("x run a.csv --limit 10 --yes -v", "imocha-cancel run a.csv -v --resume"),
            ("x run a.csv -yq --limit 2", "imocha-cancel run a.csv -q --resume"),
            ("x run --limit=10 a.csv", "imocha-cancel run a.csv --resume"),
        ] {
            let arguments: Vec<OsString> = began.split(' ').map(OsString::from).collect();
            assert_eq!(command(&arguments), goes_on);
        }
        let blanks = ["x", "run", "my file.csv", "--where", "Test Status=Pending"].map(OsString::from);
        assert_eq!(command(&blanks), "imocha-cancel run 'my file.csv' --where 'Test Status=Pending' --resume");
    }
}
