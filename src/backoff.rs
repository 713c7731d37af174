//! Computes how long a row waits before it is tried again.

use std::time::Duration;

use fastrand::Rng;

/// The longest first wait. Chosen by us: a gateway answers again about a second after it was restarted.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait of all.
const LONGEST: Duration = Duration::from_secs(30);

/// The waits of one row. Each is random, with all values between zero and a bound equally likely, and the bound doubles
/// ("full jitter", which spreads the attempts of many rows best; source: AWS Architecture Blog, "Exponential Backoff
/// And Jitter", 2015).
#[derive(Debug, Clone)]
pub struct Backoff {
    bound: Duration,
    random: Rng,
}

impl Backoff {
    /// Makes the waits that this random generator yields.
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
