//! What a run tells those who watch it. The engine knows no terminal: it speaks to a [`Monitor`].

use std::fmt;
use std::time::Instant;

use crate::outcome::Outcome;

/// Somebody who watches a run. The calls come from the thread that writes the results, in order.
pub trait Monitor: fmt::Debug + Send + Sync {
    /// These rows ended, and the results hold them.
    fn recorded(&self, outcomes: &[Outcome]);

    /// These rows ended and could not be written to the results: `csv` holds them, the header first where it is the
    /// first time. Whoever gets them is the last who can keep them.
    fn lost(&self, csv: &[u8]);

    /// What the API's answers mean for the calls has changed. Must not block: it comes from among the calls.
    fn traffic(&self, traffic: Traffic) {
        let _ = traffic;
    }
}

/// Whether calls leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// They do.
    Flowing,
    /// The API asked for a pause (429).
    Paused {
        /// Its end.
        until: Instant,
    },
    /// The API is not answering: all calls wait but one, now and then.
    Down,
}
