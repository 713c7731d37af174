//! The exit codes: the only place that knows the numbers. They are a contract with cron jobs and scripts.

use crate::outcome::{Signal, StopReason, Summary};

/// Every row is cancelled, a duplicate or filtered; or a command other than `run` did what it was asked.
pub const DONE: u8 = 0;
/// The run finished, and some rows were not cancelled.
pub const ROWS_LEFT: u8 = 1;
/// The run was refused. Nothing was sent.
pub const REFUSED: u8 = 2;
/// The run stopped early.
pub const STOPPED: u8 = 3;

/// Stopped by SIGINT: 128 and the number of the signal, as shells have it.
pub const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM, likewise, or by SIGHUP.
pub const TERMINATED: u8 = 143;

/// The code of a run that stopped early.
pub fn of_stopped(reason: StopReason) -> u8 {
    match reason {
        StopReason::Interrupted(Signal::Interrupt) => INTERRUPTED,
        StopReason::Interrupted(Signal::Terminate | Signal::HangUp) => TERMINATED,
        StopReason::Unauthorized
        | StopReason::Outage
        | StopReason::RateLimited
        | StopReason::Deadline
        | StopReason::WrongInput
        | StopReason::ResultsUnwritable
        | StopReason::Input
        | StopReason::InputChanged
        | StopReason::Bug => STOPPED,
    }
}

/// The code of a run in which every row had its turn.
pub fn of_finished(summary: &Summary) -> u8 {
    if summary.is_well() { DONE } else { ROWS_LEFT }
}
