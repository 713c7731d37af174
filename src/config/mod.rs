//! Holds the settings of a run. Each is checked once and then trusted. All defaults are in this file, with unit and
//! reason.

mod since;

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::{Host, Url};

pub use self::since::Since;

/// iMocha's live API (source: iMocha's developer documentation, "Cancel Invitation").
pub const DEFAULT_BASE_URL: &str = "https://apiv3.imocha.io";
/// Calls a second, at the most. Chosen by us: iMocha does not publish its limit, and public clients behave as if it were
/// low.
const DEFAULT_CALLS_A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// List calls: one in fifteen seconds (source: a public client of the API waits as long between two of them). Lists are
/// heavy for whoever makes them.
pub const DEFAULT_LIST_RATE: &str = "1/15s";
/// The same as a time.
const LIST_INTERVAL: Duration = Duration::from_secs(15);
/// Calls in flight at once. Chosen by us: at 5 calls a second, four cover answers that take up to 0.8 s.
pub const DEFAULT_CONCURRENCY: &str = "4";
/// The largest number of calls in flight that can be set. Each call has an open connection; a thousand fit into the
/// usual limit of 1,024 open files.
pub const MAX_CONCURRENCY: usize = 1000;
/// The time for one attempt. Chosen by us: gateways usually give up after 30 s, so no answer comes later.
pub const DEFAULT_TIMEOUT: &str = "30s";
/// The attempts for one row. Chosen by us: with the back-off they take about ten seconds, enough for a gateway to
/// restart. A longer failure is an outage, and uses up no attempts.
pub const DEFAULT_MAX_ATTEMPTS: &str = "5";
/// The largest number of attempts that can be set.
pub const MAX_ATTEMPTS: usize = 100;
/// How long to wait for an API that is down. (Source: the contract.)
pub const DEFAULT_MAX_OUTAGE: &str = "10m";
/// The longest wait that can be set: nobody waits more than a month for a run.
pub const MAX_PATIENCE: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// The shortest time for one attempt: with less, calls that arrive would be in doubt.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// The longest time for one attempt.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// The slowest rate: one call a day.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest API key, in bytes. Chosen by us: real keys have a few dozen characters, so a longer text comes from the
/// wrong file.
const MAX_KEY_BYTES: usize = 4096;

/// How a run calls the API.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of the API.
    pub base_url: BaseUrl,
    /// The most calls in a given time, for the whole process.
    pub rate: Rate,
    /// The most calls in flight.
    pub concurrency: Concurrency,
    /// The time for one attempt, from making the connection to the last byte of the answer.
    pub timeout: Timeout,
}

/// A setting that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The most calls in a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit: as fast as the API answers.
    Unlimited,
    /// At most `calls` in each `period`.
    Limited {
        /// The number of calls.
        calls: NonZeroU32,
        /// The time for these calls.
        period: Duration,
    },
}

impl Rate {
    /// The ceiling where the operator names none.
    pub const DEFAULT: Self = Self::Limited { calls: DEFAULT_CALLS_A_SECOND, period: Duration::from_secs(1) };
    /// The ceiling on list calls where the operator names none.
    pub const OF_LISTS: Self = Self::Limited { calls: NonZeroU32::MIN, period: LIST_INTERVAL };

    /// How long `calls` calls take at this rate, at the least.
    pub fn time_for(self, calls: u64) -> Duration {
        match self {
            Self::Unlimited => Duration::ZERO,
            Self::Limited { calls: most, period } => {
                let gaps = calls.saturating_sub(1);
                let nanos = period.as_nanos().saturating_mul(u128::from(gaps)) / u128::from(most.get());
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }

    /// The most calls that fit into `time`; `usize::MAX` without a limit.
    pub fn calls_within(self, time: Duration) -> usize {
        match self {
            Self::Unlimited => usize::MAX,
            Self::Limited { calls, period } => {
                let calls = u128::from(calls.get()) * time.as_nanos() / period.as_nanos().max(1);
                usize::try_from(calls).unwrap_or(usize::MAX)
            }
        }
    }
}

impl FromStr for Rate {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let unreadable = || ConfigError::new("a rate looks like 5/s, 300/m, 10000/h, 5/15s or unlimited");
        let (calls, period) = text.split_once('/').ok_or_else(unreadable)?;
        let calls = digits(calls).and_then(|calls| u32::try_from(calls).ok()).ok_or_else(unreadable)?;
        let calls = NonZeroU32::new(calls).ok_or_else(|| ConfigError::new("a rate of 0 would never send anything"))?;
        let period = match period {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(60 * 60),
            _ => parse_age(period).map_err(|_unreadable| unreadable())?,
        };
        let interval = period / calls.get();
        if interval.is_zero() {
            return Err(ConfigError::new("a rate above one call a nanosecond is `unlimited`"));
        }
        if interval > MAX_INTERVAL {
            return Err(ConfigError::new("the slowest rate is one call a day"));
        }
        Ok(Self::Limited { calls, period })
    }
}

/// The most calls in flight: from 1 to [`MAX_CONCURRENCY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(NonZeroUsize);

impl Concurrency {
    /// One call at a time.
    pub const ONE: Self = Self(NonZeroUsize::MIN);

    /// The number.
    pub fn get(self) -> usize {
        self.0.get()
    }
}

impl FromStr for Concurrency {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        one_to(text, MAX_CONCURRENCY)
            .map(Self)
            .ok_or_else(|| ConfigError::new(format!("the concurrency is a whole number from 1 to {MAX_CONCURRENCY}")))
    }
}

/// How often one row is tried: from 1 to [`MAX_ATTEMPTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAttempts(NonZeroUsize);

impl MaxAttempts {
    /// The number.
    pub fn get(self) -> usize {
        self.0.get()
    }
}

impl Default for MaxAttempts {
    /// [`DEFAULT_MAX_ATTEMPTS`].
    fn default() -> Self {
        DEFAULT_MAX_ATTEMPTS.parse().unwrap_or(Self(NonZeroUsize::MIN))
    }
}

impl FromStr for MaxAttempts {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        one_to(text, MAX_ATTEMPTS).map(Self).ok_or_else(|| {
            ConfigError::new(format!("the number of attempts is a whole number from 1 to {MAX_ATTEMPTS}"))
        })
    }
}

/// How long to wait for something that may never come: at most [`MAX_PATIENCE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(Duration);

impl Patience {
    /// The time.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Patience {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let patience = parse_age(text)?;
        if patience <= MAX_PATIENCE { Ok(Self(patience)) } else { Err(ConfigError::new("the longest wait is 31 days")) }
    }
}

/// The time for one attempt: from [`MIN_TIMEOUT`] to [`MAX_TIMEOUT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    /// The time.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Timeout {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let timeout = parse_age(text)?;
        if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
            Ok(Self(timeout))
        } else {
            Err(ConfigError::new("the time for one attempt lies between 100ms and 10m"))
        }
    }
}

/// Reads an age or a duration such as `90s`, `10m`, `2h`, `7d`.
///
/// # Errors
///
/// If the text is not a number with a unit.
pub fn parse_age(text: &str) -> Result<Duration, ConfigError> {
    humantime::parse_duration(text)
        .map_err(|source| ConfigError::new(format!("{source}; an age looks like 90s, 10m, 2h or 7d")))
}

/// Reads a number of rows, calls or the like.
///
/// # Errors
///
/// If the text has anything but digits, or too many of them.
pub fn parse_count(text: &str) -> Result<u64, ConfigError> {
    digits(text).ok_or_else(|| ConfigError::new("it takes a whole number, such as 10"))
}

/// Reads a port number.
///
/// # Errors
///
/// If the text is not one.
pub fn parse_port(text: &str) -> Result<u16, ConfigError> {
    let port = digits(text).and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| ConfigError::new("a port is a whole number from 0 to 65535"))
}

/// Reads a whole number from 1 to `most`.
fn one_to(text: &str, most: usize) -> Option<NonZeroUsize> {
    let number = usize::try_from(digits(text)?).ok()?;
    NonZeroUsize::new(number).filter(|number| number.get() <= most)
}

/// Reads a number of digits only: the standard parser would also accept a sign.
fn digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The address of the API. It may be https anywhere, but http only on a loopback address, where nobody can listen in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The address, without a slash at its end.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The host, and the port unless it is the usual one: what an operator recognises.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Whether calls are unencrypted, which is allowed only to this machine.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl FromStr for BaseUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let mut url = Url::parse(text)
            .map_err(|source| ConfigError::new(format!("{source}; it looks like {DEFAULT_BASE_URL}")))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(ConfigError::new(
                    "plain http would send the API key in clear: use https (http is for 127.0.0.1)",
                ));
            }
            _ => return Err(ConfigError::new(format!("only https will do; it looks like {DEFAULT_BASE_URL}"))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::new("leave the user and the password out of the address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::new("leave out what follows `?` or `#`"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// The API key. It cannot be printed: its debug form is a placeholder, and its memory is wiped when it is dropped.
#[derive(Debug, Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// The key itself, for the header that carries it and for the search that masks it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for ApiKey {
    type Err = ConfigError;

    /// Reads the key from a text of one line, without the blanks around it. No error contains the text.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let key = text.trim_start_matches('\u{feff}').trim();
        if key.is_empty() {
            return Err(ConfigError::new("it is empty"));
        }
        if key.lines().count() > 1 {
            return Err(ConfigError::new("it has more than one line; it should hold the key alone"));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(ConfigError::new(format!(
                "it is longer than {MAX_KEY_BYTES} bytes; it should hold the key alone"
            )));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::new("it has a character that no key has, such as a blank or an umlaut"));
        }
        Ok(Self(SecretString::from(key)))
    }
}

#[cfg(test)]
mod tests;
