//! Lists why a run ends before its last row.

/// Why a run that had begun ended before its last row was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The API key was rejected.
    Unauthorized,
    /// The results could not be written.
    ResultsUnwritable,
    /// The API did not answer for longer than the operator waits.
    Outage,
    /// The API asked for fewer calls for longer than the operator waits.
    RateLimited,
    /// The time that the operator gave the run is over.
    Deadline,
    /// The first answers say that this is the wrong file or account.
    WrongInput,
    /// The operator, or the system, asked the process to end.
    Interrupted(Signal),
    /// This program has a bug: one of its parts panicked.
    Bug,
    /// iMocha's own lists could not be read, so nothing is held against them.
    UnreadableLists,
    /// The input could not be read any further.
    Input,
    /// The input file was changed while it was being read.
    InputChanged,
}

impl StopReason {
    /// The word that the JSON summary gives as `reason`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::ResultsUnwritable => "results_unwritable",
            Self::Outage => "outage",
            Self::RateLimited => "rate_limited",
            Self::Deadline => "deadline",
            Self::WrongInput => "wrong_input",
            Self::Interrupted(_) => "interrupted",
            Self::Bug => "bug",
            Self::UnreadableLists => "unreadable_lists",
            Self::Input => "input",
            Self::InputChanged => "input_changed",
        }
    }
}

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// By Ctrl-C (SIGINT).
    Interrupt,
    /// By the program that supervises it (SIGTERM).
    Terminate,
    /// Because its terminal is gone (SIGHUP).
    HangUp,
}

impl Signal {
    /// The name that the system gives it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }
}

/// Why a run stopped early, with details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The kind of reason.
    pub reason: StopReason,
    /// What happened, as a lowercase sentence without a final period.
    pub detail: String,
}

impl Stop {
    /// This program panicked. The message of the panic is on standard error already, above this.
    pub fn of_panic() -> Self {
        let detail = "this program broke; please report what stands above".to_owned();
        Self { reason: StopReason::Bug, detail }
    }

    /// The stop of a command that had nothing in flight to finish: a signal is told as just that.
    #[must_use]
    pub fn with_nothing_to_finish(self) -> Self {
        match self.reason {
            StopReason::Interrupted(signal) => Self { detail: signal.word().to_owned(), ..self },
            _ => self,
        }
    }
}
