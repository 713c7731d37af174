//! How much memory the rows under way take: from the reading of a row until its end is written down. The number of rows
//! is bounded by the channels, but one row can be a megabyte.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::row::Row;

/// The most bytes of rows under way, where they are more than one row. Chosen by us: thousands of rows of ordinary length
/// never come near it, and a file of rows of a megabyte costs no more memory than a browser's tab.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Nobody takes outcomes any more: a part of the run has panicked and the rest ends, or a stopped run no longer waits for
/// a stream.
#[derive(Debug)]
pub(super) struct Closed;

/// The bytes of the rows under way. Its clones are one budget.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    shared: Arc<(Mutex<Spent>, Condvar)>,
}

#[derive(Debug, Default)]
struct Spent {
    bytes: usize,
    /// Nobody gives anything back any more.
    is_closed: bool,
}

impl Spent {
    fn has_room(&self, bytes: usize) -> bool {
        self.bytes == 0 || self.bytes + bytes <= MOST_BYTES
    }
}

impl Budget {
    /// Whether a row can come under way at once; if so, it does.
    pub(super) fn try_take(&self, row: &Row) -> bool {
        let mut spent = self.spent();
        let has_room = spent.has_room(row.memory());
        if has_room {
            spent.bytes += row.memory();
        }
        has_room
    }

    /// Waits until there is room for a row.
    pub(super) fn take(&self, row: &Row) -> Result<(), Closed> {
        let (_, changed) = &*self.shared;
        let wait = |spent: &mut Spent| !spent.has_room(row.memory()) && !spent.is_closed;
        let mut spent = changed.wait_while(self.spent(), wait).unwrap_or_else(PoisonError::into_inner);
        if spent.is_closed {
            return Err(Closed);
        }
        spent.bytes += row.memory();
        Ok(())
    }

    /// Gives back what these rows took.
    pub(super) fn give_back<'a>(&self, rows: impl Iterator<Item = &'a Row>) {
        let bytes: usize = rows.map(Row::memory).sum();
        let mut spent = self.spent();
        spent.bytes = spent.bytes.saturating_sub(bytes);
        drop(spent);
        self.shared.1.notify_one();
    }

    /// Lets nobody wait any more.
    pub(super) fn close(&self) {
        self.spent().is_closed = true;
        self.shared.1.notify_all();
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;

    fn row(bytes: usize) -> Row {
        Row { line: 2, cells: ByteRecord::from(vec!["x".repeat(bytes)]) }
    }

    #[test]
    fn rows_wait_for_room_and_one_row_always_has_it() {
        let budget = Budget::default();
        let (large, half) = (row(MOST_BYTES * 2), row(MOST_BYTES / 2));
        assert!(budget.try_take(&large) && !budget.try_take(&half));
        let waiting = std::thread::spawn({
            let (budget, half) = (budget.clone(), half.clone());
            move || budget.take(&half).is_ok()
        });
        budget.give_back(std::iter::once(&large));
        assert!(waiting.join().unwrap());
        assert!(!budget.try_take(&half), "two halves and what stands around them are more than the whole");
        let waiting = std::thread::spawn({
            let budget = budget.clone();
            move || budget.take(&half).is_err()
        });
        budget.close();
        assert!(waiting.join().unwrap(), "nobody gives anything back any more");
    }
}
