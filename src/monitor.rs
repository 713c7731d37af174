//! What a run tells those who watch it. The engine knows no terminal: it speaks to a [`Monitor`].

use std::fmt;

use crate::outcome::Outcome;

/// Somebody who watches a run. The calls come from the thread that writes the results, in order.
pub trait Monitor: fmt::Debug + Send + Sync {
    /// These rows ended, and the results hold them.
    fn recorded(&self, outcomes: &[Outcome]);

    /// These rows ended and could not be written to the results: `csv` holds them, the header first where it is the
    /// first time. Whoever gets them is the last who can keep them.
    fn lost(&self, csv: &[u8]);
}
