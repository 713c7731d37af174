//! Finds out which of the invitations of an input this very run would cancel: those that no earlier run has settled, up to
//! the operator's limit.

use indicatif::HumanCount;

use super::resume::Resumption;
use crate::input::{InputFile, ReadError, RowReader, Survey};
use crate::invitation::InvitationId;
use crate::results::Standing;
use crate::row::Screened;

/// How many are shown (chosen by us: one line).
const SHOWN: usize = 3;

/// The invitations that a run would cancel.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// How many there are.
    pub(super) count: u64,
    /// The first of them, each with its line.
    first: Vec<(u64, InvitationId)>,
    /// The last of them.
    last: Option<InvitationId>,
}

impl Chosen {
    /// Reads the file once more, and shows each invitation with its line to `look`. `earlier` is what earlier runs left.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has changed.
    pub(super) fn of_file(
        file: InputFile,
        survey: &Survey,
        earlier: Option<&Resumption>,
        limit: Option<u64>,
        mut look: impl FnMut(u64, InvitationId),
    ) -> Result<Self, ReadError> {
        let mut chosen = Self::default();
        for screened in RowReader::from_file(file, survey.reading.clone())? {
            let Screened::ToCancel { row, id, .. } = screened? else { continue };
            let is_done = earlier.is_some_and(|earlier| earlier.history.of(row.line) == Standing::Done);
            if is_done {
                continue;
            }
            if limit.is_some_and(|limit| chosen.count >= limit) {
                break;
            }
            chosen.count += 1;
            chosen.last = Some(id);
            if chosen.first.len() < SHOWN {
                chosen.first.push((row.line, id));
            }
            look(row.line, id);
        }
        Ok(chosen)
    }

    /// Those of a stream, which cannot be read again: the survey has kept the first of them.
    pub(super) fn of_stream(survey: &Survey, limit: Option<u64>) -> Self {
        let count = limit.map_or(survey.eligible, |limit| limit.min(survey.eligible));
        let shown = usize::try_from(count).unwrap_or(SHOWN).min(SHOWN);
        let first = survey.samples.iter().take(shown).copied().collect();
        Self { count, first, last: survey.last.filter(|_| count == survey.eligible) }
    }

    /// The first and the last of them, in words; `None` if there are none.
    pub(super) fn in_words(&self) -> Option<String> {
        if self.first.is_empty() {
            return None;
        }
        let first: Vec<String> = self.first.iter().map(|(line, id)| format!("{id} (line {line})")).collect();
        let shown = u64::try_from(first.len()).unwrap_or(u64::MAX);
        let rest = match self.last {
            _ if shown == self.count => String::new(),
            Some(last) => format!(", … and last {last}"),
            None => format!(" and {} more", HumanCount(self.count - shown)),
        };
        Some(first.join(", ") + &rest)
    }
}
