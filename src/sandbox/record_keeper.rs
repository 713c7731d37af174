//! The sandbox as a witness: it keeps what was received, for the tests in its own process.
//!
//! Opt-in, for it keeps every request until the sandbox ends. What a client says about itself is not evidence; this is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::record::{Arrival, Record};

/// Keeps a [`Record`].
#[derive(Debug, Default)]
pub(super) struct RecordKeeper {
    // A lock, not a channel: a test reads at any moment what the server's thread has written until then.
    notes: Mutex<Notes>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Notes {
    record: Record,
    in_flight: usize,
}

impl RecordKeeper {
    /// Counts a request as in flight for as long as what is returned lives.
    pub(super) fn enter(&self) -> InFlight<'_> {
        let mut notes = self.lock();
        notes.in_flight = notes.in_flight.saturating_add(1);
        notes.record.peak_in_flight = notes.record.peak_in_flight.max(notes.in_flight);
        InFlight { keeper: self }
    }

    /// Keeps a request.
    pub(super) fn keep(&self, arrival: Arrival) {
        self.lock().record.arrivals.push(arrival);
        self.grown.notify_all();
    }

    /// How many requests are in flight.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// What was kept so far.
    pub(super) fn record(&self) -> Record {
        self.lock().record.clone()
    }

    /// Blocks until so many requests were kept, for no longer than `patience`; tells whether they were.
    pub(super) fn wait_for(&self, arrivals: usize, patience: Duration) -> bool {
        let lacks = |notes: &mut Notes| notes.record.arrivals.len() < arrivals;
        let waited = self.grown.wait_timeout_while(self.lock(), patience, lacks);
        let (_book, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        !timeout.timed_out()
    }

    /// The notes, whatever became of a thread that held it: no change to it can be left half done.
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is in flight; it ends when this is dropped, also when its caller has gone.
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
