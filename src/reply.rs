//! The result of one attempt: an answer of the API, or a failure that says whether the request may have left this
//! machine. The client returns it, and the rules judge it.

use std::time::{Duration, SystemTime};

use thiserror::Error;

/// An answer of the API to one attempt.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub http_status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether this is the whole body.
    pub body_end: BodyEnd,
    /// How long the server asked to wait, if it said so in a readable way.
    pub retry_after: Option<Duration>,
}

/// How the reading of an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end.
    Complete,
    /// It was longer than the limit for answers.
    TooLong,
    /// The connection broke, or the time was up, before its end.
    Lost,
}

/// An attempt without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct Failure {
    /// Whether the request may have reached the API.
    pub sent: Sent,
    /// What happened, as a lowercase fragment. It can contain text from outside, and is cleaned before it is shown.
    pub what: String,
}

/// Whether a request may have left this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not.
    No,
    /// It may have, so it may have taken effect.
    Maybe,
}

/// How long a `Retry-After` asks to wait from `now` on: a number of seconds or a date (source: RFC 9110, section
/// 10.2.3). `None` for any other text; a date in the past means no wait.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large to store is still a number: it asks to wait for ever.
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
