//! The header, and the column that holds the ID: found where only one can be meant, else asked for.
//!
//! A first row that holds data must never be taken for a header, for then it would be lost. So the rules are:
//! a row that names a usual ID column is a header; with `--id-column NAME` the first row has to be one; with a number,
//! or where there is but one column, it is one when the cell in question has a letter in it and no digit. Everything
//! else is data, and if it is no ID, a result says so.
//!
//! A column that was found rather than named may be the wrong one, which its first cells tell: [`Suspicion`].

use std::sync::Arc;

use csv::ByteRecord;

use super::fault::Fault;
use super::reading::Reading;
use super::screen::{Verdict, Why};
use super::{HeaderOption, ReadingOptions};
use crate::error::{Cause, Refusal};
use crate::invitation::{InvitationId, without_blanks};
use crate::outcome::Outcome;
use crate::row::column_key;
use crate::text::quoted;

/// The usual names of the ID column, as [`column_key`] writes them.
const ID_NAMES: [&str; 2] = ["testinvitationid", "invitationid"];

/// A name that many things have, and that counts only where no other column speaks of invitations: beside one that
/// does, it is the key of somebody's database.
const SHORT_ID_NAME: &str = "id";

/// What a name holds that speaks of invitations, as [`column_key`] writes it: `Invite ID`, `imocha_invitation_id`.
const INVITATION_STEM: &str = "invit";

/// How many column names a message lists before it only counts them (chosen by us).
const LISTED_NAMES: usize = 30;

/// How many cells are looked at before a column is believed to hold IDs. The number is part of the contract.
const LOOKED_AT_CELLS: usize = 100;

/// The column that holds the invitation ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdColumn {
    /// Its number, from 1.
    pub number: usize,
    /// Its name in the header, or `column_2` where there is none.
    pub name: String,
    /// Why it is this one.
    pub choice: Choice,
}

/// Why a column is taken for the ID column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The operator said so with `--id-column`.
    Given,
    /// It is the only one with a usual name.
    Name,
    /// It is the only column.
    Only,
    /// The input is a results file.
    Results,
}

/// Whether the first row of the input is its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstRow {
    Header,
    Data,
}

/// What was settled about the columns.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) first_row: FirstRow,
    pub(super) id: IdColumn,
}

/// The columns that a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Nothing,
    One(usize),
    Several(Vec<usize>),
}

/// The cells of a record as text.
pub(super) fn cells(record: &ByteRecord) -> Vec<String> {
    record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}

/// Whether a row names the ID column.
pub(super) fn names_id(first: &[String], options: &ReadingOptions) -> bool {
    let given = options.id_column.as_deref().is_some_and(|name| named(first, name) != Named::Nothing);
    given || first.iter().any(|cell| ID_NAMES.contains(&column_key(cell).as_str()) || column_key(cell) == SHORT_ID_NAME)
}

/// Finds the column that a name means: the one with just this name, else the one with this name in another spelling.
pub(super) fn named(names: &[String], wanted: &str) -> Named {
    let exact = positions(names, |name| without_blanks(name) == without_blanks(wanted));
    let found = if exact.is_empty() {
        positions(names, |name| column_key(name) == column_key(wanted) && !column_key(name).is_empty())
    } else {
        exact
    };
    match *found {
        [] => Named::Nothing,
        [index] => Named::One(index),
        _ => Named::Several(found),
    }
}

fn positions(names: &[String], wanted: impl Fn(&str) -> bool) -> Vec<usize> {
    names.iter().enumerate().filter(|(_, name)| wanted(name)).map(|(index, _)| index).collect()
}

fn is_id(cell: &str) -> bool {
    InvitationId::from_cell(cell).is_ok()
}

/// A cell that is a name rather than a damaged ID.
fn is_name(cell: &str) -> bool {
    cell.chars().any(char::is_alphabetic) && !cell.chars().any(char::is_numeric)
}

/// The first row, and what is asked about it.
pub(super) struct Question<'a> {
    pub(super) input: &'a Arc<str>,
    pub(super) line: u64,
    pub(super) first: &'a [String],
    pub(super) options: &'a ReadingOptions,
}

impl Question<'_> {
    /// Settles header and ID column.
    pub(super) fn answer(&self) -> Result<Columns, Refusal> {
        let given = self.options.id_column.as_deref().map(without_blanks);
        let number = given.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty());
        match (self.options.header, given, number) {
            (_, Some(given), Some(_)) => self.numbered(given),
            (HeaderOption::Find, Some(name), None) => self.named(name),
            (HeaderOption::Absent, Some(name), None) => {
                let message =
                    format!("--id-column {} names a column, and --no-header says there are no names", quoted(name));
                Err(Refusal::new(Cause::Usage, message).hint("give the number of the column, the first being 1"))
            }
            (HeaderOption::Find, None, None | Some(_)) => self.found(),
            (HeaderOption::Absent, None, None | Some(_)) if self.first.len() == 1 => {
                Ok(self.columns(0, FirstRow::Data, Choice::Only))
            }
            (HeaderOption::Absent, None, None | Some(_)) => Err(self.no_header_no_number()),
        }
    }

    fn numbered(&self, given: &str) -> Result<Columns, Refusal> {
        let number = given.parse::<usize>().ok().filter(|number| (1..=self.first.len()).contains(number));
        let Some(index) = number.and_then(|number| number.checked_sub(1)) else {
            let message = self.here(&format!("there is no column {given}: the row has {}", self.first.len()));
            return Err(Refusal::new(Cause::Input, message).hint("columns are counted from 1; check --delimiter, too"));
        };
        let cell = self.first.get(index).map(String::as_str).unwrap_or_default();
        let says_id = self.first.iter().any(|cell| ID_NAMES.contains(&column_key(cell).as_str()));
        let is_header = self.options.header == HeaderOption::Find && !is_id(cell) && (says_id || is_name(cell));
        if is_header
            && let [other] = *positions(self.first, |name| without_blanks(name) == given)
            && other != index
        {
            let message =
                self.here(&format!("--id-column {given} is the number of one column and the name of another"));
            return Err(
                Refusal::new(Cause::Input, message).hint(format!("say --id-column {} for the latter", other + 1))
            );
        }
        Ok(self.columns(index, if is_header { FirstRow::Header } else { FirstRow::Data }, Choice::Given))
    }

    fn named(&self, name: &str) -> Result<Columns, Refusal> {
        match named(self.first, name) {
            Named::One(index) => Ok(self.columns(index, FirstRow::Header, Choice::Given)),
            Named::Nothing => {
                Err(self.unknown_column(name, self.first, "name one of them with --id-column, or give its number"))
            }
            Named::Several(indices) => {
                let message =
                    self.here(&format!("--id-column {} means several columns: {}", quoted(name), self.shown(&indices)));
                Err(Refusal::new(Cause::Input, message).hint("give the number of the column with --id-column"))
            }
        }
    }

    fn found(&self) -> Result<Columns, Refusal> {
        if self.first.iter().zip(Outcome::COLUMNS).filter(|(cell, name)| cell == name).count() == Outcome::COLUMNS.len()
        {
            return Ok(self.columns(1, FirstRow::Header, Choice::Results));
        }
        let mut candidates = positions(self.first, |name| ID_NAMES.contains(&column_key(name).as_str()));
        // A row with an ID in it is data, and its `ID` may be Indonesia.
        if candidates.is_empty() && !self.first.iter().any(|cell| is_id(cell)) {
            candidates = self.called_id();
        }
        match (candidates.as_slice(), self.first) {
            ([index], _) => Ok(self.columns(*index, FirstRow::Header, Choice::Name)),
            ([], [only]) => {
                let first_row = if is_name(only) { FirstRow::Header } else { FirstRow::Data };
                Ok(self.columns(0, first_row, Choice::Only))
            }
            ([], _) => Err(self.no_id_column()),
            _ => {
                let message = format!("more than one column looks like the invitation ID: {}", self.shown(&candidates));
                let refusal = Refusal::new(Cause::Input, self.here(&message));
                Err(refusal.hint("say which with --id-column and its number"))
            }
        }
    }

    /// The columns called `id`, and where there are any, those that may be meant instead.
    fn called_id(&self) -> Vec<usize> {
        let keys: Vec<String> = self.first.iter().map(|name| column_key(name)).collect();
        if keys.iter().any(|key| key == SHORT_ID_NAME) {
            positions(&keys, |key| key == SHORT_ID_NAME || key.contains(INVITATION_STEM))
        } else {
            Vec::new()
        }
    }

    fn columns(&self, index: usize, first_row: FirstRow, choice: Choice) -> Columns {
        let names: Vec<String> = match first_row {
            FirstRow::Header => self.first.to_vec(),
            FirstRow::Data => (1..=self.first.len()).map(|number| format!("column_{number}")).collect(),
        };
        let name = names.get(index).cloned().unwrap_or_default();
        Columns { names, first_row, id: IdColumn { number: index + 1, name, choice } }
    }

    /// Refuses a name that no column has.
    pub(super) fn unknown_column(&self, name: &str, names: &[String], hint: &str) -> Refusal {
        let message = format!("there is no column {}; the columns are {}", quoted(name), listed(names));
        Refusal::new(Cause::Input, self.here(&message)).hint(hint)
    }

    fn no_id_column(&self) -> Refusal {
        let list = listed(self.first);
        if self.first.iter().any(|cell| is_id(cell)) {
            let message =
                format!("the first row looks like data, and does not say which column holds the invitation ID: {list}");
            return Refusal::new(Cause::Input, self.here(&message))
                .hint("say which with --no-header --id-column and its number, the first being 1");
        }
        let message = format!("no column is named like an invitation ID; the columns are {list}");
        Refusal::new(Cause::Input, self.here(&message)).hint("say which one it is with --id-column, by name or number")
    }

    fn no_header_no_number(&self) -> Refusal {
        let message =
            format!("without a header, nothing says which column holds the invitation ID: {}", listed(self.first));
        Refusal::new(Cause::Input, self.here(&message))
            .hint("say which with --id-column and its number, the first being 1")
    }

    pub(super) fn shown(&self, indices: &[usize]) -> String {
        let shown = indices.iter().map(|index| {
            let name = self.first.get(*index).map(String::as_str).unwrap_or_default();
            format!("column {} {}", index + 1, quoted(name))
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn here(&self, message: &str) -> String {
        format!("{}, line {}: {message}", self.input, self.line)
    }
}

/// Lists the names of columns.
fn listed(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(LISTED_NAMES).map(|name| quoted(name)).collect();
    if let Some(more) = names.len().checked_sub(LISTED_NAMES).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// The first cells of the ID column, counted by whether they are IDs.
///
/// A file is judged by all of these cells before any is sent. A stream is judged by those that have come: the rows of
/// its beginning together, and each one behind them before it is used. So a stream may have sent some rows of the wrong
/// column, as long as most cells were IDs.
#[derive(Debug)]
pub(super) struct Suspicion {
    column: Option<IdColumn>,
    looked_at: usize,
    wrong: Vec<(u64, String)>,
    /// The line of the row that was looked at last.
    line: u64,
}

impl Suspicion {
    /// Begins to look, unless the operator has named the column, or nothing but its place speaks for any other.
    pub(super) fn of(reading: &Reading) -> Self {
        let may_err = |id: &&IdColumn| match id.choice {
            Choice::Name => true,
            Choice::Only => reading.header_line.is_some(),
            Choice::Given | Choice::Results => false,
        };
        Self { column: reading.id_column.as_ref().filter(may_err).cloned(), looked_at: 0, wrong: Vec::new(), line: 0 }
    }

    /// Whether there is nothing more to look at.
    pub(super) fn is_settled(&self) -> bool {
        self.column.is_none() || self.looked_at == LOOKED_AT_CELLS
    }

    /// Looks at a row, if it is not filtered out and was not looked at before.
    pub(super) fn look(&mut self, line: u64, verdict: Verdict, record: &ByteRecord) {
        let Some(column) = &self.column else { return };
        if self.is_settled() || line <= self.line {
            return;
        }
        self.line = line;
        if matches!(verdict, Verdict::Skip(Why::Filtered(_) | Why::HeaderAgain | Why::OtherTable(_))) {
            return;
        }
        self.looked_at += 1;
        let cell = record.get(column.number - 1).unwrap_or_default();
        let is_wrong = match verdict {
            Verdict::Skip(Why::NotAnId(_) | Why::Short) => true,
            // Whether a row is whole says nothing about the column.
            Verdict::Skip(Why::Torn) => !is_id(&String::from_utf8_lossy(cell)),
            Verdict::Skip(_) | Verdict::Cancel(_) => false,
        };
        if is_wrong {
            self.wrong.push((line, quoted(&String::from_utf8_lossy(cell))));
        }
    }

    /// Whether most of what was looked at is no ID. One wrong cell is a wrong cell, not a wrong column.
    fn is_founded(&self) -> bool {
        self.wrong.len() > 1 && self.wrong.len() * 2 > self.looked_at
    }

    /// The fault of a column that has to be given up when some of its rows are gone already.
    pub(super) fn fault(&self) -> Option<Fault> {
        let column = self.column.as_ref().filter(|_| self.is_founded())?;
        let (wrong, looked_at) = (self.wrong.len(), self.looked_at);
        Some(Fault::WrongColumn { column: column.number, wrong, looked_at })
    }

    /// Refuses the column if most of what was looked at is no ID, with two examples.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_names_ends_with_a_count() {
        let names: Vec<String> = (0..32).map(|number| number.to_string()).collect();
        assert!(listed(&names).ends_with("\"29\", and 2 more"));
        assert_eq!(listed(&["a".to_owned(), String::new()]), "\"a\", \"\"");
    }
}
