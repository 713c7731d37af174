//! How a row of the input stands before a run: what earlier runs did for it.

use std::time::Duration;

use jiff::Timestamp;

use crate::outcome::{Effect, Status};

/// How a row stands before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The results hold its end.
    Done,
    /// It is to be tried, with what earlier runs did.
    Open(Earlier),
}

/// What earlier runs did for a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The calls that they made.
    pub attempts: u64,
    /// Whether one of them may have taken effect without saying so.
    pub effect: Effect,
    /// What is to be said of the row if this run does not try it; `None` where no run tried it, or none could tell. Its
    /// status leaves no less doubt than `effect`.
    pub result: Option<Box<EarlierResult>>,
}

/// What is known of a row that earlier runs tried, and that is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierResult {
    /// How it ended then.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// The line for a person.
    pub error: String,
    /// From the first call to the last answer.
    pub duration: Duration,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What is said of a row that a run may have sent before it was cut off.
const CUT_OFF: &str = "an earlier run was cut off and may have cancelled it, so look it up in iMocha";

/// A row that was tried: its calls, and how the last run that could tell left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) attempts: u64,
    pub(super) result: EarlierResult,
}

impl Tried {
    /// The same after a run that may have sent the row once more, and did not live to say what came of it. A status
    /// that leaves doubt stays: it says more than that nothing is known.
    pub(super) fn sent_again(self) -> Self {
        let EarlierResult { status, error, .. } = &self.result;
        if status.effect() == Effect::Possible {
            return self;
        }
        let error = if error.is_empty() { CUT_OFF.to_owned() } else { format!("{CUT_OFF}; before that: {error}") };
        Self { result: EarlierResult { status: Status::Unconfirmed, error, ..self.result }, ..self }
    }
}

/// What is known of a row that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// How it ended when it was tried last.
    Tried(Tried),
    /// Nothing but whether it may have been sent.
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
