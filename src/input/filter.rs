//! Applies `--where`: selects the rows that the operator means.

use std::fmt;
use std::str::FromStr;

use csv::ByteRecord;
use thiserror::Error;

use super::columns::{HeaderFinder, Named, named};
use crate::error::{Cause, Refusal};
use crate::invitation::without_blanks;
use crate::text::quoted;

/// One condition of `--where`: `COLUMN=VALUE` or `COLUMN!=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The name of the column, or its number if no column has such a name.
    pub column: String,
    /// Whether the cell has to be equal to the value, or different from it.
    pub comparison: Comparison,
    /// The value, without blanks around it. Upper and lower case are the same.
    pub value: String,
}

/// How a cell is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
}

/// A `--where` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is no filter: write COLUMN=VALUE or COLUMN!=VALUE", quoted(text))]
pub struct FilterError {
    text: String,
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let error = || FilterError { text: text.to_owned() };
        let (before, value) = text.split_once('=').ok_or_else(error)?;
        let (column, comparison) = match before.strip_suffix('!') {
            Some(column) => (column, Comparison::NotEqual),
            None => (before, Comparison::Equal),
        };
        let (column, value) = (without_blanks(column), without_blanks(value));
        // Otherwise `Status!==Pending` would select every row.
        if column.is_empty() || value.starts_with('=') {
            return Err(error());
        }
        Ok(Self { column: column.to_owned(), comparison, value: value.to_owned() })
    }
}

/// A filter and the column to which it refers.
#[derive(Debug, Clone)]
pub(super) struct ResolvedFilter {
    index: usize,
    filter: Filter,
    lowercase: String,
    /// Why rows are not selected.
    summary: String,
}

impl Filter {
    /// Finds the column.
    pub(super) fn resolve(&self, names: &[String], finder: &HeaderFinder<'_>) -> Result<ResolvedFilter, Refusal> {
        let number = self.column.parse::<usize>().ok().filter(|number| (1..=names.len()).contains(number));
        let index = match (named(names, &self.column), number) {
            (Named::One(index), _) => index,
            (Named::Nothing, Some(number)) => number - 1,
            (Named::Nothing, None) => {
                return Err(finder.unknown_column(&self.column, names, "check the --where that names it"));
            }
            (Named::Several(indices), _) => {
                let shown = finder.shown(&indices);
                let message = finder.here(&format!("--where {} means several columns: {shown}", quoted(&self.column)));
                let refusal = Refusal::new(Cause::Input, message);
                return Err(refusal.hint("give the number of the column in place of its name"));
            }
        };
        let summary = format!("excluded by --where {}", quoted(&self.to_string()));
        Ok(ResolvedFilter { index, filter: self.clone(), lowercase: self.value.to_lowercase(), summary })
    }

    fn sign(&self) -> &'static str {
        match self.comparison {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
        }
    }
}

impl fmt::Display for Filter {
    /// Writes the filter as it is given to `--where`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}{}", self.column, self.sign(), self.value)
    }
}

/// What a filter says about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The row is selected.
    Passes,
    /// The row is not selected.
    Fails,
    /// It is uncertain which cell of the row has to be compared.
    Uncertain,
}

impl ResolvedFilter {
    /// The index of the column, counted from 0.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Whether a row is selected. Its cell for this column may have moved by up to `extra` columns to the right,
    /// because of an unquoted delimiter or a cell inserted before it. The answer is certain only if it is the same for
    /// each cell that it may be. A row that ends before the column is not selected, because its cell is unknown.
    pub(super) fn answer(&self, record: &ByteRecord, extra: usize) -> Answer {
        if record.len() <= self.index {
            return Answer::Fails;
        }
        let candidates = 1 + extra;
        let indices = self.index..self.index + candidates;
        match indices.filter(|index| self.holds(cell(record, *index))).count() {
            0 => Answer::Fails,
            passing if passing == candidates => Answer::Passes,
            _ => Answer::Uncertain,
        }
    }

    fn holds(&self, cell: &str) -> bool {
        let equal = cell.eq_ignore_ascii_case(&self.filter.value)
            || (!cell.is_ascii() || !self.lowercase.is_ascii()) && cell.to_lowercase() == self.lowercase;
        equal == (self.filter.comparison == Comparison::Equal)
    }

    /// Why this row is not selected, in one line.
    pub(super) fn reason(&self, record: &ByteRecord) -> String {
        if record.len() <= self.index {
            return format!("{}: the row ends before the column", self.summary);
        }
        format!("{}: the cell is {}", self.summary, quoted(cell(record, self.index)))
    }

    /// Why rows are not selected.
    pub(super) fn summary(&self) -> String {
        self.summary.clone()
    }
}

fn cell(record: &ByteRecord, index: usize) -> &str {
    let cell = record.get(index).unwrap_or_default();
    without_blanks(std::str::from_utf8(cell).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_column_a_comparison_and_a_value() {
        let filter = |column: &str, comparison, value: &str| {
            Ok(Filter { column: column.to_owned(), comparison, value: value.to_owned() })
        };
        assert_eq!("Test Status=Pending".parse(), filter("Test Status", Comparison::Equal, "Pending"));
        assert_eq!(" Status != Not Started ".parse(), filter("Status", Comparison::NotEqual, "Not Started"));
        assert_eq!("note=a=b".parse(), filter("note", Comparison::Equal, "a=b"));
        assert_eq!("note=".parse(), filter("note", Comparison::Equal, ""));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["", "Pending", "=Pending", "!=Pending", "Status==Pending", "Status!==Pending", "Status<>x"] {
            assert!(text.parse::<Filter>().unwrap_err().to_string().contains("COLUMN=VALUE"), "{text}");
        }
    }
}
