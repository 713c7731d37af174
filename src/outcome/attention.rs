//! Keeps the first rows that somebody has to look at, for summaries that name them.

use std::collections::BTreeMap;

use super::Status;

/// How many rows of each status are kept. Chosen by us: enough to see what is wrong, and few enough to read in a mail.
pub const MOST_KEPT: usize = 5;

/// The first rows of each status that needs attention, by their lines. Rows that no run has reached are not among them:
/// there is nothing to say of one of them that does not hold for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attention {
    rows: BTreeMap<Status, Vec<AttentionRow>>,
}

/// A row that somebody has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionRow {
    /// The line of the input on which it begins.
    pub line: u64,
    /// The ID as it was sent, or the cell as it was if it is not an ID.
    pub invitation_id: String,
    /// The line for a person.
    pub error: String,
}

impl Attention {
    /// Looks at one row, and keeps it if it needs attention and is one of the first.
    pub fn look(&mut self, status: Status, line: u64, invitation_id: &str, error: &str) {
        if !status.needs_attention() || status == Status::NotAttempted {
            return;
        }
        let rows = self.rows.entry(status).or_default();
        let place = rows.partition_point(|row| row.line <= line);
        if place < MOST_KEPT {
            let (invitation_id, error) = (invitation_id.to_owned(), error.to_owned());
            rows.insert(place, AttentionRow { line, invitation_id, error });
            rows.truncate(MOST_KEPT);
        }
    }

    /// Looks at the rows that another has kept.
    pub fn look_at_all(&mut self, other: &Self) {
        for (&status, rows) in &other.rows {
            for row in rows {
                self.look(status, row.line, &row.invitation_id, &row.error);
            }
        }
    }

    /// The kept rows: those that may be cancelled without a confirmation first, then in the order of the statuses, and
    /// by their lines.
    pub fn rows(&self) -> impl Iterator<Item = (Status, &AttentionRow)> {
        let of = |is_in_doubt: bool| {
            let statuses = self.rows.iter().filter(move |(status, _)| status.is_in_doubt() == is_in_doubt);
            statuses.flat_map(|(&status, rows)| rows.iter().map(move |row| (status, row)))
        };
        of(true).chain(of(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_of_a_status_are_kept_whichever_ended_first() {
        let mut attention = Attention::default();
        for line in [9, 3, 8, 2, 7, 4, 6, 5] {
            attention.look(Status::NotFound, line, "1", "no such invitation");
            attention.look(Status::Cancelled, line, "2", "");
            attention.look(Status::NotAttempted, line, "3", "stopped");
        }
        attention.look(Status::Unconfirmed, 99, "4", "lost");
        let mut both = Attention::default();
        both.look(Status::NotFound, 1, "5", "no such invitation");
        both.look_at_all(&attention);
        let rows: Vec<_> = both.rows().map(|(status, row)| (status.word(), row.line)).collect();
        let not_found = [1, 2, 3, 4, 5].map(|line| ("not_found", line));
        assert_eq!(rows, [&[("unconfirmed", 99)], &not_found[..]].concat(), "what is in doubt comes first");
    }
}
