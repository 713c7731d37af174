//! What one row asks for: [`Screen`] asks the filters first and the ID then, [`Seen`] knows whether an earlier row asked
//! for the same invitation.
//!
//! A row with too many cells may be one whose text held the delimiter without quotes: then its cells have moved to the
//! right. It is used as long as only one of its cells can be the ID that was meant, and no filter depends on which.

use std::collections::HashSet;
use std::sync::Arc;

use csv::ByteRecord;

use super::columns::FirstRow;
use super::filter::{Answer, ResolvedFilter};
use crate::invitation::{InvitationId, NotAnId, is_blank, is_quote};
use crate::outcome::Status;
use crate::row::Skip;
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
    pub(super) width: usize,
    pub(super) delimiter: u8,
    pub(super) first_row: FirstRow,
    pub(super) filters: Vec<ResolvedFilter>,
}

/// What a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
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
            Self::NotAnId(_) | Self::Short | Self::Grouped | Self::Several | Self::Moved => Status::InvalidId,
            Self::Filtered(_) => Status::Filtered,
            Self::Duplicate(_) => Status::Duplicate,
        }
    }

    /// Whether two rows are left out for the same reason, whatever stands in them.
    pub(super) fn is_like(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Duplicate(_), Self::Duplicate(_)))
    }
}

impl Screen {
    /// Says what a row asks for.
    pub(super) fn verdict(&self, record: &ByteRecord) -> Verdict {
        if let Some(why) = self.filtered(record) {
            return Verdict::Skip(why);
        }
        let Some(cell) = record.get(self.id_index) else { return Verdict::Skip(Why::Short) };
        match id_in(cell) {
            Err(fault) => Verdict::Skip(Why::NotAnId(fault)),
            Ok(id) if self.may_be_grouped(id, record) => Verdict::Skip(Why::Grouped),
            Ok(_) if self.holds_several(record) => Verdict::Skip(Why::Several),
            Ok(_) if self.may_have_moved(record) => Verdict::Skip(Why::Moved),
            Ok(id) => Verdict::Cancel(id),
        }
    }

    /// What the filters say against a row. One that certainly fails needs no other.
    fn filtered(&self, record: &ByteRecord) -> Option<Why> {
        let extra = self.extra_cells(record);
        let mut why = None;
        for (index, filter) in self.filters.iter().enumerate() {
            match filter.answer(record, extra) {
                Answer::Passes => {}
                Answer::Fails => return Some(Why::Filtered(index)),
                Answer::Uncertain => why = Some(Why::Moved),
            }
        }
        why
    }

    /// How many cells a row has too many.
    fn extra_cells(&self, record: &ByteRecord) -> usize {
        record.len().saturating_sub(self.width)
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
            _ => self.summary(why),
        };
        Skip { status: why.status(), invitation_id, reason }
    }

    /// Why rows are not sent, without what differs from row to row.
    pub(super) fn summary(&self, why: Why) -> String {
        match why {
            Why::NotAnId(fault) => fault.to_string(),
            Why::Short => format!("the row ends before its column {}", quoted(&self.id_name)),
            Why::Grouped => {
                "may be the beginning of a number with thousands separators: export the column as Text, or \
                             as Number without them"
                    .to_owned()
            }
            Why::Several => "more than one ID in the row: give each ID its own row".to_owned(),
            Why::Moved => "the row has more cells than the header, so that it is not certain which of them is meant: \
                           quote the text that holds the delimiter"
                .to_owned(),
            Why::Filtered(index) => self.filters.get(index).map(ResolvedFilter::summary).unwrap_or_default(),
            Why::Duplicate(_) => "same invitation as an earlier line".to_owned(),
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
    fn may_be_grouped(&self, id: InvitationId, record: &ByteRecord) -> bool {
        let is_attested = self.first_row == FirstRow::Header && self.extra_cells(record) == 0;
        !is_attested
            && GROUPING_DELIMITERS.contains(&self.delimiter)
            && id.get() < GROUPS_END
            && record.get(self.id_index + 1).is_some_and(begins_with_a_group)
    }

    /// In an input of one column, the ID in a second cell would go unnoticed.
    fn holds_several(&self, record: &ByteRecord) -> bool {
        self.width == 1 && record.iter().skip(1).any(|cell| id_in(cell).is_ok())
    }

    /// With an ID column that is not the first, each cell too many may have pushed the ID one column to the right. An
    /// empty cell at the end is no proof of the contrary: the row may have ended with it before.
    fn may_have_moved(&self, record: &ByteRecord) -> bool {
        let behind = record.iter().skip(self.id_index + 1);
        self.id_index > 0 && behind.take(self.extra_cells(record)).any(|cell| id_in(cell).is_ok())
    }
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

/// The invitations asked for so far.
#[derive(Debug)]
pub(super) enum Seen {
    /// Of a surveyed file: the line of the first row for each ID that has several, 0 until it is reached.
    FirstLines { duplicated: Arc<Vec<u64>>, lines: Vec<u64> },
    /// Of a stream: all IDs.
    Ids(HashSet<u64>),
}

impl Seen {
    /// Begins for an input of which the IDs that several rows ask for are known, in order.
    pub(super) fn in_file(duplicated: &Arc<Vec<u64>>) -> Self {
        Self::FirstLines { duplicated: Arc::clone(duplicated), lines: vec![0; duplicated.len()] }
    }

    /// Begins for an input of which nothing is known.
    pub(super) fn in_stream() -> Self {
        Self::Ids(HashSet::new())
    }

    /// Decides about a row that asks for a cancellation, and remembers it.
    pub(super) fn verdict(&mut self, line: u64, id: InvitationId) -> Verdict {
        let earlier = match self {
            Self::Ids(ids) => (!ids.insert(id.get())).then_some(None),
            Self::FirstLines { duplicated, lines } => {
                let place = duplicated.binary_search(&id.get()).ok();
                match place.and_then(|place| lines.get_mut(place)) {
                    None => None,
                    Some(first) if *first == 0 => {
                        *first = line;
                        None
                    }
                    Some(first) => Some(Some(*first)),
                }
            }
        };
        earlier.map_or(Verdict::Cancel(id), |first| Verdict::Skip(Why::Duplicate(first)))
    }
}
