//! The gate for calls: it lets them through at the rate limit, and tells the others when to come back.

use std::fmt;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::limits::RateLimit;

/// Lets calls through as a [`RateLimit`] allows.
pub(super) struct RateGate {
    bucket: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl RateGate {
    /// A gate that has seen no call yet.
    pub(super) fn new(limit: RateLimit) -> Option<Self> {
        let quota = Quota::with_period(limit.interval())?.allow_burst(limit.burst());
        Some(Self { bucket: RateLimiter::direct(quota), clock: DefaultClock::default() })
    }

    /// Lets a call through, or returns the whole seconds (at least 1) after which it would be let through.
    pub(super) fn admit(&self) -> Result<(), u64> {
        self.bucket.check().map_err(|not_until| whole_seconds(not_until.wait_time_from(self.clock.now())))
    }
}

impl fmt::Debug for RateGate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RateGate").finish_non_exhaustive()
    }
}

/// Rounds up to whole seconds, the unit of `Retry-After`: a caller who comes back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let cases = [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (59_500, 60)];
        for (wait_ms, seconds) in cases {
            assert_eq!(whole_seconds(Duration::from_millis(wait_ms)), seconds, "{wait_ms} ms");
        }
    }

    #[test]
    fn the_bucket_holds_as_many_calls_as_were_named() {
        let limit = RateLimit::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(3600)).unwrap();
        let gate = RateGate::new(limit).unwrap();
        let admitted: Vec<bool> = (0..4).map(|_| gate.admit().is_ok()).collect();
        assert_eq!(admitted, [true, true, true, false]);
        assert_eq!(gate.admit(), Err(1200));
    }
}
