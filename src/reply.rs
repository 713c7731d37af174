//! What one attempt brought: an answer of the API, or a failure that says whether the request can have left this machine.
//! The client gives it, and the rules judge it.

use std::time::{Duration, SystemTime};

use thiserror::Error;

/// An answer of the API to one attempt.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub http_status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether that is all of the body.
    pub body_end: BodyEnd,
    /// How long the server asked to wait, if it did so in a way that can be read.
    pub retry_after: Option<Duration>,
}

/// How the reading of an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end.
    Complete,
    /// It was longer than what is read of any answer.
    TooLong,
    /// The connection broke, or the time was up, before its end.
    Lost,
}

/// An attempt that brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct Failure {
    /// Whether the request can have reached the API.
    pub sent: Sent,
    /// What happened, as a lowercase fragment. It can hold text from outside, and is cleaned before it is shown.
    pub what: String,
}

/// Whether a request can have left this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not.
    No,
    /// It may have, so it may have taken effect.
    Maybe,
}

/// How long a `Retry-After` asks to wait, seen at `now`: a number of seconds or a date (source: RFC 9110, section
/// 10.2.3). `None` for anything else; a date that is over asks for no wait.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are still a number: it asks to wait for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_or_nothing() {
        let now = httpdate::parse_http_date("Tue, 20 Jan 2026 02:00:00 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Tue, 20 Jan 2026 02:00:30 GMT", Some(30)),
            ("Tuesday, 20-Jan-26 02:00:30 GMT", Some(30)),
            ("Tue, 20 Jan 2026 01:00:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
            ("2026-01-20T02:00:30Z", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
