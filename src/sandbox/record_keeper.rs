//! The record in memory, for callers in the sandbox's own process.
//!
//! Tests compare it with what the client says it did. It is kept only on demand, because it grows with every request
//! until the sandbox ends.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::record::{Arrival, Record};

/// Keeps a [`Record`].
#[derive(Debug, Default)]
pub(super) struct RecordKeeper {
    // A lock, not a channel: at any moment a test may read what the server's thread has written up to then.
    notes: Mutex<Notes>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Notes {
    record: Record,
    in_flight: usize,
}

impl RecordKeeper {
    /// Counts a request as in flight until the returned value is dropped.
    pub(super) fn enter(&self) -> InFlight<'_> {
        let mut notes = self.lock();
        notes.in_flight = notes.in_flight.saturating_add(1);
        notes.record.peak_in_flight = notes.record.peak_in_flight.max(notes.in_flight);
        InFlight { keeper: self }
    }

    /// Adds a request to the record.
    pub(super) fn keep(&self, arrival: Arrival) {
        self.lock().record.arrivals.push(arrival);
        self.grown.notify_all();
    }

    /// How many requests are in flight.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// The record up to now.
    pub(super) fn record(&self) -> Record {
        self.lock().record.clone()
    }

    /// Blocks until the record holds `arrivals` requests, but no longer than `patience`; true when it holds them.
    pub(super) fn wait_for(&self, arrivals: usize, patience: Duration) -> bool {
        let lacks = |notes: &mut Notes| notes.record.arrivals.len() < arrivals;
        let waited = self.grown.wait_timeout_while(self.lock(), patience, lacks);
        let (_book, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    /// The notes, even if a thread panicked while it held the lock: no change can be left half done.
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight. It is dropped with the request's future, also when the caller closes the connection.
#[derive(Debug)]
pub(super) struct InFlight<'keeper> {
    keeper: &'keeper RecordKeeper,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut notes = self.keeper.lock();
        notes.in_flight = notes.in_flight.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_most_at_once_and_not_the_sum() {
        let keeper = RecordKeeper::default();
        drop(keeper.enter());
        let pair = (keeper.enter(), keeper.enter());
        drop(pair);
        drop(keeper.enter());
        assert_eq!(keeper.record().peak_in_flight, 2);
    }

    #[test]
    fn waiting_for_what_does_not_come_ends() {
        let keeper = RecordKeeper::default();
        assert!(keeper.wait_for(0, Duration::ZERO));
        assert!(!keeper.wait_for(1, Duration::from_millis(1)));
    }
}
