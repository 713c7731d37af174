//! The numbers among a sandbox's options that could make no sense: a rate limit and an error rate.
//!
//! Each is a type that checks its number when it is made. So nothing that holds one has to check it again.

use std::num::NonZeroU32;
use std::time::Duration;

use super::retry_after::RetryAfter;

/// How many calls are let through in how much time, by which kind of limiter, and what the others are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    calls: NonZeroU32,
    period: Duration,
    interval: Duration,
    limiter: LimiterKind,
    retry_after: RetryAfter,
}

impl RateLimit {
    /// Lets `calls` through in each `period`, as a token bucket that holds `calls` tokens, and tells the others the
    /// seconds to wait. For example 4 calls in 1 second: after a rest, 4 calls may come at once, and from then on one
    /// every 250 ms.
    ///
    /// # Errors
    ///
    /// When the period is so short that less than a nanosecond would be left for each call.
    pub fn new(calls: NonZeroU32, period: Duration) -> Result<Self, InvalidOption> {
        let interval = period / calls.get();
        if interval.is_zero() {
            return Err(InvalidOption::RateLimit { calls, period });
        }
        let limiter = LimiterKind::TokenBucket { burst: calls };
        Ok(Self { calls, period, interval, limiter, retry_after: RetryAfter::default() })
    }

    /// The same rate, kept by another kind of limiter.
    #[must_use]
    pub const fn with_limiter(self, limiter: LimiterKind) -> Self {
        Self { limiter, ..self }
    }

    /// The same limit with another `Retry-After`.
    #[must_use]
    pub const fn with_retry_after(self, retry_after: RetryAfter) -> Self {
        Self { retry_after, ..self }
    }

    /// The calls of the rate.
    pub(super) const fn calls(self) -> NonZeroU32 {
        self.calls
    }

    /// The time for these calls.
    pub(super) const fn period(self) -> Duration {
        self.period
    }

    /// What keeps the rate.
    pub(super) const fn limiter(self) -> LimiterKind {
        self.limiter
    }

    /// What those beyond the limit are told.
    pub(super) const fn retry_after(self) -> RetryAfter {
        self.retry_after
    }

    /// How long it takes until one more call is let through.
    pub(super) const fn interval(self) -> Duration {
        self.interval
    }
}

/// The kinds of limiters that APIs have. Each answers 429 to the calls that it does not let through; these take nothing
/// from the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimiterKind {
    /// It holds `burst` tokens, refilled evenly at the rate; each call takes one.
    TokenBucket {
        /// The tokens when it is full: so many calls may come at once after a rest.
        burst: NonZeroU32,
    },
    /// It counts the excess, which drains at the rate; a call is let through while the excess is at most `burst`, and
    /// adds one. nginx does so with `limit_req` and `nodelay`.
    LeakyBucket {
        /// The highest excess with which a call is let through: so many calls and one more may come at once.
        burst: u32,
    },
    /// It lets at most the calls of the rate through in each period, counted from the sandbox's start, and none more
    /// until that period ends.
    FixedWindow,
    /// It lets at most the calls of the rate through in any period, and none more until the oldest of them is out of
    /// it.
    SlidingWindow,
    /// It lets at most the calls of the rate be in flight at once, whatever the period: each from its arrival until its
    /// answer leaves, latency included. The others are told to wait for a second.
    InFlight,
}

/// The share of calls that go wrong, from 0 (none) to 1 (all).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct ErrorRate(f64);

impl ErrorRate {
    /// No call goes wrong.
    pub const NEVER: Self = Self(0.0);

    /// Takes a number from 0 to 1.
    ///
    /// # Errors
    ///
    /// When the number is below 0, above 1, or not a number.
    pub fn new(rate: f64) -> Result<Self, InvalidOption> {
        if (0.0..=1.0).contains(&rate) { Ok(Self(rate)) } else { Err(InvalidOption::ErrorRate { rate }) }
    }

    /// The number, from 0 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// Why a number makes no sense as an option.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidOption {
    /// The error rate is not from 0 to 1.
    #[error("an error rate is a number from 0 to 1, not {rate}")]
    ErrorRate {
        /// What was given.
        rate: f64,
    },
    /// The rate limit leaves less than a nanosecond for each call.
    #[error("a rate limit of {calls} calls in {period:?} is no limit")]
    RateLimit {
        /// How many calls were given.
        calls: NonZeroU32,
        /// The time for which they were given.
        period: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_rate_is_a_part_of_a_whole() {
        for rate in [0.0, 0.01, 1.0] {
            assert_eq!(ErrorRate::new(rate).map(ErrorRate::get), Ok(rate));
        }
        for rate in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            assert!(ErrorRate::new(rate).is_err(), "{rate}");
        }
    }

    #[test]
    fn a_rate_limit_leaves_time_for_each_call() {
        let calls = NonZeroU32::new(4).unwrap();
        let limit = RateLimit::new(calls, Duration::from_secs(1)).unwrap();
        assert_eq!(limit.interval(), Duration::from_millis(250));
        assert!(RateLimit::new(calls, Duration::from_nanos(3)).is_err());
    }
}
