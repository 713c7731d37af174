//! What one row asks for: [`Screen`] asks the filters first and the ID then.
//!
//! A row with too few cells may be the half of one that a line break without quotes has torn, and is not used. One with
//! too many may have a text that held the delimiter without quotes, or a number that was put in front: then its cells
//! have moved to the right. It is used as long as only one of its cells can be the ID that was meant, and no filter
//! depends on which.

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

/// The delimiters that people also write between the thousands of a number.
const GROUPING_DELIMITERS: &[u8] = b",. _";

/// The first group of a number with thousands separators is smaller than this.
const GROUPS_END: u64 = 1000;

/// What is known about every row of one input.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    pub(super) id_index: usize,
    pub(super) id_name: String,
    /// The number of columns.
    pub(super) width: usize,
    /// The number of columns up to the last that has a name.
    pub(super) named: usize,
    /// A row with fewer cells may have been torn.
    pub(super) whole: usize,
    pub(super) delimiter: u8,
    pub(super) first_row: FirstRow,
    pub(super) filters: Vec<ResolvedFilter>,
    pub(super) header: Header,
    /// What the input knows of its rows, where it is the results of an earlier run.
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
    /// The cell is no ID.
    NotAnId(NotAnId),
    /// The row ends before the ID column.
    Short,
    /// The row ends before the last column: a line break may have torn it.
    Torn,
    /// The row is the header once more.
    HeaderAgain,
    /// The row belongs to another table, which begins on this line.
    OtherTable(u64),
    /// Another cell says that the row is a total.
    Total,
    /// An earlier run found that the row has no valid ID.
    Known,
    /// `2,932,950` in a column that was not made for it: three cells.
    Grouped,
    /// `2932950,2932951` in an input of one column.
    Several,
    /// The row is too long, and the ID, or the cell that a filter asks for, may have moved to the right.
    Moved,
    /// The filter with this index does not let it through.
    Filtered(usize),
    /// The invitation was asked for before, on this line where it is known.
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

    /// Whether two rows are left out for the same reason, whatever stands in them.
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
    /// Settles what is known about every row of an input.
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
            // The columns of results are never left out, so a row that lacks some is torn.
            ShortRows::Meant => past_runs.as_ref().map_or(0, PastRuns::own_columns),
        };
        let header = Header::new(names, id_index, first_row);
        let id_name = id.map_or_else(String::new, |id| id.name.clone());
        let width = names.len();
        Self { id_index, id_name, width, named, whole, delimiter, first_row, filters, header, past_runs }
    }

    /// The ID of a row, by the cell in its column alone.
    pub(super) fn id(&self, record: &ByteRecord) -> Result<InvitationId, Why> {
        record.get(self.id_index).map_or(Err(Why::Short), |cell| id_in(cell).map_err(Why::NotAnId))
    }

    /// Says what a row asks for that has this ID, or none.
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

    /// The same, but with another number of cells that make a row whole. How many are too many does not change: where the
    /// column of the ID was counted in a first row that is shorter, either that row is torn or the others have moved.
    pub(super) fn with_whole(&self, whole: usize) -> Self {
        Self { whole, ..self.clone() }
    }

    /// What the filters say against a row that has so many cells too many, and of which the ID may have moved by so many.
    /// One that certainly fails needs no other. Where the ID has not moved, no cell before it has.
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

    /// How many cells a row has too many. Cells below columns without a name, at the end of the header, are none of a row
    /// that fits in unless something stands in them.
    fn extra_cells(&self, record: &ByteRecord) -> usize {
        let cells = record.len();
        if cells <= self.named {
            return 0;
        }
        let is_text = |index: usize| record.get(index).is_some_and(|cell| !is_blank_cell(cell));
        let filled = (self.named..cells).rev().find(|index| is_text(*index)).map_or(self.named, |last| last + 1);
        cells.saturating_sub(self.width.max(self.named)).max(filled - self.named)
    }

    /// Whether one of the cells of the list, besides the ID, says that the row is a total.
    fn is_total(&self, record: &ByteRecord) -> bool {
        let own = self.past_runs.as_ref().map_or(0, PastRuns::own_columns);
        record.iter().enumerate().skip(own).any(|(index, cell)| index != self.id_index && says_total(cell))
    }

    /// Words why a row is not sent.
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

    /// Why rows are not sent, without what differs from row to row.
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

    /// What says how many cells a row has: the header, or without one these rows.
    fn measure(&self, rows: &'static str) -> &'static str {
        match self.first_row {
            FirstRow::Header => "the header",
            FirstRow::Data => rows,
        }
    }

    /// Finds out whether a row of several lines looks like several rows: the sign of a quote too many. Returns the ID
    /// that would be swallowed.
    ///
    /// A line within a row looks like a row itself if it has, quotes taken for text, as many cells as the header and an
    /// ID in its place. In a header no line does by chance. In a row it is certain if the ID has as many digits as the
    /// row's own, which keeps street numbers and postal codes apart from IDs; or else if the last line is such a line.
    /// Of two columns the latter may happen by chance, so there every line of at least three has to be one.
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

    /// Where the delimiter is a comma, `2,932,950` without quotes is three cells, and `2` must not be sent for it. Only
    /// a header that counts as many columns as the row has cells shows that they were meant to be cells.
    fn may_be_grouped(&self, id: InvitationId, record: &ByteRecord, extra: usize) -> bool {
        let is_attested = self.first_row == FirstRow::Header && extra == 0;
        !is_attested
            && GROUPING_DELIMITERS.contains(&self.delimiter)
            && id.get() < GROUPS_END
            && record.get(self.id_index + 1).is_some_and(begins_with_a_group)
    }

    /// In an input of one column, the ID in a second cell would go unnoticed.
    fn holds_several(&self, record: &ByteRecord) -> bool {
        self.named == 1 && record.iter().skip(1).any(|cell| id_in(cell).is_ok())
    }

    /// By how many cells the ID may have moved: each cell too many may have pushed it one column to the right. It has not
    /// moved where none of the cells to which it can have moved may be an ID, or a missing or damaged one.
    ///
    /// A row that has nothing behind its ID but delimiters has not moved: nobody puts a number in front of no data.
    fn cells_that_may_move_the_id(&self, record: &ByteRecord, extra: usize) -> usize {
        if extra == 0 || record.iter().skip(self.id_index + 1).all(is_blank_cell) {
            return 0;
        }
        let mut behind = record.iter().skip(self.id_index + 1).take(extra);
        if behind.any(may_be_the_id) { extra } else { 0 }
    }
}

/// What stands in place of a value that is not known.
const MISSING: [&str; 8] = ["na", "n/a", "nan", "null", "none", "nil", "missing", "unknown"];

/// Whether a cell is an ID, or is one damaged or missing. Text is none, and a date only looks like several numbers.
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

/// Whether a cell begins with two or three digits and no more, whatever blanks and quotes stand before them and
/// whatever comes behind: `932`, `'932`, `932.0`.
fn begins_with_a_group(cell: &[u8]) -> bool {
    let text = String::from_utf8_lossy(cell);
    let text = text.trim_start_matches(|character| is_blank(character) || is_quote(character));
    matches!(text.bytes().take_while(u8::is_ascii_digit).count(), 2 | 3)
}

fn id_in(cell: &[u8]) -> Result<InvitationId, NotAnId> {
    std::str::from_utf8(cell).map_or(Err(NotAnId::Text), InvitationId::from_cell)
}
