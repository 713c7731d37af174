//! Reads, if the input is the results of an earlier run, what they say about a row: that it had no valid ID, or that a
//! call for it may have taken effect. The other cells do not show that any more: for an unquoted `2,932,950`, results
//! have the ID cell `2`.

use csv::ByteRecord;

use super::columns::FirstRow;
use crate::invitation::without_blanks;
use crate::outcome::{Effect, Outcome, Status};
use crate::row::{COLLISION_PREFIX, column_key};

const STATUS: &str = "status";
const ERROR: &str = "error";
const INVITATION_ID: &str = "invitation_id";

/// The columns in which the input says how its rows ended in earlier runs. Results whose columns were moved, removed or
/// spelt differently count as well (`STATUS`, as a database writes names). So do results of results, in which the older
/// columns have a prefix.
#[derive(Debug, Clone)]
pub(super) struct PastRuns {
    /// The columns of the last run first, then those of the run before it, and so on.
    runs: Vec<RunColumns>,
    /// How many columns at the beginning are ours: all of ours, or 0 if some were moved or removed and the number is
    /// unknown.
    own: usize,
}

#[derive(Debug, Clone, Copy)]
struct RunColumns {
    status: usize,
    error: Option<usize>,
}

impl PastRuns {
    /// Finds the columns, if the input is results.
    pub(super) fn among(names: &[String], first_row: FirstRow) -> Option<Self> {
        let keys: Vec<String> = names.iter().map(|column| column_key(column)).collect();
        let place = |name: &str| {
            let as_we_write_it = names.iter().rposition(|column| without_blanks(column) == name);
            as_we_write_it.or_else(|| keys.iter().rposition(|key| *key == column_key(name)))
        };
        if first_row == FirstRow::Data || (place(INVITATION_ID).is_none() && place(ERROR).is_none()) {
            return None;
        }
        let mut runs = Vec::new();
        let mut prefix = String::new();
        while let Some(status) = place(&format!("{prefix}{STATUS}")) {
            runs.push(RunColumns { status, error: place(&format!("{prefix}{ERROR}")) });
            prefix.push_str(COLLISION_PREFIX);
        }
        let is_whole = Outcome::COLUMNS
            .iter()
            .enumerate()
            .all(|(index, column)| keys.get(index).is_some_and(|key| *key == column_key(column)));
        let own = if is_whole { Outcome::COLUMNS.len() } else { 0 };
        (!runs.is_empty()).then_some(Self { runs, own })
    }

    /// How many columns at the beginning are ours, not those of the list.
    pub(super) fn own_columns(&self) -> usize {
        self.own
    }

    /// Whether a run found that the row has no valid ID.
    pub(super) fn knows_no_id(&self, record: &ByteRecord) -> bool {
        self.runs.iter().any(|run| run.status(record) == Some(Status::InvalidId))
    }

    /// Why the row has no valid ID, in the words of the run that found it.
    pub(super) fn reason(&self, record: &ByteRecord) -> Option<String> {
        let run = self.runs.iter().find(|run| run.status(record) == Some(Status::InvalidId))?;
        Some(cell(record, run.error?)).filter(|reason| !reason.is_empty()).map(str::to_owned)
    }

    /// Whether a call for the row may have taken effect without a confirmation. A run that made no call changes nothing
    /// in what earlier runs knew. For a duplicate this is unknown, because only the row before it had the call.
    pub(super) fn effect(&self, record: &ByteRecord) -> Effect {
        for run in &self.runs {
            match run.status(record) {
                None | Some(Status::Filtered | Status::NotAttempted | Status::InvalidId) => {}
                Some(Status::Duplicate) => return Effect::Possible,
                Some(
                    status @ (Status::Cancelled
                    | Status::NotCancellable
                    | Status::NotFound
                    | Status::Forbidden
                    | Status::Unauthorized
                    | Status::RateLimited
                    | Status::ServerError
                    | Status::Unreachable
                    | Status::Unconfirmed
                    | Status::UnexpectedResponse),
                ) => return status.effect(),
            }
        }
        Effect::None
    }
}

impl RunColumns {
    fn status(self, record: &ByteRecord) -> Option<Status> {
        Status::from_word(cell(record, self.status))
    }
}

fn cell(record: &ByteRecord, index: usize) -> &str {
    without_blanks(std::str::from_utf8(record.get(index).unwrap_or_default()).unwrap_or_default())
}
