//! Reads the input ahead of the workers. Rows that are not to be sent go to the recorder at once; eligible rows go to
//! the workers in batches.

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::SendError;

use super::budget::{Budget, Closed};
use crate::input::{ReadError, RowReader};
use crate::invitation::InvitationId;
use crate::outcome::{Effect, Outcome, Status, Stop, StopReason};
use crate::results::{Earlier, History, Standing};
use crate::row::{Row, Screened};
use crate::shutdown::Shutdown;

/// Whether a run reached the end of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputEnd {
    /// Every row was read.
    Reached,
    /// The run was stopped before the stream had ended, or the input could not be read to its end.
    NotReached,
}

/// A row that is to be sent.
#[derive(Debug)]
pub(super) struct EligibleRow {
    pub(super) id: InvitationId,
    pub(super) row: Row,
    /// What earlier runs left about it.
    pub(super) earlier: Earlier,
}

/// Passes the rows of the input on: eligible rows to the workers, all others to the recorder.
#[derive(Debug)]
pub(super) struct Feed {
    /// What earlier runs left about each row.
    pub(super) history: History,
    /// How many rows the workers get at once.
    pub(super) batch_rows: usize,
    /// The most rows to send.
    pub(super) limit: Option<u64>,
    pub(super) rows: Sender<Vec<EligibleRow>>,
    pub(super) outcomes: Sender<Outcome>,
    pub(super) budget: Budget,
    pub(super) shutdown: Shutdown,
}

impl Feed {
    /// Reads the input to its end, also after a stop, so that the remaining rows have their rows in the results, too.
    /// It ends earlier only when the input cannot be read or the recorder takes no more outcomes.
    pub(super) fn run(self, mut reader: RowReader) -> InputEnd {
        self.feed(&mut reader).unwrap_or_else(|Closed| {
            tracing::debug!("the reading ended before the input did");
            InputEnd::NotReached
        })
    }

    fn feed(&self, reader: &mut RowReader) -> Result<InputEnd, Closed> {
        // The next row of a stream may come much later, so no row waits for a batch to fill.
        let batch_rows = if reader.is_stream() { 1 } else { self.batch_rows };
        let mut batch = Vec::with_capacity(batch_rows);
        let mut eligible = 0_u64;
        for screened in reader {
            let screened = match screened {
                Ok(screened) => screened,
                Err(error) => {
                    // Stop first: handing over waits until the workers have taken earlier batches, and they are to stop
                    // now.
                    self.stop(&error);
                    self.hand_over(batch)?;
                    return Ok(InputEnd::NotReached);
                }
            };
            let Standing::Open(earlier) = self.history.of(screened.row().line) else { continue };
            if !self.budget.try_take(screened.row()) {
                // Only rows that the workers have can end and give their bytes back.
                self.hand_over(std::mem::take(&mut batch))?;
                self.budget.take(screened.row())?;
            }
            match screened {
                Screened::Skipped { row, skip } => {
                    self.end(Outcome::unsent(row, skip.invitation_id, skip.status, skip.reason))?;
                }
                Screened::ToCancel { row, id, effect } => {
                    let earlier = Earlier { effect: earlier.effect.or(effect), ..earlier };
                    let eligible_row = EligibleRow { id, row, earlier };
                    eligible += 1;
                    if self.limit.is_some_and(|limit| eligible > limit) {
                        self.end(not_attempted(eligible_row, "beyond --limit"))?;
                    } else if let Some(stop) = self.shutdown.reason() {
                        self.end(stopped_before(eligible_row, Some(stop)))?;
                    } else {
                        batch.push(eligible_row);
                        if batch.len() == batch_rows {
                            self.hand_over(std::mem::replace(&mut batch, Vec::with_capacity(batch_rows)))?;
                        }
                    }
                }
            }
        }
        self.hand_over(batch)?;
        Ok(InputEnd::Reached)
    }

    fn stop(&self, error: &ReadError) {
        let reason = match error {
            ReadError::Changed { .. } => StopReason::InputChanged,
            ReadError::Io { .. } | ReadError::Malformed { .. } => StopReason::Input,
        };
        self.shutdown.stop(Stop { reason, detail: detail(error) });
    }

    /// Hands rows to the workers. After a stop, the workers of a stream take no more rows; this function then ends
    /// those rows.
    fn hand_over(&self, batch: Vec<EligibleRow>) -> Result<(), Closed> {
        let Err(SendError(untaken)) = self.rows.blocking_send(batch) else { return Ok(()) };
        untaken.into_iter().try_for_each(|row| self.end(stopped_before(row, self.shutdown.reason())))
    }

    fn end(&self, outcome: Outcome) -> Result<(), Closed> {
        self.outcomes.blocking_send(outcome).map_err(|_closed| Closed)
    }
}

/// The error, its cause, and what the user can do.
fn detail(error: &ReadError) -> String {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}"));
    let hint = error.hint().map(|hint| format!("; {hint}"));
    format!("{error}{}{}", cause.unwrap_or_default(), hint.unwrap_or_default())
}

/// The outcome of a row that was not tried because the run stopped first.
pub(super) fn stopped_before(eligible: EligibleRow, stop: Option<&Stop>) -> Outcome {
    let why = stop.map_or("", |stop| stop.detail.as_str());
    not_attempted(eligible, &format!("the run stopped before this row: {why}"))
}

/// The outcome of a row that this run did not try. If an earlier run has a result for the row, the row keeps it. If an
/// earlier run may have cancelled the row without a result, the outcome says so.
fn not_attempted(EligibleRow { id, row, earlier }: EligibleRow, why: &str) -> Outcome {
    let (status, error) = match earlier.effect {
        Effect::None => (Status::NotAttempted, why.to_owned()),
        Effect::Possible => {
            (Status::Unconfirmed, format!("an earlier run may have cancelled it, so look it up in iMocha; {why}"))
        }
    };
    let outcome = Outcome { attempts: earlier.attempts, ..Outcome::unsent(row, id.to_string(), status, error) };
    match earlier.result {
        None => outcome,
        Some(result) => Outcome {
            status: result.status,
            http_status: result.http_status,
            error: result.error,
            duration: result.duration,
            finished_at: result.finished_at,
            ..outcome
        },
    }
}
