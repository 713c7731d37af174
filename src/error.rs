//! The errors that refuse a run before anything is sent.
//!
//! A problem with one row is not such an error: it is recorded in that row's result and never stops a run. For a run
//! that has begun, [`StopReason`](crate::outcome::StopReason) says why it stops early.

use std::error::Error;
use std::fmt;

/// A run that did not start, and the sentence that tells the operator why. Nothing was sent.
///
/// The message is a lowercase fragment without a final period. It names file, line and column if there are any. The
/// hint, if there is one, is something that the reader can do now. The message does not repeat the text of `source`:
/// the code that prints the error prints the whole chain.
#[derive(Debug)]
pub struct Refusal {
    /// The kind of cause, for scripts.
    pub cause: Cause,
    /// What is wrong, and where.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The error that caused it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of cause for a refusal. Their words are the `reason` in the JSON summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Flags contradict each other or cannot be read, or the output is also an input.
    Usage,
    /// There is a problem with the input file.
    Input,
    /// No API key, or one that cannot be read.
    NoKey,
    /// The operator did not say yes.
    NotConfirmed,
    /// More invitations than `--max-cancels` allows.
    TooMany,
    /// The input is older than `--max-input-age` allows.
    StaleInput,
    /// The input is not the file that `--expect` names.
    UnexpectedInput,
    /// The results file exists already, or cannot be resumed.
    ResultsExist,
    /// Another run holds the results.
    Locked,
    /// The run to be resumed read its input with other options.
    OptionsChanged,
    /// The results file cannot be created.
    ResultsUnwritable,
    /// The input changed between the survey and the start.
    InputChanged,
    /// A dry run found that the key is rejected.
    Unauthorized,
    /// A dry run could not reach iMocha, or got an answer that makes no sense.
    Outage,
}

impl Cause {
    /// The word for scripts.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Input => "input",
            Self::NoKey => "no_key",
            Self::NotConfirmed => "not_confirmed",
            Self::TooMany => "too_many",
            Self::StaleInput => "stale_input",
            Self::UnexpectedInput => "unexpected_input",
            Self::ResultsExist => "results_exist",
            Self::Locked => "locked",
            Self::OptionsChanged => "options_changed",
            Self::ResultsUnwritable => "results_unwritable",
            Self::InputChanged => "input_changed",
            Self::Unauthorized => "unauthorized",
            Self::Outage => "outage",
        }
    }
}

impl Refusal {
    /// Makes a refusal without a hint.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), hint: None, source: None }
    }

    /// Adds what the reader can do now.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds the error that caused it.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl Refusal {
    /// What caused it, and what caused that.
    pub fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(self.source(), |&cause| cause.source())
    }

    /// The message with its causes, in one line.
    pub fn with_causes(&self) -> String {
        self.causes().fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}
