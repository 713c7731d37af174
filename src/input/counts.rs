//! Counts the rows of an input by what they ask for, and keeps the first few of each kind, to show them to the user.

use super::reading::Rows;
use super::screen::{Intent, Why};
use crate::invitation::InvitationId;
use crate::outcome::Status;
use crate::row::Skip;

/// How many rows of each kind are shown (chosen by us: one screen).
pub(super) const SHOWN_ROWS: usize = 3;

/// The rows that will not be sent for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct SkippedRows {
    /// The status in their results.
    pub status: Status,
    /// The reason, for the user.
    pub reason: String,
    /// How many rows there are.
    pub rows: u64,
    /// The first few of them, each with its line. For the duplicates of a file, they are there only after
    /// [`Survey::find_duplicates`](super::Survey::find_duplicates).
    pub examples: Vec<(u64, Skip)>,
}

/// The counts so far.
#[derive(Debug, Default)]
pub(super) struct RowCounts {
    /// Rows that ask for a cancellation.
    pub(super) asked: u64,
    pub(super) first: Option<InvitationId>,
    pub(super) last: Option<InvitationId>,
    pub(super) samples: Vec<(u64, InvitationId)>,
    pub(super) skipped: Vec<(Why, SkippedRows)>,
}

impl RowCounts {
    /// Counts the current row.
    pub(super) fn count(&mut self, line: u64, intent: Intent, rows: &Rows) {
        match intent {
            Intent::Cancel(id) => self.count_cancel(line, id),
            Intent::Skip(why) => self.count_skip(line, why, rows),
        }
    }

    fn count_cancel(&mut self, line: u64, id: InvitationId) {
        self.asked += 1;
        self.first = self.first.or(Some(id));
        self.last = Some(id);
        if self.samples.len() < SHOWN_ROWS && self.samples.iter().all(|(_, shown)| *shown != id) {
            self.samples.push((line, id));
        }
    }

    fn count_skip(&mut self, line: u64, why: Why, rows: &Rows) {
        let known = self.skipped.iter_mut().position(|(known, _)| known.is_like(why));
        let index = known.unwrap_or_else(|| {
            let reason = rows.screen().summary(why);
            self.skipped.push((why, SkippedRows { status: why.status(), reason, rows: 0, examples: Vec::new() }));
            self.skipped.len() - 1
        });
        if let Some((_, group)) = self.skipped.get_mut(index) {
            group.rows += 1;
            if group.examples.len() < SHOWN_ROWS {
                group.examples.push((line, rows.screen().skip(why, rows.record())));
            }
        }
    }

    pub(super) fn has_no_invalid(&self) -> bool {
        self.skipped.iter().all(|(why, _)| why.status() != Status::InvalidId)
    }

    /// How many rows there are in all.
    pub(super) fn rows(&self) -> u64 {
        self.asked + self.skipped.iter().map(|(_, group)| group.rows).sum::<u64>()
    }

    /// The line on which another table begins.
    pub(super) fn other_table(&self) -> Option<u64> {
        self.skipped.iter().find_map(|(why, _)| match why {
            Why::OtherTable(line) => Some(*line),
            _ => None,
        })
    }

    /// Counts rows as duplicates that were counted as rows to cancel before.
    pub(super) fn count_duplicates(&mut self, rows: u64, reason: String) {
        self.asked -= rows;
        let group = SkippedRows { status: Status::Duplicate, reason, rows, examples: Vec::new() };
        self.skipped.push((Why::Duplicate(None), group));
    }

    /// How many rows will get this status without being sent.
    pub(super) fn rows_that_are(&self, status: Status) -> u64 {
        self.skipped.iter().filter(|(_, group)| group.status == status).map(|(_, group)| group.rows).sum()
    }
}
