//! Finds the header and the ID column. If more than one column could be meant, the operator has to say which.
//!
//! A first row of data must never be taken for a header, because it would be lost. So the rules are:
//!
//! - A row that contains a usual name of the ID column is a header. With `--id-column NAME`, the first row must be one.
//! - With a number, the first row is a header if its cell in that column is text (not an ID, and not a damaged one) and
//!   the row looks like a header: it has the usual name of an ID column, or of a column that `--where` asks for, or
//!   words that name columns ([`is_column_name`]). In doubt it is data, and its result says that it has no ID.
//! - If there is only one column and no `--id-column`, a first row of text is a header and must name invitations; an ID
//!   or a damaged one is data.
//!
//! A line of one cell above wider rows is neither header nor data: it is a title, and the input is refused, unless
//! `--header-line` says where the header is. Then what stands above is no row, and the row on that line is the header, or
//! refused if it has an ID where a header has a name.
//!
//! For example, `--id-column 2` means the second column, since columns are counted from 1. Then the first row
//! `Name,Ref` is a header, because `Name` is a word for a column. `Ann,2932950` is data, because its second cell is an
//! ID. `Ann,unknown` is data, because neither cell names a column; its result says that it has no ID. Without a header,
//! the columns are called `column_1`, `column_2` and so on.

use std::sync::Arc;

use csv::ByteRecord;

use super::names::{
    ID_NAMES, INVITATION_STEM, SHORT_ID_NAME, is_column_name, is_id, is_name, is_text, names_invitations,
};
use super::shape::{Width, width_of};
use super::{HeaderOption, ReadingOptions};
use crate::error::{Cause, Refusal};
use crate::invitation::without_blanks;
use crate::outcome::Outcome;
use crate::row::column_key;
use crate::text::quoted;

/// How many column names a message lists before it only counts them (chosen by us).
const LISTED_NAMES: usize = 30;

/// The column that holds the invitation ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdColumn {
    /// Its number, counted from 1.
    pub number: usize,
    /// Its name in the header, or a name such as `column_2` if there is no header.
    pub name: String,
    /// Why this column was chosen.
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

/// What was found about the columns.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) first_row: FirstRow,
    pub(super) id: IdColumn,
}

/// The columns to which a name refers.
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

/// Whether a row contains the name of the ID column.
pub(super) fn names_id(first: &[String], options: &ReadingOptions) -> bool {
    let given = options.id_column.as_deref().is_some_and(|name| named(first, name) != Named::Nothing);
    given || first.iter().any(|cell| ID_NAMES.contains(&column_key(cell).as_str()) || column_key(cell) == SHORT_ID_NAME)
}

/// What to say for a header that seems to be on this line.
pub(super) fn take_header_on(line: u64) -> String {
    format!("the header seems to be on line {line}: say --header-line {line}, and what stands above it is skipped")
}

/// Finds the column to which a name refers: the one with exactly this name, or else the one with this name in another
/// spelling.
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

/// Finds the header and the ID column from the first row and the rows below it.
pub(super) struct HeaderFinder<'a> {
    pub(super) input: &'a Arc<str>,
    pub(super) line: u64,
    pub(super) first: &'a [String],
    /// The first rows below it, each with its line.
    pub(super) below: &'a [(u64, ByteRecord)],
    /// Looks for the line of a header below the first row.
    pub(super) header_below: &'a dyn Fn() -> Option<u64>,
    pub(super) options: &'a ReadingOptions,
}

impl HeaderFinder<'_> {
    /// Decides whether the first row is the header, and which column holds the ID.
    pub(super) fn answer(&self) -> Result<Columns, Refusal> {
        self.refuse_title()?;
        let given = self.options.id_column.as_deref().map(without_blanks);
        let number = given.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty());
        let columns = match (self.options.header, given, number) {
            (_, Some(given), Some(_)) => self.numbered(given),
            (HeaderOption::Find | HeaderOption::OnLine(_), Some(name), None) => self.named(name),
            (HeaderOption::Absent, Some(name), None) => {
                let message =
                    format!("--id-column {} names a column, and --no-header says there are no names", quoted(name));
                Err(Refusal::new(Cause::Usage, message).hint("give the number of the column, the first being 1"))
            }
            (HeaderOption::Find | HeaderOption::OnLine(_), None, None | Some(_)) => self.found(),
            (HeaderOption::Absent, None, None | Some(_)) if self.first.len() == 1 => {
                Ok(self.columns(0, FirstRow::Data, Choice::Only))
            }
            (HeaderOption::Absent, None, None | Some(_)) => Err(self.no_header_no_number()),
        }?;
        match (self.options.header, columns.first_row) {
            (HeaderOption::OnLine(_), FirstRow::Data) => {
                let cell = self.first.get(columns.id.number - 1).map(String::as_str).unwrap_or_default();
                Err(self.no_header_there(cell))
            }
            _ => Ok(columns),
        }
    }

    /// The refusal for a row that the operator calls the header, and that has an ID where a header has a name.
    fn no_header_there(&self, cell: &str) -> Refusal {
        let message = format!("this is a row and no header: one of its cells is {}", quoted(cell));
        Refusal::new(Cause::Input, self.here(&message))
            .hint("name the line of the header with --header-line; where there is none, say --no-header")
    }

    fn numbered(&self, given: &str) -> Result<Columns, Refusal> {
        let number = given.parse::<usize>().ok().filter(|number| (1..=self.first.len()).contains(number));
        let Some(index) = number.and_then(|number| number.checked_sub(1)) else {
            let message = self.here(&format!("there is no column {given}: the row has {}", self.first.len()));
            return Err(Refusal::new(Cause::Input, message).hint("columns are counted from 1; check --delimiter, too"));
        };
        let cell = self.first.get(index).map(String::as_str).unwrap_or_default();
        let is_header = match self.options.header {
            HeaderOption::Find => is_text(cell) && self.says_header(index),
            HeaderOption::Absent => false,
            HeaderOption::OnLine(_) => !is_id(cell),
        };
        if self.options.header != HeaderOption::Absent
            && (is_header || is_name(cell))
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

    /// Whether the first row looks like a header, if its cell in this column is text.
    fn says_header(&self, index: usize) -> bool {
        if self.first.iter().any(|cell| ID_NAMES.contains(&column_key(cell).as_str())) {
            return true;
        }
        let is_asked_for = |name: &str| named(self.first, name) != Named::Nothing && name.parse::<usize>().is_err();
        if self.options.filters.iter().any(|filter| is_asked_for(&filter.column)) {
            return true;
        }
        let own = self.first.get(index).map(String::as_str).unwrap_or_default();
        let recurs = self.below.iter().any(|(_, record)| {
            record.get(index) == Some(own.as_bytes()) && !record.iter().eq(self.first.iter().map(String::as_bytes))
        });
        if recurs || self.first.iter().any(|cell| is_id(cell)) {
            return false;
        }
        let written = self.first.iter().filter(|cell| !without_blanks(cell).is_empty());
        let names = written.clone().filter(|cell| is_column_name(cell)).count();
        is_column_name(own) || names * 2 >= written.count()
    }

    /// Refuses a line of one cell above wider rows: a title, whatever it says.
    fn refuse_title(&self) -> Result<(), Refusal> {
        let is_insisted_on = self.options.header == HeaderOption::Absent && self.options.id_column.is_some();
        let written: Vec<&String> = self.first.iter().filter(|cell| !without_blanks(cell).is_empty()).collect();
        let [title] = written.as_slice() else { return Ok(()) };
        if is_insisted_on {
            return Ok(());
        }
        let widths = || self.below.iter().map(|(line, record)| (*line, record, width_of(record)));
        let header = widths().find(|(_, _, width)| matches!(width, Width::Wide { .. }));
        let Some((header_line, record, width)) = header else { return Ok(()) };
        let is_title = if self.first.len() > 1 {
            // The title is padded with empty cells, as Excel writes it. A header may also have only one name, but then
            // the rows below have IDs.
            is_text(title)
                && width == (Width::Wide { begins_with_id: false })
                && cells(record).iter().all(|cell| !is_id(cell))
        } else {
            let wide = widths().filter(|(_, _, width)| matches!(width, Width::Wide { .. })).count();
            let narrow = widths().filter(|(_, _, width)| *width == Width::Narrow).count();
            wide > narrow || self.below.first().is_some_and(|(line, _)| *line == header_line)
        };
        if !is_title {
            return Ok(());
        }
        let message = if is_text(title) {
            format!("a line of one cell, {}, above rows of several, is a title and no header", quoted(title))
        } else {
            "the first row has one cell and the rows below have several, so that none is certain to hold the ID"
                .to_owned()
        };
        let hint = if is_text(title) {
            take_header_on((self.header_below)().unwrap_or(header_line))
        } else {
            "give the file a header, or name the column with --no-header --id-column and its number".to_owned()
        };
        Err(Refusal::new(Cause::Input, self.here(&message)).hint(hint))
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
        // A row with an ID in it is data; a cell `ID` in it may mean Indonesia.
        if candidates.is_empty() && !self.first.iter().any(|cell| is_id(cell)) {
            candidates = self.called_id();
        }
        match (candidates.as_slice(), self.first) {
            ([index], _) => Ok(self.columns(*index, FirstRow::Header, Choice::Name)),
            ([], [only]) if !is_text(only) => Ok(self.columns(0, FirstRow::Data, Choice::Only)),
            ([], [only]) if names_invitations(only) => Ok(self.columns(0, FirstRow::Header, Choice::Only)),
            ([], [only]) => {
                let message = format!("the only column is called {}, which names no invitations", quoted(only));
                let hint = "if these are several columns, name the delimiter with --delimiter; if their numbers are \
                            invitation IDs, insist with --id-column 1; if this line is no header, say --no-header";
                Err(Refusal::new(Cause::Input, self.here(&message)).hint(self.header_below_or(hint)))
            }
            ([], _) => Err(self.no_id_column()),
            _ => {
                let message = format!("more than one column looks like the invitation ID: {}", self.shown(&candidates));
                let refusal = Refusal::new(Cause::Input, self.here(&message));
                Err(refusal.hint("say which with --id-column and its number"))
            }
        }
    }

    /// The columns called `id`; if there are any, also those whose names contain [`INVITATION_STEM`], which may be
    /// meant instead.
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

    /// The refusal for a name that no column has.
    pub(super) fn unknown_column(&self, name: &str, names: &[String], hint: &str) -> Refusal {
        let message = format!("there is no column {}; the columns are {}", quoted(name), listed(names));
        Refusal::new(Cause::Input, self.here(&message)).hint(self.header_below_or(hint))
    }

    /// The line of a header below the first row, if one seems to be there; else this hint.
    fn header_below_or(&self, hint: &str) -> String {
        (self.header_below)().map_or_else(|| hint.to_owned(), take_header_on)
    }

    fn no_id_column(&self) -> Refusal {
        let list = listed(self.first);
        if let (HeaderOption::OnLine(_), Some(cell)) = (self.options.header, self.first.iter().find(|cell| is_id(cell)))
        {
            return self.no_header_there(cell);
        }
        if self.first.iter().any(|cell| is_id(cell)) {
            let message =
                format!("the first row looks like data, and does not say which column holds the invitation ID: {list}");
            let hint = "say which with --no-header --id-column and its number, the first being 1";
            return Refusal::new(Cause::Input, self.here(&message)).hint(self.header_below_or(hint));
        }
        let message = format!("no column is named like an invitation ID; the columns are {list}");
        let hint = "say which one it is with --id-column, by name or number";
        Refusal::new(Cause::Input, self.here(&message)).hint(self.header_below_or(hint))
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
        shortened(shown)
    }

    pub(super) fn here(&self, message: &str) -> String {
        format!("{}, line {}: {message}", self.input, self.line)
    }
}

/// Lists the names of columns.
fn listed(names: &[String]) -> String {
    shortened(names.iter().map(|name| quoted(name)))
}

/// Lists the first [`LISTED_NAMES`], and counts the rest.
fn shortened(all: impl ExactSizeIterator<Item = String>) -> String {
    let count = all.len();
    let mut shown: Vec<String> = all.take(LISTED_NAMES).collect();
    if let Some(more) = count.checked_sub(LISTED_NAMES).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
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
