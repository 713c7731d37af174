//! Keeps the rows that somebody has to look at: those in doubt first, then in the order of the input, and no more than a
//! page can hold.

use std::collections::BTreeMap;

use super::kinds::Kind;
use crate::outcome::Status;
use crate::results::ResultsRow;
use crate::text::one_line;

/// The most rows that are listed one by one. (Source: the contract.)
pub(super) const MOST_LISTED: usize = 2_000;
/// The most characters of a row's reason. It can be a server's text; with this, a page of 1,000 rows keeps below
/// 300 KB. The results have all of it.
const REASON_CHARACTERS: usize = 180;
/// The most characters of one of the input's own cells.
const CELL_CHARACTERS: usize = 60;
/// No ID has more digits than this.
const ID_DIGITS: usize = 19;

/// A row that somebody has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedRow {
    /// The number of its results file, from 0.
    pub(super) file: usize,
    pub(super) line: u64,
    /// Its invitation; empty where the cell is not an ID, since it may be anything about a person then.
    pub(super) invitation_id: String,
    pub(super) status: Status,
    pub(super) reason: String,
    /// The input's own cells that the operator wants to see.
    pub(super) cells: Vec<String>,
}

/// The first of all rows that somebody has to look at.
#[derive(Debug, Default)]
pub(super) struct ListedRows {
    /// The rows by kind, file and line; a number keeps two apart whose line somebody has made the same.
    rows: BTreeMap<(Kind, usize, u64, usize), ListedRow>,
    seen: usize,
}

impl ListedRows {
    /// Takes a row of this file, unless nobody has to look at it or there are enough that come before it. `cells` makes
    /// the cells that are shown.
    pub(super) fn take(&mut self, file: usize, row: &ResultsRow<'_>, cells: impl FnOnce() -> Vec<String>) {
        let kind = Kind::of(row.status);
        if !kind.is_listed() {
            return;
        }
        let place = (kind, file, row.line, self.seen);
        self.seen += 1;
        let is_full = self.rows.len() >= MOST_LISTED;
        if is_full && self.rows.last_key_value().is_some_and(|(last, _)| *last < place) {
            return;
        }
        let listed = ListedRow {
            file,
            line: row.line,
            invitation_id: shown_id(row),
            status: row.status,
            reason: one_line(row.error, REASON_CHARACTERS),
            cells: cells(),
        };
        self.rows.insert(place, listed);
        if is_full {
            self.rows.pop_last();
        }
    }

    /// The rows, kind by kind.
    pub(super) fn by_kind(self) -> BTreeMap<Kind, Vec<ListedRow>> {
        let mut kinds: BTreeMap<Kind, Vec<ListedRow>> = BTreeMap::new();
        for ((kind, ..), row) in self.rows {
            kinds.entry(kind).or_default().push(row);
        }
        kinds
    }
}

/// The ID, if it is one. The cell of a row that has none can be a telephone number.
fn shown_id(row: &ResultsRow<'_>) -> String {
    let id = row.invitation_id;
    let is_id =
        row.status != Status::InvalidId && id.len() <= ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_id { id.to_owned() } else { String::new() }
}

/// One of the input's own cells, as it is shown.
pub(super) fn shown_cell(cell: &[u8]) -> String {
    one_line(&String::from_utf8_lossy(cell), CELL_CHARACTERS)
}
