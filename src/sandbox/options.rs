//! What a sandbox is told before it starts: where it listens, which key it takes, and what it does wrong.
//!
//! Numbers that could make no sense are types of [`limits`](super::limits), which checks them.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::faults::Faults;
use super::limits::{ErrorRate, RateLimit};
use super::list_keeper::ListDate;

/// The key that a sandbox takes when the options name no other. It is not a key for the real iMocha.
pub const DEFAULT_API_KEY: &str = "imocha-sandbox-key";

/// How a sandbox behaves. The default is a free port, [`DEFAULT_API_KEY`], and an API that is fast and never fails.
#[derive(Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What a caller must send as `x-api-key`.
    pub api_key: String,
    /// How long each answer is held back. The call itself takes effect when it arrives.
    pub latency: Duration,
    /// How many calls are let through in how much time, by which limiter; `None` lets all of them through.
    pub rate_limit: Option<RateLimit>,
    /// The share of the cancel calls and of the list calls that is answered with 500.
    pub error_rate: ErrorRate,
    /// How long after its cancellation an invitation shows up in the list of cancelled ones. Those whose given state is
    /// Canceled are in the list at once.
    pub list_delay: Duration,
    /// Which date of an invitation must lie in the window of a list call.
    pub list_date: ListDate,
    /// The most entries that a list has: the earliest are in it, and nothing says that others are missing. `None` lists
    /// all.
    pub list_page: Option<NonZeroUsize>,
    /// What else goes wrong, and with which calls.
    pub faults: Faults,
    /// Decides which calls go wrong when only a share of them does: the same seed fails the same calls.
    pub seed: u64,
    /// Whether what is received is kept for [`Sandbox::record`](super::Sandbox::record).
    pub recording: Recording,
    /// A file for what is received, for other processes to read. It must not exist before.
    ///
    /// For each request, one JSON object is written to it, on a line of its own, before the answer leaves:
    ///
    /// | key | value |
    /// | --- | --- |
    /// | `time_ms` | when the request's head had arrived, in milliseconds since the sandbox was started |
    /// | `method`, `path` | as received; the path with its query |
    /// | `id` | the invitation that the request asks to cancel; null for any other request |
    /// | `status` | the answer's status; null when a fault kept the request from getting an answer |
    /// | `applied` | whether this request cancelled the invitation; true for one request an invitation at most |
    /// | `fault` | what the file of [`Faults`] calls the fault that was done to the request; null for none |
    /// | `rule` | the place of its rule in that file, from 1; null for none |
    ///
    /// As in [`Record`](super::Record), a request that broke off is missing. The lines outlive the sandbox, even when
    /// it is killed; they can be lost when the machine fails, because they are not synced to the disk.
    pub record: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: DEFAULT_API_KEY.to_owned(),
            latency: Duration::ZERO,
            rate_limit: None,
            error_rate: ErrorRate::NEVER,
            list_delay: Duration::ZERO,
            list_date: ListDate::default(),
            list_page: None,
            faults: Faults::default(),
            seed: 0,
            recording: Recording::Off,
            record: None,
        }
    }
}

impl fmt::Debug for Options {
    /// Shows everything but the key: an operator may rehearse with a real one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("port", &self.port)
            .field("latency", &self.latency)
            .field("rate_limit", &self.rate_limit)
            .field("error_rate", &self.error_rate)
            .field("list_delay", &self.list_delay)
            .field("list_date", &self.list_date)
            .field("list_page", &self.list_page)
            .field("faults", &self.faults)
            .field("seed", &self.seed)
            .field("recording", &self.recording)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// Whether a sandbox keeps what it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recording {
    /// Nothing is kept.
    #[default]
    Off,
    /// Every request is kept until the sandbox ends. Memory grows with each one, without a bound: for tests.
    On,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_shown() {
        let options = Options { api_key: "a real key".to_owned(), ..Options::default() };
        assert!(!format!("{options:?}").contains("a real key"));
    }
}
