//! What is known about a row of the input before a run: what earlier runs left about it.

use std::time::Duration;

use jiff::Timestamp;

use crate::outcome::{Effect, Status};

/// Whether a row still has to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No: the results hold its final outcome.
    Done,
    /// Yes, and this is what earlier runs left about it.
    Open(Earlier),
}

/// What earlier runs left about a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The number of calls that they made.
    pub attempts: u64,
    /// Whether one of these calls may have cancelled the invitation without a confirmation.
    pub effect: Effect,
    /// The result that the row keeps if this run does not try it; `None` if no run tried it or its result is unknown.
    /// Its status leaves at least as much doubt as `effect`.
    pub result: Option<Box<EarlierResult>>,
}

/// The result of a row that earlier runs tried and that has to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierResult {
    /// Its status.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// The message for the user.
    pub error: String,
    /// From the first call to the last answer.
    pub duration: Duration,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// The message for a row that a run may have sent before it was cut off.
const CUT_OFF: &str = "an earlier run was cut off and may have cancelled it, so look it up in iMocha";

/// A row that was tried: the number of its calls, and the last result that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) attempts: u64,
    pub(super) result: EarlierResult,
}

impl Tried {
    /// The row after a run that may have sent it once more, but ended without a result for it. A status that leaves
    /// doubt stays, because it says more than "unconfirmed".
    pub(super) fn sent_again(self) -> Self {
        let EarlierResult { status, error, .. } = &self.result;
        if status.effect() == Effect::Possible {
            return self;
        }
        let error = if error.is_empty() { CUT_OFF.to_owned() } else { format!("{CUT_OFF}; before that: {error}") };
        Self { result: EarlierResult { status: Status::Unconfirmed, error, ..self.result }, ..self }
    }
}

/// What is known about a row that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// The row was tried, and this is its last known result.
    Tried(Tried),
    /// Only whether it may have been sent.
    Effect(Effect),
}

impl From<Known> for Earlier {
    fn from(known: Known) -> Self {
        match known {
            Known::Effect(effect) => Self { effect, ..Self::default() },
            Known::Tried(Tried { attempts, result }) => {
                let effect = result.status.effect();
                let result = (result.status != Status::NotAttempted).then(|| Box::new(result));
                Self { attempts, effect, result }
            }
        }
    }
}
