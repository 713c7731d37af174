//! Checks by its first cells whether the column that was found really holds IDs.

use csv::ByteRecord;

use super::columns::{Choice, IdColumn};
use super::fault::Fault;
use super::names::is_id;
use super::reading::Reading;
use super::screen::{Intent, Why};
use crate::error::{Cause, Refusal};
use crate::text::quoted;

/// How many cells are checked before a column counts as holding IDs. The number is part of the contract.
const LOOKED_AT_CELLS: usize = 100;

/// Counts the first cells of the ID column by whether they are IDs.
///
/// A file is judged by all of these cells before any row is sent. A stream is judged by the cells that have come: the
/// rows of its beginning together, and each later row before it is used. So a stream may have sent some rows of a wrong
/// column, as long as most of its cells were IDs.
#[derive(Debug)]
pub(super) struct Suspicion {
    column: Option<IdColumn>,
    looked_at: usize,
    wrong: Vec<(u64, String)>,
    /// The line of the row that was checked last.
    line: u64,
}

impl Suspicion {
    /// Begins the check if the column may be the wrong one: it was found by its name, or it is the only column and has
    /// a header.
    pub(super) fn of(reading: &Reading) -> Self {
        let may_err = |id: &&IdColumn| match id.choice {
            Choice::Name => true,
            Choice::Only => reading.header_line.is_some(),
            Choice::Given | Choice::Results => false,
        };
        Self { column: reading.id_column.as_ref().filter(may_err).cloned(), looked_at: 0, wrong: Vec::new(), line: 0 }
    }

    /// Whether no more rows need to be checked.
    pub(super) fn is_settled(&self) -> bool {
        self.column.is_none() || self.looked_at == LOOKED_AT_CELLS
    }

    /// Checks a row, unless it is filtered out or was checked before.
    pub(super) fn look(&mut self, line: u64, intent: Intent, record: &ByteRecord) {
        let Some(column) = &self.column else { return };
        if self.is_settled() || line <= self.line {
            return;
        }
        self.line = line;
        if matches!(intent, Intent::Skip(Why::Filtered(_) | Why::HeaderAgain | Why::OtherTable(_))) {
            return;
        }
        self.looked_at += 1;
        let cell = record.get(column.number - 1).unwrap_or_default();
        let is_wrong = match intent {
            Intent::Skip(Why::NotAnId(_) | Why::Short) => true,
            // A row that is torn says nothing about the column, so only its cell counts.
            Intent::Skip(Why::Torn) => !is_id(&String::from_utf8_lossy(cell)),
            Intent::Skip(_) | Intent::Cancel(_) => false,
        };
        if is_wrong {
            self.wrong.push((line, quoted(&String::from_utf8_lossy(cell))));
        }
    }

    /// Whether most of the checked cells are not IDs. A single wrong cell does not mean a wrong column.
    fn is_founded(&self) -> bool {
        self.wrong.len() > 1 && self.wrong.len() * 2 > self.looked_at
    }

    /// The fault that ends the reading of a stream with a wrong column, after some of its rows were used.
    pub(super) fn fault(&self) -> Option<Fault> {
        let column = self.column.as_ref().filter(|_| self.is_founded())?;
        let (wrong, looked_at) = (self.wrong.len(), self.looked_at);
        Some(Fault::WrongColumn { column: column.number, wrong, looked_at })
    }

    /// Refuses the column if most of the checked cells are not IDs, and gives two examples.
    pub(super) fn check(&self, input: &str) -> Result<(), Refusal> {
        let (Some(column), [first, second, ..], true) = (&self.column, self.wrong.as_slice(), self.is_founded()) else {
            return Ok(());
        };
        let wrong = self.wrong.len();
        let name = quoted(&column.name);
        let message = format!(
            "{input}: column {} {name} does not hold invitation IDs: {wrong} of its first {} cells are none, such as {} \
             on line {} and {} on line {}",
            column.number, self.looked_at, first.1, first.0, second.1, second.0
        );
        let other = match column.choice {
            Choice::Only => "name the delimiter with --delimiter if these are several columns",
            Choice::Name | Choice::Given | Choice::Results => "name the right column with --id-column",
        };
        let hint = format!("{other}, or insist on this column with --id-column {}", column.number);
        Err(Refusal::new(Cause::Input, message).hint(hint))
    }
}
