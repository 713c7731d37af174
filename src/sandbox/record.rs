//! The sandbox as a witness: what it received, in what order, and what it answered.
//!
//! Opt-in, for it keeps every request until the sandbox ends. What a client says about itself is not evidence; this is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::invitations::InvitationState;

/// What a sandbox received so far.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Each request, in the order in which they were decided upon.
    ///
    /// A request whose body broke off, or was longer than 64 KiB, is not among them: it had no effect.
    pub arrivals: Vec<Arrival>,
    /// The most requests that were in flight at once: from the head's arrival until the answer was ready to be sent,
    /// or the caller had gone.
    pub peak_in_flight: usize,
}

/// One request, as it was received, and what came of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When its head had arrived.
    pub when: Instant,
    /// The method, such as `POST`.
    pub method: String,
    /// The path and, if there was one, `?` and the query.
    pub path: String,
    /// Which key came with it. The key itself is not kept.
    pub key: SentKey,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Accept-Encoding`.
    pub accept_encoding: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// The invitation that the path named, if it was a cancel call with an ID that makes sense.
    pub invitation: Option<u64>,
    /// The status of the answer; `None` where a fault left it without one. Whether the answer arrived is for the caller
    /// to say.
    pub status: Option<u16>,
    /// The invitation's state before; `None` where there is no such invitation.
    pub before: Option<InvitationState>,
    /// The invitation's state after; `None` as for `before`.
    pub after: Option<InvitationState>,
    /// The fault that befell it, of those in [`Options::faults`](super::Options::faults).
    pub fault: Option<FaultDone>,
}

impl Arrival {
    /// Whether it cancelled an invitation.
    pub fn is_applied(&self) -> bool {
        self.before != self.after
    }
}

/// A fault that befell a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultDone {
    /// The rule's place in the file, from 1.
    pub rule: u32,
    /// What the file calls it, such as `reset`.
    pub name: &'static str,
}

/// What a request brought as its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentKey {
    /// The sandbox's key.
    Right,
    /// Something else.
    Wrong,
    /// No key at all.
    Missing,
}

/// Keeps a [`Record`].
#[derive(Debug, Default)]
pub(super) struct Witness {
    // A lock, not a channel: a test reads at any moment what the server's thread has written until then.
    notes: Mutex<Notes>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Notes {
    record: Record,
    in_flight: usize,
}

impl Witness {
    /// Counts a request as in flight for as long as what is returned lives.
    pub(super) fn enter(&self) -> InFlight<'_> {
        let mut notes = self.lock();
        notes.in_flight = notes.in_flight.saturating_add(1);
        notes.record.peak_in_flight = notes.record.peak_in_flight.max(notes.in_flight);
        InFlight { witness: self }
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
pub(super) struct InFlight<'witness> {
    witness: &'witness Witness,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut notes = self.witness.lock();
        notes.in_flight = notes.in_flight.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_most_at_once_and_not_the_sum() {
        let witness = Witness::default();
        drop(witness.enter());
        let pair = (witness.enter(), witness.enter());
        drop(pair);
        drop(witness.enter());
        assert_eq!(witness.record().peak_in_flight, 2);
    }

    #[test]
    fn waiting_for_what_does_not_come_ends() {
        let witness = Witness::default();
        assert!(witness.wait_for(0, Duration::ZERO));
        assert!(!witness.wait_for(1, Duration::from_millis(1)));
    }
}
