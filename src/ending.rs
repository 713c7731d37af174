//! Lists the ways in which a command ends, and their exit codes. The codes are a contract with cron jobs and scripts;
//! only this file knows the numbers.

use std::process;
use std::process::Termination;

use crate::error::Cause;
use crate::outcome::{Signal, Stop, StopReason, Summary};

/// The ways in which a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every row was dealt with.
    Finished,
    /// It was a dry run. A real one could start, or this is why not.
    Rehearsed(Option<Cause>),
    /// It was `verify`, and it came to its end.
    Verified,
    /// It was `report`, and the page is written.
    Reported,
    /// It ended early.
    Stopped(Stop),
    /// It did not begin.
    Refused(Cause),
}

impl Ending {
    /// The exit code for a run with this ending and these counts.
    pub fn exit_code(&self, summary: &Summary) -> ExitCode {
        match self {
            Self::Finished if summary.is_well() => ExitCode::Done,
            Self::Finished => ExitCode::RowsLeft,
            Self::Rehearsed(None) | Self::Verified | Self::Reported => ExitCode::Done,
            Self::Stopped(stop) => ExitCode::of_stopped(stop.reason),
            Self::Rehearsed(Some(_)) | Self::Refused(_) => ExitCode::Refused,
        }
    }
}

/// The exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Every row is cancelled, a duplicate or filtered; or a command other than `run` succeeded.
    Done,
    /// The run finished, and some rows were not cancelled.
    RowsLeft,
    /// The run was refused. Nothing was sent.
    Refused,
    /// The run stopped early.
    Stopped,
    /// Stopped by SIGINT.
    Interrupted,
    /// Stopped by SIGTERM or SIGHUP.
    Terminated,
}

impl ExitCode {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::RowsLeft, Self::Refused, Self::Stopped, Self::Interrupted, Self::Terminated];

    /// What it says of a run, as README and the manual tell users: without a capital letter and a final period.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "every row is cancelled, duplicate or filtered",
            Self::RowsLeft => "the run finished; some rows were not cancelled",
            Self::Refused => {
                "refused: bad usage, bad input, no key, not confirmed, results file exists, another run holds it. \
                 Nothing was sent"
            }
            Self::Stopped => {
                "stopped early, and --resume goes on: key rejected, outage, quota, deadline, results not writable, \
                 input changed while it was read, or it looks like the wrong file or account"
            }
            Self::Interrupted => {
                "stopped by Ctrl-C (SIGINT): what was in flight was finished and recorded. A second signal leaves at \
                 once, with what is recorded so far, also where nobody reads standard error or standard output"
            }
            Self::Terminated => "the same, by SIGTERM or SIGHUP",
        }
    }

    /// The number. For a signal it is 128 plus the number of the signal, as in shells.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::RowsLeft => 1,
            Self::Refused => 2,
            Self::Stopped => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The code of a run that stopped early.
    pub const fn of_stopped(reason: StopReason) -> Self {
        match reason {
            StopReason::Interrupted(Signal::Interrupt) => Self::Interrupted,
            StopReason::Interrupted(Signal::Terminate | Signal::HangUp) => Self::Terminated,
            StopReason::Unauthorized
            | StopReason::Outage
            | StopReason::RateLimited
            | StopReason::Deadline
            | StopReason::WrongInput
            | StopReason::ResultsUnwritable
            | StopReason::UnreadableLists
            | StopReason::Input
            | StopReason::InputChanged
            | StopReason::Bug => Self::Stopped,
        }
    }
}

impl Termination for ExitCode {
    fn report(self) -> process::ExitCode {
        self.number().into()
    }
}
