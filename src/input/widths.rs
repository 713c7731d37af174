//! Counts how many cells the rows of a whole input have, and what follows from that for each row.

use super::columns::FirstRow;
use super::screen::Screen;
use crate::error::{Cause, Refusal};

/// The rows of an input, counted by their number of cells.
#[derive(Debug, Default)]
pub(super) struct Widths {
    rows: u64,
    /// For each number of cells, how many rows have it. A row has one MiB at most, so this list stays small.
    counts: Vec<u64>,
    /// The line of the first row.
    first_line: u64,
    /// Whether there are more rows, in another table, whose widths say nothing about these.
    has_more: bool,
}

/// What follows from the widths of all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WidthFinding {
    /// The header says how many cells a row has.
    ByHeader,
    /// A whole row has this number of cells.
    Whole(usize),
    /// Every row is longer than the header, so its names are not above their columns.
    AllLong {
        /// The line of the first row.
        line: u64,
        /// The fewest cells that a row has.
        cells: usize,
    },
}

impl Widths {
    /// Counts a row with this number of cells.
    pub(super) fn count(&mut self, line: u64, cells: usize) {
        if self.rows == 0 {
            self.first_line = line;
        }
        self.rows += 1;
        if self.counts.len() <= cells {
            self.counts.resize(cells + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(cells) {
            *count += 1;
        }
    }

    /// Records that a row is in another table.
    pub(super) fn pass_by(&mut self) {
        self.has_more = true;
    }

    /// Works out what follows from the widths of all rows.
    ///
    /// A single row has no other rows to compare with. Its width counts only if no cell can be missing before its ID.
    pub(super) fn finding(&self, screen: &Screen) -> WidthFinding {
        let Some(fewest) = self.counts.iter().position(|rows| *rows > 0) else { return WidthFinding::ByHeader };
        let is_uniform = self.counts.get(fewest) == Some(&self.rows) && !self.has_more;
        match screen.first_row {
            FirstRow::Header if fewest > screen.width => WidthFinding::AllLong { line: self.first_line, cells: fewest },
            FirstRow::Header if is_uniform && fewest < screen.whole && (self.rows > 1 || screen.id_index == 0) => {
                WidthFinding::Whole(fewest)
            }
            FirstRow::Data if screen.width > 1 && screen.whole > 0 => self.usual(screen.width),
            FirstRow::Header | FirstRow::Data => WidthFinding::ByHeader,
        }
    }

    /// Without a header, the first row says how many cells a whole row has. It does not if more rows have a greater
    /// width: then the first row may be half of a row that a line break has torn.
    fn usual(&self, width: usize) -> WidthFinding {
        let rows = |width: usize| self.counts.get(width).copied().unwrap_or_default();
        let usual = (width..self.counts.len()).max_by_key(|width| rows(*width)).unwrap_or(width);
        if usual > width { WidthFinding::Whole(usual) } else { WidthFinding::ByHeader }
    }

    /// Refuses an input whose rows are all longer than the header.
    pub(super) fn check(&self, input: &str, screen: &Screen) -> Result<(), Refusal> {
        let WidthFinding::AllLong { line, cells } = self.finding(screen) else { return Ok(()) };
        let message = format!(
            "{input}, line {line}: every row is longer than the header, with {cells} cells or more for its {} names, so the \
             columns are not where the header says",
            screen.width
        );
        Err(Refusal::new(Cause::Input, message).hint(
            "if a column without a name stands in front, export without it (in R write.table(…, row.names = FALSE), in \
             pandas to_csv(…, index=False)) or give it a name in the header; if each row ends with a delimiter too many, \
             let the header end with one as well; if text holds the delimiter, quote it",
        ))
    }

    /// Whether rows of this width could each be part of a wider row that a line break has torn, as `2932950,hello` and
    /// `9876543210,x` can be of a row with three cells.
    pub(super) fn may_be_torn(cells: usize, screen: &Screen) -> bool {
        screen.first_row == FirstRow::Header && cells > 1 && 2 * cells - 1 <= screen.width
    }
}
