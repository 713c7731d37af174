//! When the next call may leave. One throttle serves the whole process, and every call takes a permit from it.
//!
//! The ceiling holds in *any* window of a second or more, not only on average, and the calls are evenly spaced. Both at
//! once need a word on timers, which wake late by a millisecond or so. A late call must not push all that follow it,
//! or the rate falls short (by 17 % at 1,000 calls a second); so a call may leave up to `SLACK` before its turn, if
//! earlier ones were late. For that the turns lie a little further apart than the rate asks, by `STRETCH_THOUSANDTHS`: whatever
//! the timers do, the calls of one second then fit the rate.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;

use crate::config::Rate;

/// How far before its turn a call may leave. A timer is late by 1 to 2 ms (tokio's step is 1 ms), and by some more on a
/// busy machine. Measured on two busy cores at 1,000 calls a second: 2 ms of slack lose 9 % of the calls, 5 ms 1 %.
const SLACK: Duration = Duration::from_millis(5);
/// How much further apart the turns lie, in thousandths: 5 ms in a second cover `SLACK`.
const STRETCH_THOUSANDTHS: u32 = 5;
/// The limiter counts in cells of about this length, so that `SLACK` can be shorter than the time between two calls.
const CELL: Duration = Duration::from_millis(1);

/// The clock of the runtime, so that tests can pause it.
#[derive(Debug, Clone, Copy, Default)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Instant>>;

/// Hands out permits for calls, in the order in which they were asked for.
#[derive(Debug)]
pub struct Throttle {
    /// `None` is no limit. The lock is a queue: one caller at a time waits for its turn, the others for theirs. With a
    /// timer for each of them, all would wake for each turn.
    pace: Option<Mutex<Pace>>,
}

#[derive(Debug)]
struct Pace {
    limiter: Limiter,
    /// What one call costs.
    cells: NonZeroU32,
}

impl Throttle {
    /// A throttle that keeps to `rate`. The first permit is free at once.
    pub fn new(rate: Rate) -> Self {
        let pace = match rate {
            Rate::Unlimited => None,
            Rate::Limited { calls, period } => Some(Mutex::new(Pace::new(period / calls.get()))),
        };
        Self { pace }
    }

    /// Waits until the next call may leave.
    ///
    /// # Cancel safety
    ///
    /// A caller that gives up the wait takes no permit.
    pub async fn permit(&self) {
        if let Some(pace) = &self.pace {
            pace.lock().await.permit().await;
        }
    }
}

impl Pace {
    fn new(interval: Duration) -> Self {
        let stretched = interval + interval * STRETCH_THOUSANDTHS / 1000;
        let cells = one_at_least(stretched.as_nanos() / CELL.as_nanos());
        let cell = (stretched / cells.get()).max(Duration::from_nanos(1));
        let slack = u32::try_from(SLACK.as_nanos() / cell.as_nanos()).unwrap_or(u32::MAX);
        #[expect(clippy::expect_used, reason = "a quota's only error is a period of zero")]
        let quota = Quota::with_period(cell).expect("a cell lasts a nanosecond or more");
        let quota = quota.allow_burst(cells.saturating_add(slack));
        Self { limiter: Limiter::direct_with_clock(quota, RuntimeClock), cells }
    }

    async fn permit(&mut self) {
        // The outer error says that a call costs more cells than the quota can hold, which `new` rules out.
        while let Ok(Err(not_until)) = self.limiter.check_n(self.cells) {
            tokio::time::sleep(not_until.wait_time_from(RuntimeClock.now())).await;
        }
    }
}

fn one_at_least(number: u128) -> NonZeroU32 {
    u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// When each of `calls` permits is given, with a paused clock that steps by whole milliseconds as the real one does.
    async fn permits(rate: &str, calls: u32) -> Vec<Instant> {
        let throttle = Throttle::new(rate.parse().unwrap());
        let mut given = Vec::new();
        for _ in 0..calls {
            throttle.permit().await;
            given.push(Instant::now());
        }
        given
    }

    fn span(given: &[Instant]) -> Duration {
        given.last().unwrap().duration_since(given[0])
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_calls_than_the_rate_and_nearly_as_many_are_made() {
        for per_second in [1_u32, 3, 5, 10, 20, 21, 100, 333, 1000, 5000, 20_000] {
            let started = Instant::now();
            let given = permits(&format!("{per_second}/s"), per_second * 4 + 1).await;
            assert_eq!(given[0], started, "the first call need not wait");
            for second in given.windows(usize::try_from(per_second).unwrap() + 1) {
                assert!(span(second) >= Duration::from_secs(1), "{per_second}/s: one more in {:?}", span(second));
            }
            assert!(
                span(&given) < Duration::from_millis(4025),
                "{per_second}/s: as many as in 4 s in {:?}",
                span(&given)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_evenly_spaced_over_any_period() {
        for (rate, interval_ms) in [("5/s", 200), ("300/m", 200), ("5/15s", 3000), ("10000/h", 360), ("1/h", 3_600_000)]
        {
            let interval = Duration::from_millis(interval_ms);
            for pair in permits(rate, 6).await.windows(2) {
                assert!(span(pair) + SLACK >= interval, "{rate}: {:?}", span(pair));
                assert!(
                    span(pair) < interval + interval * (STRETCH_THOUSANDTHS + 1) / 1000 + SLACK,
                    "{rate}: {:?}",
                    span(pair)
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_not_made_up_for_with_a_burst() {
        let throttle = Throttle::new("10/s".parse().unwrap());
        throttle.permit().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let rested = Instant::now();
        for _ in 0..3 {
            throttle.permit().await;
        }
        assert!(rested.elapsed() + SLACK >= Duration::from_millis(200), "{:?}", rested.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_takes_no_permit() {
        let throttle = Throttle::new("1/s".parse().unwrap());
        throttle.permit().await;
        let started = Instant::now();
        let given_up = tokio::time::timeout(Duration::from_millis(500), throttle.permit()).await;
        assert!(given_up.is_err());
        throttle.permit().await;
        assert!(started.elapsed() < Duration::from_millis(1100), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unlimited_throttle_never_waits() {
        assert_eq!(span(&permits("unlimited", 1000).await), Duration::ZERO);
    }
}
