//! The process: what a run or `verify` is doing, and what only its memory holds. A crash takes all of it.

use imocha_cancel::outcome::Status;

use crate::disk::PerRow;

/// Whether a process is at work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Process {
    /// None is.
    Between(Last),
    Run(Run),
    /// `verify` settles rows. It replaces the results as a run does.
    Verify(Step),
}

/// How the last process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Last {
    /// There was none.
    None,
    /// By itself, with a result for every row.
    Ended,
    /// `verify` settled rows.
    Settled,
    /// It was killed in this phase.
    Killed(Phase),
    /// The power went in this phase, and took something that was not synced.
    LostPower(Phase),
}

/// A run under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Run {
    pub(crate) step: Step,
    pub(crate) rows: PerRow<Row>,
}

/// The steps of a run, in their order (`begin` in `src/app/run.rs`, `create` in `src/results/file.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The first line of the run is written to the journal.
    JournalWritten,
    /// It is synced.
    JournalSynced,
    /// The new results are written under another name, with the rows that are done.
    PartWritten,
    /// They are synced.
    PartSynced,
    /// They have their name.
    Renamed,
    /// The name is durable, and calls are made.
    Calling,
}

/// A row of the input within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    /// An earlier run has its final result.
    Done,
    /// This run has not called for it. It stands as earlier runs left it; `None` if they left nothing.
    Waiting(Option<Status>),
    /// It is to be called again, and stands so.
    BackingOff(Option<Status>),
    /// A call is in flight. Before it, the row stood so.
    InFlight(Option<Status>),
    /// It has ended so, and the recorder is still to write it.
    Ended(Status),
    /// The results have it.
    Recorded,
}

/// What a process was doing when it was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// A run had not begun to call, and was at this step.
    Beginning(Step),
    /// A mark was written, and not synced.
    Marking,
    /// A call was in flight.
    InFlight,
    /// A row had ended, and was not written yet.
    Ended,
    /// A row was written, and not synced.
    Recorded,
    /// A run was at none of these.
    Quiet,
    /// `verify` was at this step.
    Settling(Step),
    /// No process was at work.
    Between,
}
