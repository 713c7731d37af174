//! Reads the input ahead of the workers. Rows that are not sent end here; eligible ones go to the workers in batches.

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::SendError;

use super::budget::{Budget, Closed};
use crate::input::{ReadError, RowReader};
use crate::invitation::InvitationId;
use crate::outcome::{Effect, Outcome, Status, Stop, StopReason};
use crate::results::{Earlier, History, Standing};
use crate::row::{Row, Screened};
use crate::shutdown::Shutdown;

/// Whether a run came to the end of its input.
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
    /// What earlier runs did for it.
    pub(super) earlier: Earlier,
}

/// Where the rows of the input go.
#[derive(Debug)]
pub(super) struct Feed {
    /// What earlier runs did.
    pub(super) history: History,
    /// How many rows are handed over at once.
    pub(super) batch_rows: usize,
    /// The most rows to send.
    pub(super) limit: Option<u64>,
    pub(super) rows: Sender<Vec<EligibleRow>>,
    pub(super) outcomes: Sender<Outcome>,
    pub(super) budget: Budget,
    pub(super) shutdown: Shutdown,
}

impl Feed {
    /// Reads to the end of the input, also after a stop: the rows that are left get their row in the results. Only an
    /// input that cannot be read ends it before.
    pub(super) fn run(self, mut reader: RowReader) -> InputEnd {
        self.feed(&mut reader).unwrap_or_else(|Closed| {
            tracing::debug!("the reading ended before the input did");
            InputEnd::NotReached
        })
    }

    fn feed(&self, reader: &mut RowReader) -> Result<InputEnd, Closed> {
        // The next row of a stream may be long in coming.
        let batch_rows = if reader.is_stream() { 1 } else { self.batch_rows };
        let mut batch = Vec::with_capacity(batch_rows);
        let mut eligible = 0_u64;
        for screened in reader {
            let screened = match screened {
                Ok(screened) => screened,
                Err(error) => {
                    // The stop comes first: handing over waits for the calls before it.
                    self.stop(&error);
                    self.hand_over(batch)?;
                    return Ok(InputEnd::NotReached);
                }
            };
            let Standing::Open(earlier) = self.history.of(screened.row().line) else { continue };
            if !self.budget.try_take(screened.row()) {
                // The rows that are to make room have to be on their way.
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

    /// Hands rows to the workers. Those of a stream take no more when the run is stopped; then the rows end here.
    fn hand_over(&self, batch: Vec<EligibleRow>) -> Result<(), Closed> {
        let Err(SendError(untaken)) = self.rows.blocking_send(batch) else { return Ok(()) };
        untaken.into_iter().try_for_each(|row| self.end(stopped_before(row, self.shutdown.reason())))
    }

    fn end(&self, outcome: Outcome) -> Result<(), Closed> {
        self.outcomes.blocking_send(outcome).map_err(|_closed| Closed)
    }
}

/// The error, what caused it, and what to do.
fn detail(error: &ReadError) -> String {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}"));
    let hint = error.hint().map(|hint| format!("; {hint}"));
    format!("{error}{}{}", cause.unwrap_or_default(), hint.unwrap_or_default())
}

/// The end of a row before whose turn the run stopped.
pub(super) fn stopped_before(eligible: EligibleRow, stop: Option<&Stop>) -> Outcome {
    let why = stop.map_or("", |stop| stop.detail.as_str());
    not_attempted(eligible, &format!("the run stopped before this row: {why}"))
}

/// The end of a row that this run did not try. One that an earlier run tried keeps the result that it had, and what an
/// earlier run may have done without a result is not forgotten.
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
