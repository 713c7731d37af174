//! How long a row waits before it is tried again.

use std::time::Duration;

use fastrand::Rng;

/// The longest first wait. Chosen by us: a gateway that is restarted answers again after about a second.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of all.
const LONGEST: Duration = Duration::from_secs(30);

/// The waits of one row, each drawn evenly between nothing and a bound that doubles ("full jitter", which spreads the
/// tries of many rows best; source: AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
#[derive(Debug, Clone)]
pub struct Backoff {
    bound: Duration,
    random: Rng,
}

impl Backoff {
    /// The waits that this source of chance gives.
    pub fn new(random: Rng) -> Self {
        Self { bound: FIRST, random }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.bound.mul_f64(self.random.f64());
        self.bound = (self.bound * 2).min(LONGEST);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_spread_below_a_bound_that_doubles_up_to_a_limit() {
        let mut longest = [Duration::ZERO; 9];
        for seed in 0..500 {
            for (wait, longest) in Backoff::new(Rng::with_seed(seed)).zip(&mut longest) {
                *longest = wait.max(*longest);
            }
        }
        let bounds_ms = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000];
        for (longest, bound_ms) in longest.into_iter().zip(bounds_ms) {
            let bound = Duration::from_millis(bound_ms);
            assert!(longest <= bound && longest > bound * 9 / 10, "{longest:?} below {bound:?}");
        }
    }
}
