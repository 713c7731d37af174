//! What is said between the calls and the throttle: may a call leave, what came of it, and what is to be done.

use std::time::Duration;

use tokio::time::Instant;

use super::troubles::Streak;
use crate::outcome::Stop;

/// What one call says about the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered for itself, whatever it said.
    Answered,
    /// It asked for fewer calls (429), for so long if it said how long.
    Limited(Option<Duration>),
    /// It failed (5xx), or gave no answer.
    Failed,
    /// No connection could be made.
    Unreachable,
}

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A row among others.
    Ordinary,
    /// The one row that looks whether this outage is over.
    Probe(Streak),
}

/// The right to make one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Who makes it.
    pub role: Role,
    /// How many calls began before it.
    pub(super) number: u64,
}

/// Whether there are rows that were not tried yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untried {
    /// There may be some.
    Left,
    /// All rows of the input have had their turn.
    None,
}

/// What is to be done with a row after its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// It goes on as the verdict on its call says.
    GoOn,
    /// It is tried again, after its back-off and this long.
    BackOff(Duration),
    /// It is tried again when all others are: the API is down.
    Queue,
    /// It has used up its attempts, unless this series of failures turns out to be an outage. It is tried again when
    /// nothing has been answered until its back-off is over.
    AwaitEnd(Streak),
    /// It ends as its last call left it.
    End,
    /// No further call may leave.
    Stop(Stop),
}

/// What change a sign made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A pause began that was not there, so the calls were too fast.
    Paused,
    /// A pause turns out to have been for the sake of one row.
    Absolved,
    OutageBegan,
    OutageEnded,
    /// Nothing is left but rows that fail, and they are given up.
    OutageCalledOff,
    /// A series of failures ended that was no outage.
    SeriesEnded,
}

/// When a call may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MayCall {
    Now(Permit),
    At(Instant),
    /// When something changes.
    Later,
}
