//! The errors that refuse a run before anything is sent.
//!
//! What is wrong with one row is not here: it is recorded in that row's result and never stops a run. Why a run that
//! has begun stops early is [`StopReason`](crate::outcome::StopReason).

use std::error::Error;
use std::fmt;

/// A run that did not start, and the sentence that tells the operator why. Nothing was sent.
///
/// The message is a lowercase fragment without a final period that names file, line and column where there are any;
/// the hint, where there is one, is an action that the reader can take now. The text of `source` is not repeated in
/// the message: whoever prints the error prints the chain.
#[derive(Debug)]
pub struct Refusal {
    /// The kind of cause, for scripts.
    pub cause: Cause,
    /// What is wrong, and where.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The error beneath.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of cause for a refusal: the words that the JSON summary gives as `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Flags that contradict each other or cannot be read, and output equal to input.
    Usage,
    /// What is wrong in or with the input file.
    Input,
    /// No API key, or one that cannot be read.
    NoKey,
    /// The operator did not say yes.
    NotConfirmed,
    /// More invitations than `--max-cancels` allows.
    TooMany,
    /// The input is older than `--max-input-age` allows.
    StaleInput,
    /// The results file is there already, or cannot be resumed.
    ResultsExist,
    /// Another run holds the results.
    Locked,
    /// The run that is to be resumed read its input otherwise.
    OptionsChanged,
    /// The results file cannot be made.
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
    /// A refusal without a hint.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), hint: None, source: None }
    }

    /// Adds what the reader can do now.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds the error beneath.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
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
