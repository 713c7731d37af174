//! Finds where the table below the header ends. One file may hold several tables, as a sheet of a spreadsheet does. The
//! numbers below another header belong to other people, or are not about people at all.

use std::collections::HashSet;

use csv::ByteRecord;

use super::columns::FirstRow;
use super::names::{self, is_column_name};
use crate::invitation::without_blanks;
use crate::row::column_key;

/// The longest cell that is compared with the names, in bytes (chosen by us): names are short, and other cells can be
/// very long.
const LONGEST_NAME_BYTES: usize = 256;

/// A row counts as another header if it has at least this many names in common with the header. The number is part of
/// the contract.
const TELLING_NAMES: usize = 2;

/// The header, to be compared with rows that may be another header.
#[derive(Debug, Clone, Default)]
pub(super) struct Header {
    /// The names in their order, as [`column_key`] writes them, up to the last that is not empty. Empty without a
    /// header.
    keys: Vec<String>,
    /// The names with a letter in them: a number is not a name.
    names: HashSet<String>,
    id_index: usize,
}

/// What a row without an ID has in common with the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    None,
    Same,
    Other,
}

impl Header {
    pub(super) fn new(names: &[String], id_index: usize, first_row: FirstRow) -> Self {
        if first_row == FirstRow::Data {
            return Self::default();
        }
        let mut keys: Vec<String> = names.iter().map(|name| column_key(name)).collect();
        keys.truncate(keys.iter().rposition(|key| !key.is_empty()).map_or(0, |last| last + 1));
        let names = keys.iter().filter(|key| is_name(key)).cloned().collect();
        Self { keys, names, id_index }
    }

    /// Compares a row without an ID with the header. The row is another header if it has names of this one and is not
    /// the same. The name of the ID column in its own place is enough, because no data row has that.
    fn likeness(&self, record: &ByteRecord) -> Likeness {
        if self.keys.is_empty() {
            return Likeness::None;
        }
        let (mut own, mut known, mut strange, mut names_id) = (0, 0, 0, false);
        for (index, cell) in record.iter().enumerate() {
            let key = key_of(cell);
            if self.keys.get(index).map_or(key.is_empty(), |own| *own == key) {
                own += 1;
                names_id |= index == self.id_index;
            } else {
                strange += 1;
            }
            known += usize::from(self.names.contains(&key));
        }
        if strange == 0 && own >= self.keys.len() {
            Likeness::Same
        } else if known >= TELLING_NAMES || known > 0 && names_id || self.reads_like_names(record) {
            Likeness::Other
        } else {
            Likeness::None
        }
    }

    /// Whether a row without any names of the header still looks like a header: in the place of the ID it has the name
    /// of a column (which numbers may follow), and at least two of its cells, and half of those that are not empty,
    /// name columns.
    fn reads_like_names(&self, record: &ByteRecord) -> bool {
        let is_column = |cell: &[u8]| {
            let name = std::str::from_utf8(cell).ok().filter(|name| name.len() <= LONGEST_NAME_BYTES);
            name.is_some_and(|name| is_column_name(name) && names::is_name(name))
        };
        if !record.get(self.id_index).is_some_and(is_column) {
            return false;
        }
        let columns = record.iter().filter(|cell| is_column(cell)).count();
        let written = record.iter().filter(|cell| !is_blank_cell(cell)).count();
        columns >= TELLING_NAMES && columns * 2 >= written
    }
}

/// The key of a cell, or a text that is the key of no column.
fn key_of(cell: &[u8]) -> String {
    let text = std::str::from_utf8(cell).ok().filter(|text| text.len() <= LONGEST_NAME_BYTES);
    text.map_or_else(|| "\n".to_owned(), column_key)
}

fn is_name(key: &str) -> bool {
    key.chars().any(char::is_alphabetic)
}

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the table of the header.
    Inside,
    /// In the table of the header, but all its cells are empty.
    Blank,
    /// In the table of the header, but it repeats the header.
    HeaderAgain,
    /// In or after another table, which begins on this line.
    Beyond(u64),
}

/// What separates a row from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    None,
    BlankLine,
}

/// Reads the rows in their order, and finds the end of the table of the header.
#[derive(Debug, Default)]
pub(super) struct Tables {
    is_behind_blank: bool,
    /// The line on which another table begins.
    other: Option<u64>,
}

impl Tables {
    /// Tells where the next row is.
    ///
    /// Another table begins with a row that names other columns, or with a row without an ID that follows a blank line.
    pub(super) fn place(&mut self, line: u64, gap: Gap, row: &Looked<'_>) -> Place {
        if let Some(line) = self.other {
            return Place::Beyond(line);
        }
        let is_behind_blank = std::mem::take(&mut self.is_behind_blank) || gap == Gap::BlankLine;
        if row.has_id == HasId::Yes {
            return Place::Inside;
        }
        if is_blank_row(row.record) {
            self.is_behind_blank = true;
            return Place::Blank;
        }
        match row.header.likeness(row.record) {
            Likeness::Same => Place::HeaderAgain,
            Likeness::None if !is_behind_blank => Place::Inside,
            Likeness::None | Likeness::Other => {
                self.other = Some(line);
                Place::Beyond(line)
            }
        }
    }
}

/// What the place of a row depends on.
pub(super) struct Looked<'a> {
    pub(super) record: &'a ByteRecord,
    pub(super) has_id: HasId,
    pub(super) header: &'a Header,
}

/// Whether the cell in the ID column is an ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HasId {
    Yes,
    No,
}

/// Whether all cells of a row are empty, as when a spreadsheet writes a blank line.
pub(super) fn is_blank_row(record: &ByteRecord) -> bool {
    record.iter().all(is_blank_cell)
}

/// Whether a cell is empty.
pub(super) fn is_blank_cell(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|text| without_blanks(text).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(header: &str, row: &str) -> Likeness {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let id_index = names.iter().position(|name| name == "id").unwrap();
        let record: ByteRecord = row.split(',').collect::<Vec<_>>().into();
        Header::new(&names, id_index, FirstRow::Header).likeness(&record)
    }

    #[test]
    fn a_header_is_the_same_whatever_its_spelling_and_however_many_delimiters_follow() {
        for (header, row) in
            [("id,Full Name", "ID,full_name"), ("id,name", "id,name,,"), ("id,name,", "id,name"), ("id,,x", "id,,x")]
        {
            assert_eq!(likeness(header, row), Likeness::Same, "{row}");
        }
    }

    #[test]
    fn a_row_with_names_of_the_header_is_another_one_where_it_is_not_the_same() {
        for row in
            ["name,id,email", "name,email", "employee,id,email", "id,name,phone", "id,phone", "id", "x,email,name,id"]
        {
            assert_eq!(likeness("id,name,email", row), Likeness::Other, "{row}");
        }
    }

    #[test]
    fn a_row_that_shares_no_name_with_the_header_reads_like_one_where_the_id_would_be() {
        for row in
            ["Employee No,Phone", "Test ID,Test Status,Remark", "Employee No,Candidate Name,,", "Number,Datum,x,y"]
        {
            assert_eq!(likeness("id,team,email", row), Likeness::Other, "{row}");
        }
        for row in [
            "Ann,Phone,Number",
            "no ID,wrong number,see note",
            "Phone,Ann,Berlin",
            ",Phone,Number",
            "Number 5,Phone",
            "Employee No",
        ] {
            assert_eq!(likeness("id,team,email", row), Likeness::None, "{row}");
        }
    }

    #[test]
    fn a_row_of_data_names_no_columns() {
        for row in ["x,Ann,a@b.c", ",email,Ann", "name", "oops,name,x", "2024,2024,2024", ",,", ""] {
            assert_eq!(likeness("id,name,email", row), Likeness::None, "{row}");
        }
        assert_eq!(likeness("id,2023,2024", "x,2024,2023"), Likeness::None);
    }
}
