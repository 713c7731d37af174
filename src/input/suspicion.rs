//! A column that was found rather than named, and that may be the wrong one: its first cells tell.

use csv::ByteRecord;

use super::columns::{Choice, IdColumn};
use super::quoted::quoted;
use super::reading::Reading;
use super::screen::{Verdict, Why};
use crate::error::{Cause, Refusal};

/// How many cells are looked at. The number is part of the contract.
const LOOKED_AT_CELLS: usize = 100;

/// The first cells of the ID column, counted by whether they are IDs.
#[derive(Debug)]
pub(super) struct Suspicion {
    column: Option<IdColumn>,
    looked_at: usize,
    wrong: Vec<(u64, String)>,
}

impl Suspicion {
    /// Begins to look, unless the operator has named the column, or nothing but its place speaks for any other.
    pub(super) fn of(reading: &Reading) -> Self {
        let may_err = |id: &&IdColumn| match id.choice {
            Choice::Name => true,
            Choice::Only => reading.header_line.is_some(),
            Choice::Given | Choice::Results => false,
        };
        Self { column: reading.id_column.as_ref().filter(may_err).cloned(), looked_at: 0, wrong: Vec::new() }
    }

    /// Whether there is nothing more to look at.
    pub(super) fn is_settled(&self) -> bool {
        self.column.is_none() || self.looked_at == LOOKED_AT_CELLS
    }

    /// Looks at a row, if it is not filtered out.
    pub(super) fn look(&mut self, line: u64, verdict: Verdict, record: &ByteRecord) {
        let Some(column) = &self.column else { return };
        if self.is_settled() || matches!(verdict, Verdict::Skip(Why::Filtered(_))) {
            return;
        }
        self.looked_at += 1;
        if let Verdict::Skip(Why::NotAnId(_) | Why::Short) = verdict {
            let cell = record.get(column.number - 1).unwrap_or_default();
            self.wrong.push((line, quoted(&String::from_utf8_lossy(cell))));
        }
    }

    /// Refuses the column if most of what was looked at is no ID. One wrong cell is a wrong cell, not a wrong column.
    pub(super) fn check(&self, input: &str) -> Result<(), Refusal> {
        let (Some(column), [first, second, ..]) = (&self.column, self.wrong.as_slice()) else {
            return Ok(());
        };
        let wrong = self.wrong.len();
        if wrong * 2 <= self.looked_at {
            return Ok(());
        }
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
