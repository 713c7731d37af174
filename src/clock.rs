//! Measures time as people mean it: it goes on while the machine sleeps, and does not jump when somebody sets the
//! clock.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Measures how long something takes, including the time that the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    /// The start, by a clock that stands still on most systems while the machine sleeps.
    started: Instant,
    /// The start, as the time since the machine was started, including its sleep, if the system knows it.
    started_since_boot: Option<Duration>,
}

impl Stopwatch {
    /// Starts to measure.
    pub fn start() -> Self {
        Self { started: Instant::now(), started_since_boot: since_boot() }
    }

    /// The time since the start: the longer one of what the two clocks say.
    pub fn elapsed(&self) -> Duration {
        let awake = self.started.elapsed();
        let since_start = |(then, now): (Duration, Duration)| now.saturating_sub(then);
        self.started_since_boot.zip(since_boot()).map_or(awake, |boot| since_start(boot).max(awake))
    }
}

/// The time since the machine was started, by a clock that nobody sets and that also runs during sleep.
#[cfg(unix)]
fn since_boot() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};

    // On other systems the monotonic clock runs during sleep, or there is no better one.
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let now = clock_gettime(CLOCK);
    Some(Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?))
}

/// Other systems do not offer this time.
#[cfg(not(unix))]
fn since_boot() -> Option<Duration> {
    None
}

/// A point in time, by the wall clock and by a clock that never jumps.
#[derive(Debug, Clone, Copy)]
pub struct Beginning {
    at: Timestamp,
    stopwatch: Stopwatch,
}

impl Beginning {
    /// The present moment.
    pub fn now() -> Self {
        Self { at: Timestamp::now(), stopwatch: Stopwatch::start() }
    }

    /// When it began.
    pub fn at(self) -> Timestamp {
        self.at
    }

    /// How long ago that is.
    pub fn elapsed(self) -> Duration {
        self.stopwatch.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_the_two_times_counts() {
        let hour = Duration::from_secs(3600);
        let now = Stopwatch::start();
        assert!(now.elapsed() < hour);
        let slept = Stopwatch { started_since_boot: now.started_since_boot.map(|at| at.saturating_sub(hour)), ..now };
        let uptime = now.started_since_boot.unwrap_or_default();
        assert!(slept.elapsed() >= hour.min(uptime), "the machine slept for an hour");
        let awake = Stopwatch { started: now.started.checked_sub(hour.min(uptime)).unwrap(), ..now };
        assert!(awake.elapsed() >= hour.min(uptime));
        assert!(Stopwatch { started_since_boot: None, ..awake }.elapsed() >= hour.min(uptime));
    }
}
