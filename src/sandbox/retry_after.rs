//! How an answer 429 says when to come back: the header `Retry-After`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;

/// The last second that an HTTP date can name, since 1970: it ends the year 9999.
const LAST_DATE: u64 = 253_402_300_799;

/// What the answers 429 of the rate limit have as `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryAfter {
    /// The seconds until a call would be let through, rounded up and at least 1.
    #[default]
    Seconds,
    /// The moment at which a call would be let through, as an HTTP date, rounded up to a second. It is of the clock
    /// that the header `Date` goes by.
    Date,
    /// Nothing: the header is left out.
    None,
}

impl RetryAfter {
    /// The header's value when `wait` is left at the moment `now`; `None` when it is left out.
    pub(super) fn value(self, wait: Duration, now: SystemTime) -> Option<HeaderValue> {
        match self {
            Self::Seconds => Some(HeaderValue::from(whole_seconds(wait).max(1))),
            Self::Date => HeaderValue::try_from(httpdate::fmt_http_date(moment_after(wait, now))).ok(),
            Self::None => None,
        }
    }
}

/// Rounds up to whole seconds, the unit of `Retry-After`: a caller who comes back too early is refused again.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// The whole second at which the wait is over, or the last one that can be named.
fn moment_after(wait: Duration, now: SystemTime) -> SystemTime {
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(wait);
    UNIX_EPOCH + Duration::from_secs(whole_seconds(since_1970).min(LAST_DATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(form: RetryAfter, wait: Duration, now: SystemTime) -> Option<String> {
        form.value(wait, now).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let cases = [(0, "1"), (1, "1"), (999, "1"), (1000, "1"), (1001, "2"), (59_500, "60")];
        for (wait_ms, seconds) in cases {
            let wait = Duration::from_millis(wait_ms);
            assert_eq!(said(RetryAfter::Seconds, wait, UNIX_EPOCH).as_deref(), Some(seconds), "{wait_ms} ms");
        }
    }

    #[test]
    fn the_moment_is_rounded_up_and_not_the_wait() {
        let second = httpdate::parse_http_date("Tue, 20 Jan 2026 02:00:00 GMT").unwrap();
        let cases = [(0, 1000, "02:00:01"), (0, 1001, "02:00:02"), (900, 100, "02:00:01"), (900, 1200, "02:00:03")];
        for (now_ms, wait_ms, moment) in cases {
            let (now, wait) = (second + Duration::from_millis(now_ms), Duration::from_millis(wait_ms));
            let date = format!("Tue, 20 Jan 2026 {moment} GMT");
            assert_eq!(said(RetryAfter::Date, wait, now), Some(date), "{wait_ms} ms from {now_ms} ms on");
        }
        let last = "Fri, 31 Dec 9999 23:59:59 GMT";
        assert_eq!(said(RetryAfter::Date, Duration::MAX, second).as_deref(), Some(last));
    }

    #[test]
    fn the_header_can_be_left_out() {
        assert_eq!(said(RetryAfter::None, Duration::from_secs(5), UNIX_EPOCH), None);
    }
}
