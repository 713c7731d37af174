//! Whether the first answers of a run make sense for it: if not, it is the wrong file or account.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::outcome::{Status, Stop, StopReason, Summary};

/// How many first answers must all be 403 or 404 before the file or the account is taken for the wrong one. (Source: the
/// contract.)
const TELLING_ANSWERS: usize = 50;

/// Looks whether the first answers of a run make sense for it. Answers that speak of the moment only (429, 5xx) do not
/// count, nor do those for rows that an earlier run has tried: what stopped that run must not stop each one after it.
#[derive(Debug)]
pub(super) struct FirstAnswers {
    /// How many there were, all of them 403 or 404; [`TELLING_ANSWERS`] once it is settled, either way.
    strange: AtomicUsize,
}

impl FirstAnswers {
    /// Looks from the first answer on, unless an earlier run had one that made sense.
    pub(super) fn after(earlier: &Summary) -> Self {
        let made_sense = earlier.count(Status::Cancelled) + earlier.count(Status::NotCancellable) > 0;
        Self { strange: AtomicUsize::new(if made_sense { TELLING_ANSWERS } else { 0 }) }
    }

    /// Takes note of an answer, and says whether the run is to be stopped for it.
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
