//! Spaces the calls evenly, so that a given number of them start in a given time.
//!
//! The limit holds in *any* window of a second or more, not only on average, although timers wake up late by a
//! millisecond or so. If each late call delayed all calls after it, the rate would fall short (by 17 % at 1,000 calls a
//! second). So when earlier calls were late, a call may start up to `SLACK` before its turn. To make up for that, the
//! turns are a little further apart than the rate asks, by `STRETCH_THOUSANDTHS`. Then the calls of one second never
//! exceed the rate, however late the timers are.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// How far before its turn a call may start. A timer is late by 1 to 2 ms (tokio's step is 1 ms), and by more on a busy
/// machine. Measured on two busy cores at 1,000 calls a second: with 2 ms of slack 9 % of the calls are lost, with 5 ms
/// only those that the stretch costs.
pub(super) const SLACK: Duration = Duration::from_millis(5);
/// How much further apart the turns are, in thousandths. 8 ms in a second make up for `SLACK` (5 ms), and for 3 ms by
/// which one call may take longer to reach the server than another. Measured at 5,000 calls a second on two cores: with
/// only 5 ms, one second had 5,008 calls.
pub(super) const STRETCH_THOUSANDTHS: u32 = 8;
/// The limiter counts in cells of about this length, and a call takes as many cells as fit between two calls. So
/// `SLACK` can be shorter than the time between two calls.
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

/// Whether the first call may start at once, or only after an interval, as if a call had just been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Fresh,
    AfterCall,
}

/// Tells each call when its turn is.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: Limiter,
    /// How many cells one call takes.
    cells: NonZeroU32,
}

impl Pace {
    /// Makes a pace of one call in each `interval`.
    pub(super) fn new(interval: Duration, start: Start) -> Self {
        let stretched = interval + interval * STRETCH_THOUSANDTHS / 1000;
        let cells = one_at_least(stretched.as_nanos() / CELL.as_nanos());
        let cell = (stretched / cells.get()).max(Duration::from_nanos(1));
        let slack = u32::try_from(SLACK.as_nanos() / cell.as_nanos()).unwrap_or(u32::MAX);
        #[expect(clippy::expect_used, reason = "a quota's only error is a period of zero")]
        let quota = Quota::with_period(cell).expect("a cell lasts a nanosecond or more");
        let burst = cells.saturating_add(slack);
        let limiter = Limiter::direct_with_clock(quota.allow_burst(burst), RuntimeClock);
        if start == Start::AfterCall {
            // A new limiter has room for all these cells, so this is never refused.
            drop(limiter.check_n(burst));
        }
        Self { limiter, cells }
    }

    /// Waits for the turn of one call.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no turn is taken.
    pub(super) async fn turn(&self) {
        // The outer error means that a call takes more cells than the quota can hold, which `new` rules out.
        while let Ok(Err(not_until)) = self.limiter.check_n(self.cells) {
            tokio::time::sleep(not_until.wait_time_from(RuntimeClock.now())).await;
        }
    }
}

fn one_at_least(number: u128) -> NonZeroU32 {
    u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
