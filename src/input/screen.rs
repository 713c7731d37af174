//! Decides what a row asks for: [`Screen`] checks the filters first, then the ID.
//!
//! A row with too few cells may be half of a row that an unquoted line break has torn, so it is not used. A row with
//! too many cells may contain text with an unquoted delimiter, or a number inserted at its beginning; then its cells
//! have moved to the right. Such a row is used only if just one of its cells can be the intended ID, and no filter
//! depends on which cell is meant.

use csv::ByteRecord;

use super::ShortRows;
use super::columns::{FirstRow, IdColumn};
use super::filter::{Answer, ResolvedFilter};
use super::past_runs::PastRuns;
use super::tables::{Header, is_blank_cell, is_blank_row};
use super::totals::says_total;
use crate::invitation::{InvitationId, NotAnId, is_blank, is_quote, without_blanks};
use crate::outcome::{Effect, Status};
use crate::row::{Skip, column_key};
use crate::text::quoted;

/// The delimiters that are also used between the thousands of a number.
const GROUPING_DELIMITERS: &[u8] = b",. _";

/// The first group of a number with thousands separators is smaller than this number.
const GROUPS_END: u64 = 1000;

/// What holds for every row of one input.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    pub(super) id_index: usize,
    pub(super) id_name: String,
    /// The number of columns.
    pub(super) width: usize,
    /// The number of columns up to the last that has a name.
    pub(super) named: usize,
    /// The number of cells of a whole row. A row with fewer may have been torn.
    pub(super) whole: usize,
    pub(super) delimiter: u8,
    pub(super) first_row: FirstRow,
    pub(super) filters: Vec<ResolvedFilter>,
    pub(super) header: Header,
    /// What the input says about its rows, if it is the results of an earlier run.
    pub(super) past_runs: Option<PastRuns>,
}

/// What a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Cancel(InvitationId),
    Skip(Why),
}

/// Why a row is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The cell is not an ID.
    NotAnId(NotAnId),
    /// The row ends before the ID column.
    Short,
    /// The row ends before the last column: a line break may have torn it.
    Torn,
    /// The row repeats the header.
    HeaderAgain,
    /// The row belongs to another table, which begins on this line.
    OtherTable(u64),
    /// Another cell says that the row is a total.
    Total,
    /// An earlier run found that the row has no valid ID.
    Known,
    /// An unquoted `2,932,950` in a file with commas: three cells.
    Grouped,
    /// `2932950,2932951` in an input of one column.
    Several,
    /// The row has too many cells, and its ID, or the cell that a filter compares, may have moved to the right.
    Moved,
    /// The filter with this index does not select the row.
    Filtered(usize),
    /// An earlier row asks for the same invitation: the one on this line, if it is known.
    Duplicate(Option<u64>),
}

impl Why {
    pub(super) fn status(self) -> Status {
        match self {
            Self::NotAnId(_)
            | Self::Short
            | Self::Torn
            | Self::HeaderAgain
            | Self::OtherTable(_)
            | Self::Total
            | Self::Known
            | Self::Grouped
            | Self::Several
            | Self::Moved => Status::InvalidId,
            Self::Filtered(_) => Status::Filtered,
            Self::Duplicate(_) => Status::Duplicate,
        }
    }

    /// Whether two rows are skipped for the same reason, whatever their cells.
    pub(super) fn is_like(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Duplicate(_), Self::Duplicate(_)))
    }
}

/// The form of the rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) names: &'a [String],
    pub(super) delimiter: u8,
    pub(super) first_row: FirstRow,
}

impl Screen {
    /// Works out what holds for every row of an input.
    pub(super) fn new(
        id: Option<&IdColumn>,
        form: Form<'_>,
        filters: Vec<ResolvedFilter>,
        short_rows: ShortRows,
    ) -> Self {
        let Form { names, delimiter, first_row } = form;
        let id_index = id.map_or(0, |id| id.number - 1);
        let named = match first_row {
            FirstRow::Header => names.iter().rposition(|name| !column_key(name).is_empty()).map_or(0, |last| last + 1),
            FirstRow::Data => names.len(),
        };
        let past_runs = PastRuns::among(names, first_row);
        let whole = match short_rows {
            ShortRows::Doubted => named,
            // Results never leave out our columns, so a row that lacks some of them is torn.
            ShortRows::Meant => past_runs.as_ref().map_or(0, PastRuns::own_columns),
        };
        let header = Header::new(names, id_index, first_row);
        let id_name = id.map_or_else(String::new, |id| id.name.clone());
        let width = names.len();
        Self { id_index, id_name, width, named, whole, delimiter, first_row, filters, header, past_runs }
    }

    /// The ID of a row, judged only by the cell in the ID column.
    pub(super) fn id(&self, record: &ByteRecord) -> Result<InvitationId, Why> {
        record.get(self.id_index).map_or(Err(Why::Short), |cell| id_in(cell).map_err(Why::NotAnId))
    }

    /// Decides what a row asks for, given its ID or why it has none.
    pub(super) fn intent(&self, record: &ByteRecord, id: Result<InvitationId, Why>) -> Intent {
        if record.len() < self.whole {
            return Intent::Skip(match id {
                Err(why) if why == Why::Short || is_blank_row(record) => why,
                Err(_) | Ok(_) => Why::Torn,
            });
        }
        let extra = self.extra_cells(record);
        let moved = self.cells_that_may_move_the_id(record, extra);
        if let Some(why) = self.filtered(record, extra, if id.is_ok() { moved } else { extra }) {
            return Intent::Skip(why);
        }
        let why = match id {
            Err(why) => Some(why),
            Ok(_) if self.past_runs.as_ref().is_some_and(|earlier| earlier.knows_no_id(record)) => Some(Why::Known),
            Ok(id) if self.may_be_grouped(id, record, extra) => Some(Why::Grouped),
            Ok(_) if self.holds_several(record) => Some(Why::Several),
            Ok(_) if moved > 0 => Some(Why::Moved),
            Ok(_) if self.is_total(record) => Some(Why::Total),
            Ok(_) => None,
        };
        match (why, id) {
            (None, Ok(id)) => Intent::Cancel(id),
            (Some(why), _) | (None, Err(why)) => Intent::Skip(why),
        }
    }

    /// Whether the input itself says that an earlier call for the row may have taken effect.
    pub(super) fn effect(&self, record: &ByteRecord) -> Effect {
        self.past_runs.as_ref().map_or(Effect::None, |earlier| earlier.effect(record))
    }

    /// A copy with another number of cells that make a row whole. The number above which cells are too many stays: if
    /// the operator counted the ID column in a first row that is shorter, either that row is torn or the cells of the
    /// others have moved.
    pub(super) fn with_whole(&self, whole: usize) -> Self {
        Self { whole, ..self.clone() }
    }

    /// Why the filters do not select a row, if so. The row has `extra` cells too many, and its ID may have moved by
    /// `moved` cells. If one filter certainly fails, the others do not matter. If the ID has not moved, no cell before
    /// it has.
    fn filtered(&self, record: &ByteRecord, extra: usize, moved: usize) -> Option<Why> {
        let mut why = None;
        for (index, filter) in self.filters.iter().enumerate() {
            match filter.answer(record, if filter.index() > self.id_index { extra } else { moved }) {
                Answer::Passes => {}
                Answer::Fails => return Some(Why::Filtered(index)),
                Answer::Uncertain => why = Some(Why::Moved),
            }
        }
        why
    }

    /// How many cells a row has too many: those beyond the width of the header or, if that is more, those after the
    /// last column with a name up to the last cell that is not empty.
    fn extra_cells(&self, record: &ByteRecord) -> usize {
        let cells = record.len();
        if cells <= self.named {
            return 0;
        }
        let is_text = |index: usize| record.get(index).is_some_and(|cell| !is_blank_cell(cell));
        let filled = (self.named..cells).rev().find(|index| is_text(*index)).map_or(self.named, |last| last + 1);
        cells.saturating_sub(self.width.max(self.named)).max(filled - self.named)
    }

    /// Whether a cell of the list, other than the ID, says that the row is a total.
    fn is_total(&self, record: &ByteRecord) -> bool {
        let own = self.past_runs.as_ref().map_or(0, PastRuns::own_columns);
        record.iter().enumerate().skip(own).any(|(index, cell)| index != self.id_index && says_total(cell))
    }

    /// Writes why a row is not sent.
    pub(super) fn skip(&self, why: Why, record: &ByteRecord) -> Skip {
        let cell = record.get(self.id_index).unwrap_or_default();
        let as_it_was = || String::from_utf8_lossy(cell).into_owned();
        let invitation_id = match why.status() {
            Status::InvalidId => as_it_was(),
            _ => id_in(cell).map_or_else(|_| as_it_was(), |id| id.to_string()),
        };
        let reason = match why {
            Why::Filtered(index) => self.filters.get(index).map(|filter| filter.reason(record)).unwrap_or_default(),
            Why::Duplicate(Some(line)) => format!("same invitation as line {line}"),
            Why::Known => {
                let known = self.past_runs.as_ref().and_then(|earlier| earlier.reason(record));
                known.unwrap_or_else(|| self.summary(why))
            }
            _ => self.summary(why),
        };
        Skip { status: why.status(), invitation_id, reason }
    }

    /// Why rows are not sent, without details that differ from row to row.
    pub(super) fn summary(&self, why: Why) -> String {
        match why {
            Why::NotAnId(fault) => fault.to_string(),
            Why::Short => format!("the row ends before its column {}", quoted(&self.id_name)),
            Why::Torn => format!(
                "the row has fewer cells than {}: a line break without quotes may have torn it, so quote the text; where \
                 empty cells at the end were left out, say --short-rows",
                self.measure("the other rows")
            ),
            Why::HeaderAgain => "the header once more".to_owned(),
            Why::OtherTable(line) => format!(
                "another table begins on line {line}, and nothing from there on is sent: give it a file of its own"
            ),
            Why::Total => "a cell says that the row is a total".to_owned(),
            Why::Known => "an earlier run found no valid ID here".to_owned(),
            Why::Grouped => {
                "may be the beginning of a number with thousands separators: export the column as Text, or \
                             as Number without them"
                    .to_owned()
            }
            Why::Several => "more than one ID in the row: give each ID its own row".to_owned(),
            Why::Moved => format!(
                "the row has more cells than {}, so that it is not certain which of them is meant: quote the text that \
                 holds the delimiter, or take out a number that was put in front",
                self.measure("the first row")
            ),
            Why::Filtered(index) => self.filters.get(index).map(ResolvedFilter::summary).unwrap_or_default(),
            Why::Duplicate(_) => "same invitation as an earlier line".to_owned(),
        }
    }

    /// What a row's number of cells is compared with, in words: the header, or else `rows`.
    fn measure(&self, rows: &'static str) -> &'static str {
        match self.first_row {
            FirstRow::Header => "the header",
            FirstRow::Data => rows,
        }
    }

    /// Checks whether a row of several lines looks like several rows, joined by a quote too many. Returns the ID of a
    /// row that would be lost.
    ///
    /// A line within a row looks like a row if it has as many cells as the header (quotes count as text) and an ID in
    /// the right place. In a header, one such line is proof. In a row, it is proof if the ID has as many digits as the
    /// row's own ID, which tells IDs from street numbers and postal codes. With other IDs it is proof if the last line
    /// is such a line; with only two columns this may be chance, so there the row needs at least three lines, and all
    /// lines below the first have to be such lines.
    ///
    /// For example, with three columns, the text `2932950,"Ann,x` and on the next line `2932951,Bob",y` is one row for
    /// a parser. The second line has three cells and an ID of seven digits, as the first: these are two rows, joined by
    /// a quote too many. But `2932950,"12 Main St` and on the next line `75001 Paris",y` is one row with an address:
    /// its lines have two cells each.
    pub(super) fn joined_rows(&self, text: &[u8], kind: FirstRow) -> Option<InvitationId> {
        if self.width < 2 || memchr::memchr2(b'\n', b'\r', text).is_none() {
            return None;
        }
        let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty());
        let ids: Vec<_> = lines.map(|line| self.id_of_line(line)).collect();
        match (kind, ids.as_slice()) {
            (FirstRow::Header, [_, below @ ..]) => below.iter().find_map(|id| *id),
            (FirstRow::Data, [Some(own), below @ ..]) => {
                let alike = below.iter().flatten().rfind(|id| id.digits() == own.digits());
                let is_certain = self.width > 2 || below.len() > 1 && below.iter().all(Option::is_some);
                alike.copied().or_else(|| below.last().copied().flatten().filter(|_| is_certain))
            }
            (FirstRow::Header | FirstRow::Data, _) => None,
        }
    }

    fn id_of_line(&self, line: &[u8]) -> Option<InvitationId> {
        let mut cells = line.split(|byte| *byte == self.delimiter);
        let width = cells.clone().count();
        cells.nth(self.id_index).filter(|_| width == self.width).and_then(|cell| id_in(cell).ok())
    }

    /// If the delimiter is a comma, an unquoted `2,932,950` is three cells, and `2` must not be sent for it. These were
    /// meant to be cells only if there is a header with as many columns as the row has cells.
    fn may_be_grouped(&self, id: InvitationId, record: &ByteRecord, extra: usize) -> bool {
        let is_attested = self.first_row == FirstRow::Header && extra == 0;
        !is_attested
            && GROUPING_DELIMITERS.contains(&self.delimiter)
            && id.get() < GROUPS_END
            && record.get(self.id_index + 1).is_some_and(begins_with_a_group)
    }

    /// In an input of one column, an ID in a second cell would go unnoticed.
    fn holds_several(&self, record: &ByteRecord) -> bool {
        self.named == 1 && record.iter().skip(1).any(|cell| id_in(cell).is_ok())
    }

    /// By how many cells the ID may have moved: each extra cell may have pushed it one column to the right. It has not
    /// moved if none of the cells to which it can have moved looks like an ID, or like a missing or damaged one.
    ///
    /// If only delimiters follow the ID, it has not moved: nobody inserts a number before an ID and leaves no other
    /// data.
    fn cells_that_may_move_the_id(&self, record: &ByteRecord, extra: usize) -> usize {
        if extra == 0 || record.iter().skip(self.id_index + 1).all(is_blank_cell) {
            return 0;
        }
        let mut behind = record.iter().skip(self.id_index + 1).take(extra);
        if behind.any(may_be_the_id) { extra } else { 0 }
    }
}

/// Words that stand for a missing value.
const MISSING: [&str; 8] = ["na", "n/a", "nan", "null", "none", "nil", "missing", "unknown"];

/// Whether a cell may be the ID: it is one, or a damaged or missing one. Text is not, and a date only looks like
/// several numbers.
fn may_be_the_id(cell: &[u8]) -> bool {
    match id_in(cell) {
        Err(NotAnId::Several) => false,
        Err(NotAnId::Text) => is_missing(&String::from_utf8_lossy(cell)),
        Ok(_)
        | Err(
            NotAnId::Empty
            | NotAnId::Negative
            | NotAnId::PlusSign
            | NotAnId::Zero
            | NotAnId::TooLarge
            | NotAnId::Fraction
            | NotAnId::InexactDecimal
            | NotAnId::MaybeThousands
            | NotAnId::Rounded
            | NotAnId::Scientific
            | NotAnId::Grouped
            | NotAnId::ForeignDigits,
        ) => true,
    }
}

fn is_missing(text: &str) -> bool {
    let word = text.trim_matches(|character: char| !character.is_alphanumeric());
    word.is_empty() || without_blanks(text) == "\\N" || MISSING.iter().any(|missing| word.eq_ignore_ascii_case(missing))
}

/// Whether a cell begins with exactly two or three digits, after any blanks and quotes and whatever follows: `932`,
/// `'932`, `932.0`.
fn begins_with_a_group(cell: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cell);
    let text = text.trim_start_matches(|character| is_blank(character) || is_quote(character));
    matches!(text.bytes().take_while(u8::is_ascii_digit).count(), 2 | 3)
}

fn id_in(cell: &[u8]) -> Result<InvitationId, NotAnId> {
    std::str::from_utf8(cell).map_or(Err(NotAnId::Text), InvitationId::from_cell)
}
