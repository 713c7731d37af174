//! Holds the settings of a run. Each is checked once and then trusted. All defaults are in this file, with unit and
//! reason.

mod age;
mod rate;
mod sha256sum;
mod since;

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::{Host, ParseError, Url};

pub use self::age::{length_of_time, parse_age};
pub use self::rate::{DEFAULT_LIST_RATE, Rate, parse_named_rate};
pub use self::sha256sum::Sha256Sum;
pub use self::since::Since;

/// iMocha's live API (source: iMocha's developer documentation, "Cancel Invitation").
pub const DEFAULT_BASE_URL: &str = "https://apiv3.imocha.io";
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

/// The most calls in flight: from 1 to [`MAX_CONCURRENCY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(NonZeroUsize);

impl Concurrency {
    /// Where the operator says nothing. Chosen by us: at 5 calls a second, four cover answers that take up to 0.8 s.
    pub const DEFAULT: Self = Self(NonZeroUsize::MIN.saturating_add(3));
    /// Where the rate is found. (Source: the contract.) At 100 calls a second, they cover answers that take up to 0.3 s.
    pub const TO_FIND_A_RATE: Self = Self(NonZeroUsize::MIN.saturating_add(31));
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

/// Reads a number of rows, calls or the like.
///
/// # Errors
///
/// If the text has anything but digits, or too many of them.
pub fn parse_count(text: &str) -> Result<u64, ConfigError> {
    digits(text).ok_or_else(|| ConfigError::new("it takes a whole number, such as 10"))
}

/// Reads the number of a line, counted from 1.
///
/// # Errors
///
/// If the text is not one.
pub fn parse_line(text: &str) -> Result<NonZeroU64, ConfigError> {
    let line = digits(text).and_then(NonZeroU64::new);
    line.ok_or_else(|| ConfigError::new("lines are counted from 1: it takes a whole number, such as 3"))
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
        let mut url = Url::parse(text).map_err(|fault| ConfigError::new(not_a_url(fault)))?;
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

/// What is wrong with a text that cannot be read as an address.
fn not_a_url(fault: ParseError) -> String {
    let what = match fault {
        ParseError::RelativeUrlWithoutBase => "the https:// in front is missing",
        ParseError::EmptyHost => "the name of the host is missing",
        ParseError::InvalidPort => "the port behind the colon is no number from 0 to 65535",
        _ => "it is no address",
    };
    format!("{what}; it looks like {DEFAULT_BASE_URL}")
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
        if let Some(fault) = wrapping(key) {
            return Err(ConfigError::new(fault));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::new("it has a character that no key has, such as a blank or an umlaut"));
        }
        Ok(Self(SecretString::from(key)))
    }
}

/// What stands around a key that was copied with more than itself; the words never repeat a part of it.
fn wrapping(key: &str) -> Option<&'static str> {
    const QUOTES: [char; 8] = ['"', '\'', '`', '“', '”', '‘', '’', '„'];
    let lower = key.to_lowercase();
    if ["x-api-key", "bearer ", "bearer:", "authorization"].iter().any(|header| lower.starts_with(header)) {
        return Some("it has the name of a header in front: leave the key alone");
    }
    if has_name(key, &QUOTES) {
        return Some(
            "it has NAME= in front, as files of settings have: leave the key alone, without a name and quotes",
        );
    }
    (key.starts_with(QUOTES) || key.ends_with(QUOTES))
        .then_some("it has quotes around it, which are not part of the key: take them out")
}

/// Whether the name of a variable stands in front: one that speaks of a key, is in capitals, or has a quoted value.
fn has_name(key: &str, quotes: &[char]) -> bool {
    // Padding at the end of a key is no value.
    let Some((name, value)) = key.split_once('=').filter(|(_, value)| !value.trim_matches('=').is_empty()) else {
        return false;
    };
    let name = name.trim_start_matches("export ").trim();
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let lower = name.to_lowercase();
    let names_a_key = ["key", "token", "secret"].iter().any(|word| lower.contains(word));
    let is_in_capitals = name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    is_name && (names_a_key || is_in_capitals || value.trim().starts_with(quotes))
}

#[cfg(test)]
mod tests;
