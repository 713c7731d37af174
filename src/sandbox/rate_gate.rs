//! The gate for calls: it lets them through as the rate limit allows, and tells the others when to come back.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::RateLimit;
use super::retry_after::RetryAfter;
use super::time_limiter::TimeLimiter;

/// What a caller is told to wait for when too many calls are in flight: nobody knows when one of them ends. Chosen by
/// us.
const IN_FLIGHT_WAIT: Duration = Duration::from_secs(1);

/// Lets calls through as a [`RateLimit`] allows.
///
/// Each sandbox with a rate limit has one. It can also be asked without a server, by whoever has a clock of their own.
#[derive(Debug)]
pub struct RateGate {
    started: Instant,
    limits: GateLimits,
    retry_after: RetryAfter,
}

#[derive(Debug)]
enum GateLimits {
    OverTime(Mutex<TimeLimiter>),
    /// A permit for each call that may be in flight.
    InFlight(Arc<Semaphore>),
}

/// What a call that was let through holds until its answer leaves.
#[derive(Debug)]
pub struct Passage {
    _permit: Option<OwnedSemaphorePermit>,
}

impl RateGate {
    /// A gate that has seen no call yet. It counts time from now on.
    pub fn new(limit: RateLimit) -> Self {
        let in_flight = || GateLimits::InFlight(Arc::new(Semaphore::new(permits(limit.calls()))));
        let over_time = TimeLimiter::new(limit).map(|limiter| GateLimits::OverTime(Mutex::new(limiter)));
        let limits = over_time.unwrap_or_else(in_flight);
        Self { started: Instant::now(), limits, retry_after: limit.retry_after() }
    }

    /// Lets a call through, or returns the `Retry-After` for it, if it gets one.
    pub(super) fn admit(&self) -> Result<Passage, Option<HeaderValue>> {
        self.admit_at(self.started.elapsed(), SystemTime::now())
    }

    /// Lets a call through that comes so long after the gate's start, a time that never decreases, and at this moment of
    /// the clock on the wall.
    ///
    /// # Errors
    ///
    /// When the call is beyond the limit: with the `Retry-After` for it, if it gets one.
    pub fn admit_at(&self, since_start: Duration, now: SystemTime) -> Result<Passage, Option<HeaderValue>> {
        self.admit_after(since_start).map_err(|wait| self.retry_after.value(wait, now))
    }

    /// Lets a call through that comes so long after the start, or returns how long it has to wait.
    fn admit_after(&self, now: Duration) -> Result<Passage, Duration> {
        let permit = match &self.limits {
            GateLimits::OverTime(limiter) => {
                limiter.lock().unwrap_or_else(PoisonError::into_inner).admit(now)?;
                None
            }
            GateLimits::InFlight(semaphore) => {
                Some(Arc::clone(semaphore).try_acquire_owned().map_err(|_none_left| IN_FLIGHT_WAIT)?)
            }
        };
        Ok(Passage { _permit: permit })
    }
}

/// The permits for so many calls; a semaphore holds a bounded number of them.
fn permits(calls: NonZeroU32) -> usize {
    usize::try_from(calls.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::super::limits::LimiterKind;
    use super::*;

    fn hourly(calls: u32) -> RateLimit {
        RateLimit::new(NonZeroU32::new(calls).unwrap(), Duration::from_secs(3600)).unwrap()
    }

    #[test]
    fn the_bucket_holds_as_many_calls_as_were_named() {
        let gate = RateGate::new(hourly(3));
        let admitted: Vec<bool> = (0..4).map(|_| gate.admit().is_ok()).collect();
        assert_eq!(admitted, [true, true, true, false]);
        assert_eq!(gate.admit().unwrap_err().unwrap(), "1200");
    }

    #[test]
    fn calls_in_flight_are_counted_until_their_answers_leave_and_time_does_not_matter() {
        let gate = RateGate::new(hourly(2).with_limiter(LimiterKind::InFlight));
        let (first, _second) = (gate.admit_after(Duration::ZERO).unwrap(), gate.admit_after(Duration::ZERO).unwrap());
        for now in [Duration::ZERO, Duration::from_secs(9000)] {
            assert_eq!(gate.admit_after(now).unwrap_err(), Duration::from_secs(1));
        }
        drop(first);
        let _third = gate.admit_after(Duration::ZERO).unwrap();
        assert_eq!(gate.admit().unwrap_err().unwrap(), "1");
        assert!(RateGate::new(RateLimit::new(NonZeroU32::MAX, Duration::MAX).unwrap()).admit().is_ok());
    }
}
