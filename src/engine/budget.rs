//! Bounds the memory that the rows under way take. A row takes its share when it is read and gives it back when its
//! outcome is written. The channels bound the number of rows, but one row can be a megabyte.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::row::Row;

/// The most bytes that the rows under way may take together. A single row may take more. Chosen by us: thousands of
/// rows of ordinary length never come near it, and a file whose rows have a megabyte each takes no more memory than a
/// browser's tab.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The recorder takes no more outcomes: either a part of the run has panicked and the other parts end, or the run was
/// stopped and no longer waits for its stream.
#[derive(Debug)]
pub(super) struct Closed;

/// The bytes of the rows under way. All clones share one count.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    shared: Arc<(Mutex<Spent>, Condvar)>,
}

#[derive(Debug, Default)]
struct Spent {
    bytes: usize,
    /// The recorder has ended, so no more bytes are given back.
    is_closed: bool,
}

impl Spent {
    fn has_room(&self, bytes: usize) -> bool {
        self.bytes == 0 || self.bytes + bytes <= MOST_BYTES
    }
}

impl Budget {
    /// Takes the bytes of a row if there is room for them now, and says whether it did.
    pub(super) fn try_take(&self, row: &Row) -> bool {
        let mut spent = self.spent();
        let has_room = spent.has_room(row.memory());
        if has_room {
            spent.bytes += row.memory();
        }
        has_room
    }

    /// Waits until there is room for a row, and takes its bytes.
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

    /// Gives back the bytes of these rows.
    pub(super) fn give_back<'a>(&self, rows: impl Iterator<Item = &'a Row>) {
        let bytes: usize = rows.map(Row::memory).sum();
        let mut spent = self.spent();
        spent.bytes = spent.bytes.saturating_sub(bytes);
        drop(spent);
        self.shared.1.notify_one();
    }

    /// Ends every wait for room, now and later.
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
