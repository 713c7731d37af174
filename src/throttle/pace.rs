//! The pace of the calls: so many in so long a time, evenly spaced.
//!
//! The ceiling holds in *any* window of a second or more, not only on average. Both at once need a word on timers, which
//! wake late by a millisecond or so. A late call must not push all that follow it, or the rate falls short (by 17 % at
//! 1,000 calls a second); so a call may leave up to `SLACK` before its turn, if earlier ones were late. For that the
//! turns lie a little further apart than the rate asks, by `STRETCH_THOUSANDTHS`: whatever the timers do, the calls of
//! one second then fit the rate.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// How far before its turn a call may leave. A timer is late by 1 to 2 ms (tokio's step is 1 ms), and by some more on a
/// busy machine. Measured on two busy cores at 1,000 calls a second: 2 ms of slack lose 9 % of the calls, 5 ms
/// none but those of the stretch.
const SLACK: Duration = Duration::from_millis(5);
/// How much further apart the turns lie, in thousandths: 8 ms in a second cover `SLACK`, and 3 ms by which a call may take
/// longer to the server than another. Measured at 5,000 calls a second on two cores: with 5 ms, some second had 5,008 calls.
const STRETCH_THOUSANDTHS: u32 = 8;
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

/// Whether a pace begins with a call at once, or as if one had just been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Fresh,
    AfterCall,
}

/// Tells each call when its turn is.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: Limiter,
    /// What one call costs.
    cells: NonZeroU32,
}

impl Pace {
    /// A pace of one call in each `interval`.
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
            // A limiter that is new has room for all of this, so it is never refused.
            drop(limiter.check_n(burst));
        }
        Self { limiter, cells }
    }

    /// Waits for the turn of one call.
    ///
    /// # Cancel safety
    ///
    /// A caller that gives up the wait takes no turn.
    pub(super) async fn turn(&self) {
        // The outer error says that a call costs more cells than the quota can hold, which `new` rules out.
        while let Ok(Err(not_until)) = self.limiter.check_n(self.cells) {
            tokio::time::sleep(not_until.wait_time_from(RuntimeClock.now())).await;
        }
    }
}

fn one_at_least(number: u128) -> NonZeroU32 {
    u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
