//! What a sandbox is told before it starts: where it listens, which key it takes, and how fast it is.

use std::fmt;
use std::time::Duration;

/// The key that a sandbox takes when it is given no other. It opens nothing anywhere else.
pub const DEFAULT_API_KEY: &str = "imocha-sandbox-key";

/// How a sandbox behaves. The default is a free port, [`DEFAULT_API_KEY`], and an API that is fast.
#[derive(Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What a caller must send as `x-api-key`.
    pub api_key: String,
    /// How long each answer is held back. The call itself takes effect when it arrives.
    pub latency: Duration,
    /// Whether what is received is kept for [`Sandbox::record`](super::Sandbox::record).
    pub recording: Recording,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            api_key: DEFAULT_API_KEY.to_owned(),
            latency: Duration::ZERO,
            recording: Recording::Off,
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
            .field("recording", &self.recording)
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
