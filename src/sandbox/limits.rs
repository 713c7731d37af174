//! The numbers among a sandbox's options that could make no sense: a rate limit and an error rate.
//!
//! Each is a type that checks its number when it is made. So nothing that holds one has to check it again.

use std::num::NonZeroU32;
use std::time::Duration;

/// How many calls are let through in how much time.
///
/// The limit works like a bucket that holds `calls` tokens and is refilled evenly over `period`; each call takes one.
/// For example 4 calls in 1 second: after a rest, 4 calls may come at once, and from then on one every 250 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    calls: NonZeroU32,
    interval: Duration,
}

impl RateLimit {
    /// Lets `calls` through in each `period`.
    ///
    /// # Errors
    ///
    /// When the period is so short that less than a nanosecond would be left for each call.
    pub fn new(calls: NonZeroU32, period: Duration) -> Result<Self, InvalidOption> {
        let interval = period / calls.get();
        if interval.is_zero() {
            return Err(InvalidOption::RateLimit { calls, period });
        }
        Ok(Self { calls, interval })
    }

    /// The calls that may come at once after a rest.
    pub(super) const fn burst(self) -> NonZeroU32 {
        self.calls
    }

    /// How long it takes until one more call is let through.
    pub(super) const fn interval(self) -> Duration {
        self.interval
    }
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
