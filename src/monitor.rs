//! Reports the progress of a run. The engine does not know the terminal: it reports to a [`Monitor`].

use std::fmt;
use std::time::Instant;

use crate::invitation::InvitationId;
use crate::outcome::Outcome;

/// The target of events of the log that come from the thread of the calls: nothing may wait for them.
pub const THREAD_OF_CALLS: &str = concat!(env!("CARGO_CRATE_NAME"), "::calls");

/// Something that watches a run. The recorder's thread calls `recorded` and `lost`, in order.
pub trait Monitor: fmt::Debug + Send + Sync {
    /// Reports that a call begins for the row on this line of the input. It must not block, because it is called on the
    /// thread of the calls.
    fn called(&self, line: u64, id: InvitationId) {
        let _ = (line, id);
    }

    /// Reports why a call failed that is tried again, in words for the user. It must not block, for the same reason.
    fn failed(&self, why: &str) {
        let _ = why;
    }

    /// Reports that no further row will be recorded.
    fn ended(&self) {}

    /// Reports rows that have ended and are in the results.
    fn recorded(&self, outcomes: &[Outcome]);

    /// Reports rows that have ended but could not be written to the results. `csv` holds them, the first time with a
    /// header. The monitor is the last one that can keep them.
    fn lost(&self, csv: &[u8]);

    /// Reports that calls go on, pause or wait for an API that is down. It must not block, because it is called on the
    /// thread of the calls.
    fn traffic(&self, traffic: Traffic) {
        let _ = traffic;
    }
}

/// Whether calls start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Calls start.
    Flowing,
    /// The API asked for a pause (429).
    Paused {
        /// The end of the pause.
        until: Instant,
    },
    /// The API does not answer: all calls wait, except one now and then.
    Down {
        /// When it began.
        since: Instant,
        /// When a call looks whether it is over; in the past, one is looking.
        next_look: Instant,
        /// When the run stops because of it.
        gives_up: Instant,
    },
}
