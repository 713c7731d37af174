//! What the journal says about rows without a results row: whether they may have been sent, and what earlier runs had
//! found out about them.
//!
//! For example, run 1 reserves the rows up to line 40, is asked to stop, and is killed before it has written all
//! results. Its results say: lines 2 to 30 `cancelled`, line 31 `forbidden`, line 32 `not_attempted`; lines 33 to 40
//! have no row. The new results of run 2 keep only the rows that are done, lines 2 to 30. The rest goes into the
//! journal of run 2 (see `carried_on`): `up_to` 40, line 31 in `tried` with its result, and line 32 in `clear`. So
//! lines 33 to 40 may have been sent, the call for line 31 had no effect, line 32 was not sent, and lines beyond 40
//! were certainly not sent.
//!
//! If run 2 reserves the rows up to line 60 and is killed before it writes any result, `sent_up_to` is 60: run 2 may
//! have sent lines 31 to 60. Line 31 keeps its calls and its result, but is now in doubt; line 32 is in doubt, too.

mod tried;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::standing::{Earlier, Known, Tried};
use crate::outcome::Effect;

/// What is known about rows that have no results row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    /// Rows up to this line may have been sent, except those in `clear` and `tried`.
    up_to: u64,
    /// Rows beyond `up_to` that may have been sent, by line. Only journals of format 1 name any.
    further: BTreeSet<u64>,
    /// Rows up to `up_to` whose invitations were certainly not cancelled, by line.
    clear: BTreeSet<u64>,
    /// Rows that were tried and are to be tried again, by line.
    #[serde(with = "tried")]
    tried: BTreeMap<u64, Tried>,
    /// The line up to which the run that wrote this journal may have sent rows itself.
    #[serde(skip)]
    sent_up_to: u64,
}

impl Doubt {
    /// Converts a journal of format 1, which does not say how a tried row ended, but only which rows are in doubt.
    pub(super) fn of_format_1(up_to: u64, further: BTreeSet<u64>, clear: BTreeSet<u64>) -> Self {
        Self { up_to, further, clear, ..Self::default() }
    }

    /// Records that the run may have sent rows up to this line.
    pub fn sent_up_to(&mut self, line: u64) {
        self.sent_up_to = self.sent_up_to.max(line);
    }

    /// What earlier runs left about the row on this line, which has no results row.
    pub fn of(&self, line: u64) -> Earlier {
        self.known(line).into()
    }

    pub(super) fn known(&self, line: u64) -> Known {
        let is_sent = line <= self.sent_up_to;
        match self.tried.get(&line) {
            Some(tried) if is_sent => Known::Tried(tried.clone().sent_again()),
            Some(tried) => Known::Tried(tried.clone()),
            None => {
                let was_sent = self.further.contains(&line) || line <= self.up_to && !self.clear.contains(&line);
                Known::Effect(if is_sent || was_sent { Effect::Possible } else { Effect::None })
            }
        }
    }

    /// What the journal of the next run has to carry on, because its results will hold only the rows that are done.
    /// `open` yields the lines of the results rows that are not done. `known` says what is known about any row, or
    /// `None` if it is done.
    pub(super) fn carried_on(&self, open: impl Iterator<Item = u64>, known: impl Fn(u64) -> Option<Known>) -> Self {
        let mut next = Self { up_to: self.up_to.max(self.sent_up_to), ..Self::default() };
        let named = self.further.iter().chain(&self.clear).chain(self.tried.keys()).copied();
        for line in named.chain(open) {
            // A row that is named nowhere has what `up_to` says.
            match known(line) {
                Some(Known::Tried(tried)) => drop(next.tried.insert(line, tried)),
                Some(Known::Effect(Effect::Possible)) if line > next.up_to => drop(next.further.insert(line)),
                Some(Known::Effect(Effect::None)) if line <= next.up_to => drop(next.clear.insert(line)),
                Some(Known::Effect(Effect::Possible | Effect::None)) | None => {}
            }
        }
        next
    }
}

#[cfg(test)]
mod tests;
