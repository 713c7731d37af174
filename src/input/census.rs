//! The count of a file's rows, and of the invitations that more than one row asks for.
//!
//! The IDs are collected in one list, sorted, and only those are kept that stand in it twice: 8 bytes a row while it
//! lasts, no bad case, and five times as fast as a hash set.

use std::sync::Arc;

use super::reading::{Reading, Rows};
use super::screen::Verdict;
use super::suspicion::Suspicion;
use super::tally::Tally;
use crate::error::Refusal;

/// The most IDs for which room is made before they are there (128 MiB, of which only what is used becomes memory).
/// Chosen by us.
const MOST_RESERVED_IDS: usize = 16 * 1024 * 1024;

/// A count under way.
#[derive(Debug)]
pub(super) struct Census {
    reading: Reading,
    ids: Vec<u64>,
}

/// A count that is finished.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) reading: Reading,
    pub(super) tally: Tally,
    /// Rows that ask for an invitation which an earlier row asks for. The tally has them as asking for it.
    pub(super) duplicates: u64,
}

impl Census {
    /// Begins to count a file of `bytes` bytes, of which `beginning` are the first.
    pub(super) fn new(reading: Reading, beginning: &[u8], bytes: u64) -> Self {
        let lines = memchr::memchr2_iter(b'\n', b'\r', beginning).count() + 1;
        let parts = usize::try_from(bytes).unwrap_or(usize::MAX) / beginning.len().max(1) + 1;
        let expected = parts.saturating_mul(lines).min(MOST_RESERVED_IDS);
        let mut ids = Vec::new();
        ids.reserve_exact(expected);
        Self { reading, ids }
    }

    /// Counts all rows.
    pub(super) fn take(mut self, mut rows: Rows, input: &str) -> Result<Counted, Refusal> {
        let mut tally = Tally::default();
        let mut suspicion = Suspicion::of(&self.reading);
        while let Some((line, verdict)) = rows.next()? {
            if !suspicion.is_settled() {
                suspicion.look(line, verdict, rows.record());
                if suspicion.is_settled() {
                    suspicion.check(input)?;
                }
            }
            if let Verdict::Cancel(id) = verdict {
                self.collect(id.get());
            }
            self.reading.layout.extra_cells |= rows.record().len() > self.reading.layout.columns.len();
            tally.count(line, verdict, &rows);
        }
        suspicion.check(input)?;
        let (duplicated, duplicates) = duplicated(self.ids);
        self.reading.duplicated = Arc::new(duplicated);
        Ok(Counted { reading: self.reading, tally, duplicates })
    }

    /// Grows by an eighth rather than to the double, for the list is most of the memory.
    fn collect(&mut self, id: u64) {
        if self.ids.len() == self.ids.capacity() {
            self.ids.reserve_exact(self.ids.len() / 8 + 1024);
        }
        self.ids.push(id);
    }
}

/// The IDs that stand more than once in a list, in order, and how many entries of it are too many.
fn duplicated(mut ids: Vec<u64>) -> (Vec<u64>, u64) {
    ids.sort_unstable();
    let mut found = Vec::new();
    let mut too_many = 0;
    for pair in ids.windows(2) {
        if let [first, second] = pair
            && first == second
        {
            too_many += 1;
            if found.last() != Some(first) {
                found.push(*first);
            }
        }
    }
    (found, too_many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_stands_three_times_is_two_too_many() {
        assert_eq!(duplicated(vec![5, 3, 5, 1, 5, 1]), (vec![1, 5], 3));
        assert_eq!(duplicated(vec![2, 1]), (vec![], 0));
        assert_eq!(duplicated(vec![]), (vec![], 0));
    }
}
