//! The limiters that go by time: each decides from the moments of the calls alone.
//!
//! These moments are handed in as the time since the sandbox's start, and never decrease. The limiter for calls in
//! flight is not here: it needs no clock, but has to know when a call ends.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use super::limits::{LimiterKind, RateLimit};

/// Lets calls through, as many as its kind allows.
#[derive(Debug)]
pub(super) enum TimeLimiter {
    Bucket(Bucket),
    FixedWindow(FixedWindow),
    SlidingWindow(SlidingWindow),
}

impl TimeLimiter {
    /// A limiter that has seen no call yet; `None` for a kind that does not go by time.
    pub(super) fn new(limit: RateLimit) -> Option<Self> {
        let bucket = |calls_ahead| Self::Bucket(Bucket::new(limit.interval(), calls_ahead));
        let (calls, period) = (limit.calls(), limit.period());
        match limit.limiter() {
            // The call itself takes one of the tokens; the others may go to calls that come at the same moment.
            LimiterKind::TokenBucket { burst } => Some(bucket(burst.get().saturating_sub(1))),
            LimiterKind::LeakyBucket { burst } => Some(bucket(burst)),
            LimiterKind::FixedWindow => {
                Some(Self::FixedWindow(FixedWindow { calls, period, number: 0, let_through: 0 }))
            }
            LimiterKind::SlidingWindow => {
                Some(Self::SlidingWindow(SlidingWindow { calls, period, let_through: VecDeque::new() }))
            }
            LimiterKind::InFlight => None,
        }
    }

    /// Lets a call through that comes at this moment, or returns how long it is until one would be let through.
    pub(super) fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        match self {
            Self::Bucket(bucket) => bucket.admit(now),
            Self::FixedWindow(window) => window.admit(now),
            Self::SlidingWindow(window) => window.admit(now),
        }
    }
}

/// A token bucket or a leaky bucket: what the one lacks is what the other holds, so one number does for both. It is
/// kept as the moment at which the token bucket is full again, and the leaky bucket empty.
#[derive(Debug)]
pub(super) struct Bucket {
    /// How long one call takes to be made up for.
    interval: Duration,
    /// A call is let through when all before it are made up for within this time.
    leeway: Duration,
    even_at: Duration,
}

impl Bucket {
    fn new(interval: Duration, calls_ahead: u32) -> Self {
        Self { interval, leeway: interval.saturating_mul(calls_ahead), even_at: Duration::ZERO }
    }

    fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let wait = self.even_at.saturating_sub(now).saturating_sub(self.leeway);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.even_at = self.even_at.max(now).saturating_add(self.interval);
        Ok(())
    }
}

/// Counts the calls of the window that is now; windows follow each other from the start without a gap.
#[derive(Debug)]
pub(super) struct FixedWindow {
    calls: NonZeroU32,
    period: Duration,
    /// Which window the count is for.
    number: u128,
    let_through: u32,
}

impl FixedWindow {
    fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let (now, period) = (now.as_nanos(), self.period.as_nanos().max(1));
        let number = now / period;
        if number != self.number {
            (self.number, self.let_through) = (number, 0);
        }
        if self.let_through >= self.calls.get() {
            let since_its_start = u64::try_from(now % period).unwrap_or(u64::MAX);
            return Err(self.period.saturating_sub(Duration::from_nanos(since_its_start)));
        }
        self.let_through = self.let_through.saturating_add(1);
        Ok(())
    }
}

/// Remembers the moments of the calls that it let through in the last period, so it takes memory for each of them.
#[derive(Debug)]
pub(super) struct SlidingWindow {
    calls: NonZeroU32,
    period: Duration,
    let_through: VecDeque<Duration>,
}

impl SlidingWindow {
    fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let wait_for = |earlier: &Duration| earlier.saturating_add(self.period).saturating_sub(now);
        while self.let_through.front().is_some_and(|oldest| wait_for(oldest).is_zero()) {
            self.let_through.pop_front();
        }
        let has_room = u32::try_from(self.let_through.len()).is_ok_and(|count| count < self.calls.get());
        match self.let_through.front() {
            Some(oldest) if !has_room => Err(wait_for(oldest)),
            _ => {
                self.let_through.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::{Clock, FakeRelativeClock};
    use governor::{Quota, RateLimiter};

    use super::*;

    /// A limiter of 4 calls in a second.
    fn of(kind: LimiterKind) -> TimeLimiter {
        let limit = RateLimit::new(NonZeroU32::new(4).unwrap(), Duration::from_secs(1)).unwrap();
        TimeLimiter::new(limit.with_limiter(kind)).unwrap()
    }

    fn token_bucket(burst: u32) -> LimiterKind {
        LimiterKind::TokenBucket { burst: NonZeroU32::new(burst).unwrap() }
    }

    /// What calls at these milliseconds are told: 0 when they are let through, else the milliseconds to wait.
    fn waits<const N: usize>(limiter: &mut TimeLimiter, moments: [u64; N]) -> [u128; N] {
        moments.map(|ms| limiter.admit(Duration::from_millis(ms)).err().unwrap_or_default().as_millis())
    }

    #[test]
    fn a_token_bucket_gives_out_its_tokens_and_then_one_each_interval() {
        let mut limiter = of(token_bucket(2));
        assert_eq!(waits(&mut limiter, [0, 0, 0, 249, 250, 250, 499, 500]), [0, 0, 250, 1, 0, 250, 1, 0]);
        // After a rest it is full, and not fuller than that.
        assert_eq!(waits(&mut limiter, [9000, 9000, 9000, 9100]), [0, 0, 250, 150]);
    }

    #[test]
    fn a_token_bucket_decides_as_the_governor_of_the_pace_does() {
        for (calls, burst) in [(1, 1), (4, 4), (7, 3), (1000, 50)] {
            let (calls, burst) = (NonZeroU32::new(calls).unwrap(), NonZeroU32::new(burst).unwrap());
            let limit = RateLimit::new(calls, Duration::from_secs(1)).unwrap();
            let mut limiter = TimeLimiter::new(limit.with_limiter(LimiterKind::TokenBucket { burst })).unwrap();
            let quota = Quota::with_period(limit.interval()).unwrap().allow_burst(burst);
            let clock = FakeRelativeClock::default();
            let governor = RateLimiter::direct_with_clock(quota, clock.clone());
            let mut random = fastrand::Rng::with_seed(7);
            let mut now = Duration::ZERO;
            for _ in 0..2000 {
                let step = limit.interval().mul_f64(random.f64() * 1.5);
                clock.advance(step);
                now += step;
                let expected = governor.check().map_err(|not_until| not_until.wait_time_from(clock.now()));
                assert_eq!(limiter.admit(now), expected, "{calls} calls, burst {burst}, at {now:?}");
            }
        }
    }

    #[test]
    fn a_leaky_bucket_takes_its_burst_and_one_call_more() {
        let mut strict = of(LimiterKind::LeakyBucket { burst: 0 });
        assert_eq!(waits(&mut strict, [0, 0, 249, 250, 300]), [0, 250, 1, 0, 200]);
        let mut limiter = of(LimiterKind::LeakyBucket { burst: 1 });
        // The excess before each call: 0, 1, 2, 1.004, 1, 2, 1.2, 1.
        assert_eq!(waits(&mut limiter, [0, 0, 0, 249, 250, 250, 450, 500]), [0, 0, 250, 1, 0, 250, 50, 0]);
        assert_eq!(waits(&mut limiter, [9000, 9000, 9000]), [0, 0, 250]);
    }

    #[test]
    fn a_fixed_window_begins_anew_whatever_was_at_the_end_of_the_last_one() {
        let mut limiter = of(LimiterKind::FixedWindow);
        assert_eq!(waits(&mut limiter, [900, 901, 902, 999, 999, 1000]), [0, 0, 0, 0, 1, 0]);
        assert_eq!(waits(&mut limiter, [1000, 1001, 1250, 1250, 1999, 2000]), [0, 0, 0, 750, 1, 0]);
        // Windows without a call do not shift the later ones.
        assert_eq!(waits(&mut limiter, [7300, 7300, 7300, 7300, 7300]), [0, 0, 0, 0, 700]);
    }

    #[test]
    fn a_sliding_window_has_no_more_than_its_calls_in_any_period() {
        let mut limiter = of(LimiterKind::SlidingWindow);
        assert_eq!(waits(&mut limiter, [900, 901, 902, 999, 999, 1000]), [0, 0, 0, 0, 901, 900]);
        assert_eq!(waits(&mut limiter, [1899, 1900, 1900, 1901, 1902, 1902]), [1, 0, 1, 0, 0, 97]);
        assert_eq!(waits(&mut limiter, [9000, 9000, 9000, 9000, 9999, 10_000]), [0, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn the_longest_periods_and_the_largest_bursts_are_no_trouble() {
        let limit = RateLimit::new(NonZeroU32::MAX, Duration::MAX).unwrap();
        let kinds = [
            LimiterKind::TokenBucket { burst: NonZeroU32::MAX },
            LimiterKind::LeakyBucket { burst: u32::MAX },
            LimiterKind::FixedWindow,
            LimiterKind::SlidingWindow,
        ];
        for kind in kinds {
            let mut limiter = TimeLimiter::new(limit.with_limiter(kind)).unwrap();
            for now in [Duration::ZERO, Duration::from_secs(1), Duration::MAX, Duration::MAX] {
                assert_eq!(limiter.admit(now), Ok(()), "{kind:?}");
            }
        }
        let mut single = TimeLimiter::new(RateLimit::new(NonZeroU32::MIN, Duration::MAX).unwrap()).unwrap();
        assert_eq!((single.admit(Duration::ZERO), single.admit(Duration::ZERO)), (Ok(()), Err(Duration::MAX)));
    }
}
