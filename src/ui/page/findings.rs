//! What the page knows of each results file: what it is told of the run, and what it finds in the rows.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::outcome::Summary;
use crate::results::{LastRun, ResultsRow};
use crate::text::one_line;
use crate::verification::MissingRows;

/// What the error of a row begins with that verify has settled.
const SETTLED: &str = "settled by verify on ";
/// The most characters of a file's name in a heading or a table, and of a path where it is told in full.
pub(super) const NAME_CHARACTERS: usize = 60;
pub(super) const PATH_CHARACTERS: usize = 300;

/// A results file, and what is known of the run that wrote it.
#[derive(Debug)]
pub struct PageFile {
    /// The results, as the operator named them.
    pub path: PathBuf,
    /// What their journal says; `None` where there is none, or none that can be read.
    pub run: Option<LastRun>,
    /// Why rows may be missing, where they may.
    pub gap: Option<MissingRows>,
    /// Whether the API was simulated, where that is known.
    pub simulated: Option<bool>,
    /// The command that asks iMocha's lists about the rows in doubt, where they can be asked.
    pub verify_command: Option<String>,
}

/// How to go on with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// There is nothing left to do.
    Nothing,
    /// With this command.
    Command(String),
    /// With the command that began it, and `--resume`; the journal does not say what it was.
    SayAgain,
    /// With this command, or the one that began it, once the key may do what it may not do now.
    AfterPermission(Option<String>),
    /// It is at work.
    Wait,
    /// It cannot be gone on with, for this reason.
    Impossible(&'static str),
}

/// What was found in one results file.
#[derive(Debug)]
pub(super) struct FileFindings {
    pub(super) facts: PageFile,
    /// All its rows.
    pub(super) counts: Summary,
    pub(super) elsewhere: u64,
    pub(super) calls: u64,
    pub(super) settled: u64,
    pub(super) first_ended: Option<Timestamp>,
    pub(super) last_ended: Option<Timestamp>,
    pub(super) next: NextStep,
}

impl FileFindings {
    /// Nothing found in it so far.
    pub(super) fn new(facts: PageFile) -> Self {
        Self {
            facts,
            counts: Summary::new(),
            elsewhere: 0,
            calls: 0,
            settled: 0,
            first_ended: None,
            last_ended: None,
            next: NextStep::Nothing,
        }
    }

    /// How many rows have no result, as far as that is known.
    pub(super) fn missing(&self) -> u64 {
        let expected = self.facts.run.as_ref().and_then(|run| run.identity.notes.rows);
        expected.unwrap_or(0).saturating_sub(self.counts.total())
    }

    /// Its name without directories.
    pub(super) fn name(&self) -> String {
        let name = self.facts.path.file_name().unwrap_or(self.facts.path.as_os_str());
        one_line(&name.to_string_lossy(), NAME_CHARACTERS)
    }

    pub(super) fn take(&mut self, row: &ResultsRow<'_>) {
        self.counts.add_unsent(row.status, 1);
        self.calls = self.calls.saturating_add(row.attempts);
        self.settled += u64::from(row.error.starts_with(SETTLED));
        let ended = Some(row.finished_at);
        self.first_ended = self.first_ended.into_iter().chain(ended).min();
        self.last_ended = self.last_ended.max(ended);
    }
}
