//! The counts of a survey, and the few rows that it shows.

use super::fingerprint::Fingerprint;
use super::reading::{Reading, Rows};
use super::screen::{Verdict, Why};
use super::survey::{SkippedRows, Survey};
use crate::invitation::InvitationId;
use crate::outcome::Status;

/// How many rows are shown of each kind (chosen by us: one screen).
pub(super) const SHOWN_ROWS: usize = 3;

/// The counts so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    asked: u64,
    first: Option<InvitationId>,
    last: Option<InvitationId>,
    samples: Vec<(u64, InvitationId)>,
    skipped: Vec<(Why, SkippedRows)>,
}

impl Tally {
    /// Counts the current row.
    pub(super) fn count(&mut self, line: u64, verdict: Verdict, rows: &Rows) {
        match verdict {
            Verdict::Cancel(id) => self.count_cancel(line, id),
            Verdict::Skip(why) => self.count_skip(line, why, rows),
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

    /// Takes rows that were counted as asking for a cancellation for the duplicates that they turned out to be.
    pub(super) fn count_duplicates(&mut self, rows: u64, reason: String) {
        self.asked -= rows;
        let group = SkippedRows { status: Status::Duplicate, reason, rows, examples: Vec::new() };
        self.skipped.push((Why::Duplicate(None), group));
    }

    /// Sums up.
    pub(super) fn survey(self, reading: Reading, fingerprint: Option<Fingerprint>) -> Survey {
        let rows_that_are = |status: Status| {
            let groups = self.skipped.iter().filter(|(_, group)| group.status == status);
            groups.map(|(_, group)| group.rows).sum::<u64>()
        };
        let (invalid, duplicates) = (rows_that_are(Status::InvalidId), rows_that_are(Status::Duplicate));
        let filtered = rows_that_are(Status::Filtered);
        Survey {
            reading,
            rows: self.asked + invalid + duplicates + filtered,
            eligible: self.asked,
            invalid,
            duplicates,
            filtered,
            first: self.first,
            last: self.last,
            samples: self.samples,
            skipped: self.skipped.into_iter().map(|(_, group)| group).collect(),
            fingerprint,
        }
    }
}
