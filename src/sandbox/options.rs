//! What a sandbox is told before it starts: where it listens, which key it takes, and how it misbehaves.
//!
//! The numbers that could be nonsense are types of [`limits`](super::limits), checked before they come here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::faults::Faults;
use super::limits::{ErrorRate, RateLimit};

/// The key that a sandbox takes when it is given no other. It opens nothing anywhere else.
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
    /// How many calls are let through; `None` lets all of them through.
    pub rate_limit: Option<RateLimit>,
    /// The part of the cancel calls that is answered with 500.
    pub error_rate: ErrorRate,
    /// What goes wrong besides, and when.
    pub faults: Faults,
    /// Decides which of the calls are the ones that go wrong, where a part of them does.
    pub seed: u64,
    /// Whether what is received is kept for [`Sandbox::record`](super::Sandbox::record).
    pub recording: Recording,
    /// A file for what is received, which must not exist before; for those who cannot ask the sandbox itself.
    ///
    /// It grows with each request, by one JSON object on a line of its own, before the answer leaves:
    ///
    /// | key | value |
    /// | --- | --- |
    /// | `time_ms` | when the request's head had arrived, in milliseconds since the sandbox was started |
    /// | `method`, `path` | as received; the path with its query |
    /// | `id` | the invitation that it is to cancel; null for any other request |
    /// | `status` | the answer's; null where a fault left it without one |
    /// | `applied` | whether it cancelled the invitation: true once for each invitation at most |
    /// | `fault`, `rule` | the fault that befell it, such as `reset`, and its rule's place among [`Faults`], from 1; null for none |
    ///
    /// As in [`Record`](super::Record), a request that broke off is missing. What is on disk survives the sandbox, not
    /// the machine.
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
            faults: Faults::default(),
            seed: 0,
            recording: Recording::Off,
            record: None,
        }
    }
}

impl fmt::Debug for Options {
    /// Shows everything but the key: someone will rehearse with a real one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("port", &self.port)
            .field("latency", &self.latency)
            .field("rate_limit", &self.rate_limit)
            .field("error_rate", &self.error_rate)
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
