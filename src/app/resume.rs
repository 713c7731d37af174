//! Going on with what earlier runs left: whether these are the results of this very input, and the command that goes on.

use std::ffi::OsString;
use std::path::Path;

use super::plan::Target;
use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};
use crate::input::{Comparison, Survey};
use crate::results::format::Format;
use crate::results::{History, Identity, Journal, Opening};

/// What this run is, and what earlier runs of it left.
#[derive(Debug)]
pub(super) struct Background {
    identity: Identity,
    /// Open, and so locked, where there is one to go on with.
    journal: Option<Journal>,
    pub(super) history: History,
}

impl Background {
    /// Looks what earlier runs left beside `results`, where the run is to go on with it.
    pub(super) fn look(args: &RunArgs, results: &Path, survey: &Survey, target: &Target) -> Result<Self, Refusal> {
        let identity = identity(args, survey, target);
        let nothing = |identity| Self { identity, journal: None, history: History::default() };
        let path = Journal::path_of(results);
        if !args.resume || !(results.exists() || path.exists()) {
            return Ok(nothing(identity));
        }
        if !path.exists() {
            return Err(without_journal(results, &path));
        }
        let journal = Journal::open(results)?;
        match journal.past() {
            Some(past) if past.identity == identity || results.exists() => {
                check_identity(&identity, &past.identity, results)?;
                let format = Format::new(survey.reading.layout.clone());
                let history = History::read(results, &format, past)?;
                Ok(Self { identity, journal: Some(journal), history })
            }
            // A journal that was left behind when its results were taken away.
            None if results.exists() => Err(without_journal(results, &path)),
            Some(_) | None => Ok(Self { journal: Some(journal), ..nothing(identity) }),
        }
    }

    /// Opens the journal for this run: from now on a later one can go on with it.
    pub(super) fn begin(self, results: &Path) -> Result<(Journal, History), Refusal> {
        let unwritable = |error| {
            let path = Journal::path_of(results);
            Refusal::new(Cause::ResultsUnwritable, format!("could not write the journal {path:?}")).caused_by(error)
        };
        let goes_on = self.journal.as_ref().and_then(Journal::past).is_some_and(|past| past.identity == self.identity);
        let opening = if goes_on { Opening::GoOn(self.history.doubt()) } else { Opening::Anew };
        let mut journal = match self.journal {
            Some(journal) => journal,
            None => Journal::open(results)?,
        };
        journal.begin(self.identity, opening).map_err(unwritable)?;
        Ok((journal, self.history))
    }
}

fn identity(args: &RunArgs, survey: &Survey, target: &Target) -> Identity {
    let reading = &survey.reading;
    let (bytes, sha256) = survey.fingerprint.as_ref().map_or((0, String::new()), |file| {
        (file.bytes, file.sha256.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
    });
    let filters = args.filters.iter().map(|filter| {
        let comparison = match filter.comparison {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
        };
        format!("{}{comparison}{}", filter.column, filter.value)
    });
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
        filters: filters.collect(),
    }
}

/// Only the name of the input may differ.
fn check_identity(now: &Identity, then: &Identity, results: &Path) -> Result<(), Refusal> {
    if (now.bytes, &now.sha256) != (then.bytes, &then.sha256) {
        return Err(Refusal::new(
            Cause::InputChanged,
            format!("the input {:?} is not the one that {results:?} were begun with ({:?})", now.input, then.input),
        )
        .hint("resume with the file as it was, or begin anew with another --output"));
    }
    let differences = [
        ("--base-url", now.base_url != then.base_url, &then.base_url),
        ("--where", now.filters != then.filters, &then.filters.join(", ")),
        ("--encoding", now.encoding != then.encoding, &then.encoding),
        ("--delimiter", now.delimiter != then.delimiter, &then.delimiter.to_string()),
        ("--no-header", now.header_line != then.header_line, &format!("header line {:?}", then.header_line)),
        ("--id-column", now.id_column != then.id_column, &format!("column {:?}", then.id_column)),
    ];
    match differences.into_iter().find(|(_, differs, _)| *differs) {
        None => Ok(()),
        Some((flag, _, then)) => {
            let message = format!("{results:?} were begun with another {flag} ({then})");
            Err(Refusal::new(Cause::OptionsChanged, message)
                .hint("resume with the same reading of the input, or begin anew with another --output"))
        }
    }
}

fn without_journal(results: &Path, journal: &Path) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("{results:?} cannot be resumed without its journal {journal:?}")).hint(
        "nobody knows which rows may have been sent; put the journal back, or feed the results to a new run with \
         --where status=not_attempted and another --output",
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
        words.retain(|word| word != "-y" && word != "--yes");
    }
    words.retain(|word| word != "--overwrite" && word != "--resume");
    words.insert(0, env!("CARGO_PKG_NAME").to_owned());
    words.push("--resume".to_owned());
    // Only a zero byte cannot be quoted, and no argument has one.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default()
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
            ("x run --limit=10 a.csv", "imocha-cancel run a.csv --resume"),
        ] {
            let arguments: Vec<OsString> = began.split(' ').map(OsString::from).collect();
            assert_eq!(command(&arguments), goes_on);
        }
        let blanks = ["x", "run", "my file.csv", "--where", "Test Status=Pending"].map(OsString::from);
        assert_eq!(command(&blanks), "imocha-cancel run 'my file.csv' --where 'Test Status=Pending' --resume");
    }
}
