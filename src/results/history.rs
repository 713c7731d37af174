//! Reads from the results and the journal what earlier runs did: which rows are done, and what is known about the
//! others.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use fixedbitset::FixedBitSet;

use super::doubt::Doubt;
use super::format::Format;
use super::journal::LastRun;
use super::reader::{ResultsReader, ResultsRow, Zeros};
use super::standing::{EarlierResult, Known, Standing, Tried};
use crate::error::{Cause, Refusal};
use crate::outcome::{Effect, Status, Summary};
use crate::text::quoted_path;

/// What earlier runs did, row by row.
#[derive(Debug, Default)]
pub struct History {
    /// The lines of the rows that are done, one bit for each line.
    done: FixedBitSet,
    /// The lines of the rows that no run reached, according to the results.
    not_attempted: FixedBitSet,
    /// The rows that were tried and have to be tried again, by line, according to the results.
    tried: BTreeMap<u64, Tried>,
    /// What is known about rows without a results row.
    doubt: Doubt,
    /// The counts of the rows that are done.
    summary: Summary,
    /// How many bytes of the results file are whole.
    whole_bytes: u64,
}

impl History {
    /// Reads what earlier runs left: their results, if they exist, and what their journal says.
    ///
    /// # Errors
    ///
    /// If the results cannot be read, do not have this `format`, or were changed since they were written.
    pub fn read(results: &Path, format: &Format, last_run: &LastRun, zeros: Zeros) -> Result<Self, Refusal> {
        let mut history = Self { doubt: last_run.doubt.clone(), ..Self::default() };
        if !results.exists() {
            return Ok(history);
        }
        // Each line except the last has at least one byte, so this is the highest possible line number.
        let last_line = last_run.identity.bytes.saturating_add(1);
        let mut reader = ResultsReader::open(results, format, zeros)?;
        while let Some(row) = reader.next_row()? {
            if row.line > last_line || !history.take(&row) {
                return Err(reader.damaged());
            }
        }
        history.whole_bytes = reader.whole_bytes();
        if reader.torn_bytes() > 0 {
            tracing::warn!(
                results = ?results,
                from_byte = reader.whole_bytes(),
                bytes = reader.torn_bytes(),
                "the end of the results is torn, as a crash or a power cut leaves it; rows that were sent and are \
                 missing now are tried again, and a refusal leaves them unconfirmed"
            );
        }
        Ok(history)
    }

    /// What earlier runs left about the row on this line.
    pub fn of(&self, line: u64) -> Standing {
        self.known(line).map_or(Standing::Done, |known| Standing::Open(known.into()))
    }

    /// What is known about the row on this line; `None` if it is done.
    fn known(&self, line: u64) -> Option<Known> {
        if has(&self.done, line) {
            return None;
        }
        let in_results = self.tried.get(&line).cloned().map(Known::Tried);
        let untried = || has(&self.not_attempted, line).then_some(Known::Effect(Effect::None));
        Some(in_results.or_else(untried).unwrap_or_else(|| self.doubt.known(line)))
    }

    /// The counts of the rows that are done.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// How many of the invitations that had to be cancelled are done.
    pub fn settled_invitations(&self) -> u64 {
        self.summary.settled()
    }

    /// What the journal of the next run has to carry on.
    pub fn doubt(&self) -> Doubt {
        let not_attempted = self.not_attempted.ones().filter_map(|line| u64::try_from(line).ok());
        self.doubt.carried_on(self.tried.keys().copied().chain(not_attempted), |line| self.known(line))
    }

    /// Copies the results rows that are done to `target`, after the header and in their order.
    ///
    /// # Errors
    ///
    /// If they can no longer be read, or cannot be written.
    pub fn copy_done(&self, results: &Path, format: &Format, target: impl Write) -> Result<(), Refusal> {
        let fail = |error: io::Error| {
            Refusal::new(Cause::ResultsUnwritable, format!("could not copy the results {}", quoted_path(results)))
                .caused_by(error)
        };
        if self.done.is_clear() {
            return Ok(());
        }
        let mut target = BufWriter::new(target);
        // The first reading found how much is whole, and the journal's lock keeps other runs from the results since
        // then.
        let mut reader = ResultsReader::open(results, format, Zeros::InCells)?;
        while reader.whole_bytes() < self.whole_bytes {
            let Some(row) = reader.next_row()? else { break };
            if !row.status.is_tried_again() {
                target.write_all(row.bytes).map_err(fail)?;
            }
        }
        target.flush().map_err(fail)
    }

    /// Records what a results row says. Returns `false` if this line has a results row already.
    fn take(&mut self, row: &ResultsRow<'_>) -> bool {
        let is_known = has(&self.done, row.line) || has(&self.not_attempted, row.line);
        if is_known || self.tried.contains_key(&row.line) {
            return false;
        }
        if !row.status.is_tried_again() {
            self.summary.add_row(row.status, row.line, row.invitation_id, row.error);
            return put(&mut self.done, row.line);
        }
        if row.status == Status::NotAttempted && row.attempts == 0 {
            return put(&mut self.not_attempted, row.line);
        }
        let result = EarlierResult {
            status: row.status,
            http_status: row.http_status,
            error: row.error.to_owned(),
            duration: row.duration,
            finished_at: row.finished_at,
        };
        self.tried.insert(row.line, Tried { attempts: row.attempts, result });
        true
    }
}

fn has(lines: &FixedBitSet, line: u64) -> bool {
    usize::try_from(line).is_ok_and(|line| lines.contains(line))
}

/// Adds a line, unless its number is too large for memory.
fn put(lines: &mut FixedBitSet, line: u64) -> bool {
    let Ok(line) = usize::try_from(line) else { return false };
    lines.grow(line.saturating_add(1));
    lines.insert(line);
    true
}

#[cfg(test)]
mod tests;
