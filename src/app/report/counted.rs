//! Decides, where several results are reported together, which row counts: each once, however many results have it.
//!
//! - Results of the same input have the same rows: those of the same line. This is so for rounds of one list that went
//!   into different results, by `--where` for example. Shards share no line.
//! - Results of different inputs can have the same invitation, as where a run over the results of another one tries some
//!   rows again. Then it counts in the results that say most of it, and nowhere else.

use jiff::Timestamp;

use crate::outcome::{Effect, Status};

/// What has to be known of a row to decide whether it counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowRecord {
    /// The number of its results, from 0.
    pub(super) file: usize,
    pub(super) line: u64,
    /// Its invitation; `None` where the row has no ID, or is a duplicate of one that has.
    pub(super) id: Option<u64>,
    pub(super) status: Status,
    pub(super) finished_at: Timestamp,
}

/// The lines of each file that count elsewhere, sorted.
#[derive(Debug, Default)]
pub(super) struct CountedElsewhere(Vec<Vec<u64>>);

impl CountedElsewhere {
    /// Decides. `inputs` says of each file which input it is of; files of the same input have the same number.
    pub(super) fn of(mut records: Vec<RowRecord>, inputs: &[usize]) -> Self {
        let input_of = |record: &RowRecord| inputs.get(record.file).copied().unwrap_or(record.file);
        let mut elsewhere = vec![Vec::new(); inputs.len()];
        let mut leave_out = |record: &RowRecord| {
            if let Some(lines) = elsewhere.get_mut(record.file) {
                lines.push(record.line);
            }
        };
        records.sort_unstable_by_key(|record| (input_of(record), record.line, std::cmp::Reverse(says(record))));
        records.dedup_by(|record, kept| {
            let is_same = (input_of(record), record.line) == (input_of(kept), kept.line) && record.file != kept.file;
            if is_same {
                leave_out(record);
            }
            is_same
        });
        records.retain(|record| record.id.is_some());
        records.sort_unstable_by_key(|record| (record.id, std::cmp::Reverse(says(record))));
        for same in records.chunk_by(|one, other| one.id == other.id) {
            let Some(most) = same.first() else { continue };
            same.iter().filter(|record| input_of(record) != input_of(most)).for_each(&mut leave_out);
        }
        for lines in &mut elsewhere {
            lines.sort_unstable();
        }
        Self(elsewhere)
    }

    /// Whether the row on this line of this file counts elsewhere.
    pub(super) fn has(&self, file: usize, line: u64) -> bool {
        self.0.get(file).is_some_and(|lines| lines.binary_search(&line).is_ok())
    }
}

/// How much a row says, compared with another one about the same invitation.
fn says(record: &RowRecord) -> (u8, Timestamp, usize) {
    (weight(record.status), record.finished_at, record.file)
}

/// How much a status says. A confirmed cancellation is certain, and so is that there is no such invitation. A refusal
/// says less than doubt: it may be the work of the very call that is in doubt.
const fn weight(status: Status) -> u8 {
    match (status, status.effect()) {
        (Status::Cancelled, _) => 8,
        (Status::NotFound, _) => 7,
        (_, Effect::Possible) => 6,
        (Status::NotCancellable, _) => 5,
        (Status::Forbidden | Status::Unauthorized | Status::RateLimited | Status::Unreachable, _) => 4,
        (Status::NotAttempted, _) => 3,
        (Status::InvalidId, _) => 2,
        (Status::Duplicate, _) => 1,
        (Status::Filtered | Status::ServerError | Status::Unconfirmed | Status::UnexpectedResponse, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of this file, on this line, with this ID and status.
    fn row(file: usize, line: u64, id: u64, status: Status) -> RowRecord {
        let id = (id > 0 && status != Status::Duplicate).then_some(id);
        RowRecord { file, line, id, status, finished_at: Timestamp::UNIX_EPOCH }
    }

    /// The rows that count, as file and line.
    fn counted(records: &[RowRecord], inputs: &[usize]) -> Vec<(usize, u64)> {
        let elsewhere = CountedElsewhere::of(records.to_vec(), inputs);
        let here = records.iter().filter(|record| !elsewhere.has(record.file, record.line));
        here.map(|record| (record.file, record.line)).collect()
    }

    #[test]
    fn of_one_input_a_line_counts_once_where_most_is_known_of_it() {
        use Status::{
            Cancelled, Filtered, NotAttempted, NotCancellable, NotFound, ServerError, Unconfirmed, Unreachable,
        };
        for (one, other, kept) in [
            (Filtered, Cancelled, 1),
            (Cancelled, NotCancellable, 0),
            (NotAttempted, Filtered, 0),
            (Unreachable, NotAttempted, 0),
            // The refusal may be the work of the call that is in doubt.
            (Unconfirmed, NotCancellable, 0),
            (NotCancellable, ServerError, 1),
            (Unconfirmed, NotFound, 1),
        ] {
            let records = [row(0, 2, 5, one), row(1, 2, 5, other)];
            assert_eq!(counted(&records, &[0, 0]), [(kept, 2)], "{one} and {other}");
        }
    }

    #[test]
    fn of_equals_the_last_one_counts() {
        let early = row(0, 2, 5, Status::Unconfirmed);
        let late = RowRecord { file: 1, finished_at: Timestamp::from_second(9).unwrap(), ..early };
        assert_eq!(counted(&[early, late], &[0, 0]), [(1, 2)]);
        assert_eq!(counted(&[RowRecord { file: 1, ..early }, RowRecord { file: 0, ..late }], &[0, 0]), [(0, 2)]);
    }

    #[test]
    fn shards_share_no_line_so_every_row_counts() {
        let records = [
            row(0, 2, 5, Status::Cancelled),
            row(1, 3, 6, Status::NotFound),
            row(0, 4, 5, Status::Duplicate),
            row(1, 5, 0, Status::InvalidId),
        ];
        assert_eq!(counted(&records, &[0, 0]).len(), 4);
    }

    #[test]
    fn of_different_inputs_an_invitation_counts_once_and_a_row_without_one_in_each() {
        let records = [
            row(0, 2, 5, Status::Cancelled),
            row(0, 3, 6, Status::Unreachable),
            row(0, 4, 0, Status::InvalidId),
            // Over the results of the first: only what was not reached there is tried again.
            row(1, 2, 5, Status::Filtered),
            row(1, 3, 6, Status::Cancelled),
            row(1, 4, 0, Status::InvalidId),
        ];
        assert_eq!(counted(&records, &[0, 1]), [(0, 2), (0, 4), (1, 3), (1, 4)]);
    }

    #[test]
    fn two_rows_of_one_input_with_the_same_invitation_both_count() {
        let twice = [row(0, 2, 5, Status::Filtered), row(0, 9, 5, Status::Cancelled), row(1, 2, 7, Status::NotFound)];
        assert_eq!(counted(&twice, &[0, 1]).len(), 3);
    }

    #[test]
    fn lines_of_different_inputs_have_nothing_to_do_with_each_other() {
        let records = [row(0, 2, 5, Status::Cancelled), row(1, 2, 6, Status::Cancelled)];
        assert_eq!(counted(&records, &[0, 1]).len(), 2);
        assert_eq!(counted(&records, &[0, 0]).len(), 1);
    }
}
