//! Checks whether the first answers of a run make sense. If they do not, the file or the account is the wrong one.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::outcome::{Status, Stop, StopReason, Summary};

/// A run is stopped when this many first answers are all 403 or 404: the file or the account is then the wrong one.
/// (Source: the contract.)
const TELLING_ANSWERS: usize = 50;

/// Checks the first answers of a run. Two kinds do not count: answers about the moment (429, 5xx), and answers for rows
/// that an earlier run has tried, since the cause that stopped that run must not stop every later run.
#[derive(Debug)]
pub(super) struct FirstAnswers {
    /// How many answers have counted so far, if all were 403 or 404. Once the question is decided, either way, this is
    /// [`TELLING_ANSWERS`].
    strange: AtomicUsize,
}

impl FirstAnswers {
    /// Checks the answers of this run, unless an earlier run had an answer that made sense.
    pub(super) fn after(earlier: &Summary) -> Self {
        let made_sense = earlier.count(Status::Cancelled) + earlier.count(Status::NotCancellable) > 0;
        Self { strange: AtomicUsize::new(if made_sense { TELLING_ANSWERS } else { 0 }) }
    }

    /// Counts an answer. Returns a stop if the run has to end because of it.
    pub(super) fn note(&self, http_status: u16) -> Option<Stop> {
        if self.strange.load(Ordering::Relaxed) >= TELLING_ANSWERS {
            return None;
        }
        match http_status {
            429 | 500..=599 => None,
            403 | 404 => {
                if self.strange.fetch_add(1, Ordering::Relaxed) + 1 < TELLING_ANSWERS {
                    return None;
                }
                let detail = format!(
                    "the first {TELLING_ANSWERS} answers were all 403 or 404: check that the file and the API key belong \
                     to the same iMocha account, and that the ID column is the right one"
                );
                Some(Stop { reason: StopReason::WrongInput, detail })
            }
            _ => {
                self.strange.store(TELLING_ANSWERS, Ordering::Relaxed);
                None
            }
        }
    }
}
