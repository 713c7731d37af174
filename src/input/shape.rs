//! Checks whether an input whose first row has one cell really has one column.
//!
//! If there were a title above a table, or a table below a list, the numbers in the table's first column would count as
//! IDs. So all rows are checked. The reading ends as soon as there are more rows with several cells than with one, or a
//! row with several cells that begins with an ID follows one that does not.

use csv::ByteRecord;

use super::fault::Fault;
use super::names::is_id;

/// How many cells of a row are not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// One, or none.
    Narrow,
    /// Several.
    Wide { begins_with_id: bool },
    /// Several, all of them IDs or parts of one. Such a row is never sent, and says nothing about the columns.
    AllIds,
}

/// Tells how wide a row is.
pub(super) fn width_of(record: &ByteRecord) -> Width {
    let cells = || record.iter().map(String::from_utf8_lossy);
    let written = |cell: &str| !crate::invitation::without_blanks(cell).is_empty();
    if record.len() < 2 || cells().filter(|cell| written(cell)).take(2).count() < 2 {
        Width::Narrow
    } else if cells().filter(|cell| written(cell)).all(|cell| is_id(&cell)) {
        Width::AllIds
    } else {
        Width::Wide { begins_with_id: cells().next().is_some_and(|cell| is_id(&cell)) }
    }
}

/// Checks the rows of an input of one column.
#[derive(Debug, Default)]
pub(super) struct OneColumn {
    wide: u64,
    narrow: u64,
    names_line: Option<u64>,
}

impl OneColumn {
    /// Checks the next row.
    pub(super) fn look(&mut self, line: u64, record: &ByteRecord) -> Result<(), Fault> {
        match width_of(record) {
            Width::AllIds => {}
            Width::Narrow => self.narrow += 1,
            Width::Wide { begins_with_id } => {
                self.wide += 1;
                if begins_with_id && let Some(header_line) = self.names_line {
                    return Err(Fault::TableBelow { header_line });
                }
                if self.wide > self.narrow {
                    return Err(Fault::SeveralColumns);
                }
                if !begins_with_id {
                    self.names_line.get_or_insert(line);
                }
            }
        }
        Ok(())
    }
}
