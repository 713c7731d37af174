//! What the journal knows of the rows that the results say nothing of: whether they may have been sent, and what runs
//! before had found out about them.
//!
//! An example: a run marks the rows up to line 40 as ready to be sent, records an end for most of them, and is killed.
//! Those up to line 40 without a results row may have been sent; those behind it were certainly not. The next run
//! begins: its results hold only the rows that are done, so what is known of the others goes into its journal, here.
//! There, too, the rows up to line 40 are in doubt unless they are named: as `clear` where the killed run had not come
//! to them, with their result where it had tried them.

mod tried;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::standing::{Earlier, Known, Tried};
use crate::outcome::Effect;

/// What is known of rows that have no result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doubt {
    /// Rows up to this line may have been sent, but for those that are named.
    up_to: u64,
    /// Further rows that may have been sent, by line.
    further: BTreeSet<u64>,
    /// Rows that certainly have not taken effect, by line.
    clear: BTreeSet<u64>,
    /// Rows that were tried and are to be tried again, by line.
    #[serde(with = "tried")]
    tried: BTreeMap<u64, Tried>,
    /// The line up to which the run may have sent rows since this was written down.
    #[serde(skip)]
    sent_up_to: u64,
}

impl Doubt {
    /// As journals of format 1 have it: they do not tell how rows that were tried ended, but only which of them are in
    /// doubt.
    pub(super) fn of_format_1(up_to: u64, further: BTreeSet<u64>, clear: BTreeSet<u64>) -> Self {
        Self { up_to, further, clear, ..Self::default() }
    }

    /// Takes down that rows up to this line may have been sent since.
    pub fn sent_up_to(&mut self, line: u64) {
        self.sent_up_to = self.sent_up_to.max(line);
    }

    /// What earlier runs did for the row on this line, of which the results say nothing.
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

    /// What the next run is to carry on, when its results will hold only the rows that are done. `open` are the lines
    /// of the rows that the results have and that are not done, and `known` says what is known of a row: `None` where
    /// it is done.
    pub(super) fn carried_on(&self, open: impl Iterator<Item = u64>, known: impl Fn(u64) -> Option<Known>) -> Self {
        let mut next = Self { up_to: self.up_to.max(self.sent_up_to), ..Self::default() };
        let named = self.further.iter().chain(&self.clear).chain(self.tried.keys()).copied();
        for line in named.chain(open) {
            // Where a row is not named, `up_to` speaks for it.
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
