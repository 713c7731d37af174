//! The words between the calls and the throttle: whether a call may start, how it ended, and what to do with its row.

use std::time::Duration;

use tokio::time::Instant;

use super::troubles::Streak;
use crate::outcome::Stop;

/// What one call says about the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The API answered, whatever it said.
    Answered,
    /// The API asked for fewer calls (429, or 503 with `Retry-After`); with the wait that it asked for, if any.
    Limited(Option<Duration>),
    /// The API failed (5xx), or gave no answer.
    Failed,
    /// No connection could be made.
    Unreachable,
}

/// The role of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is a call like any other.
    Ordinary,
    /// It is the one call that checks whether this outage is over.
    Probe(Streak),
}

/// The right to make one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// The role of the call.
    pub role: Role,
    /// How many calls began before this one.
    pub(super) number: u64,
    /// When it was given.
    pub(super) at: Instant,
}

/// Whether there are rows that were not tried yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untried {
    /// There may be some.
    Left,
    /// All rows of the input have had their turn.
    None,
}

/// What to do with a row after its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Follow the verdict on the call.
    GoOn,
    /// Try it again, after its back-off and this additional time.
    BackOff(Duration),
    /// Put it back into the queue: the API is down, and the row is tried again in its turn.
    Queue,
    /// The row has used up its attempts, unless this series of failures turns out to be an outage. Wait until that is
    /// known. If it is not known when the back-off is over, try the row again.
    AwaitEnd(Streak),
    /// End the row with the result of its last call.
    End,
    /// Stop the run: no further call may start.
    Stop(Stop),
}

/// An API that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down {
    /// When it began to fail.
    pub since: Instant,
    /// When a call looks whether it is back. A time in the past means that one is looking.
    pub next_look: Instant,
    /// When the run stops because of it.
    pub gives_up: Instant,
}

/// How a sign changed the weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A pause began while there was none, so the calls were too fast.
    Paused,
    /// The cause of a pause turns out to be one row alone.
    Absolved,
    /// A pause lasts longer than it was shown to.
    PausedLonger,
    OutageBegan,
    /// A call found the API still down.
    StillDown,
    OutageEnded,
    /// Only rows that fail are left, and they are given up.
    OutageCalledOff,
    /// A series of failures ended, and it was not an outage.
    SeriesEnded,
}

/// When a call may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MayCall {
    Now(Permit),
    At(Instant),
    /// Not before something changes.
    Later,
}
