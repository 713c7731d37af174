//! Which cancel calls and list calls are answered with 500, as [`Options::error_rate`](super::Options::error_rate)
//! asks.
//!
//! The seed, the invitation or list, and the number of the call decide, and nothing else: see
//! [`chance`](super::chance). This is not one more rule of [`faults`](super::faults), which count every call. Here only
//! calls count that come this far: those with the right key, within the rate limit, with a body that is right, and
//! without any fault but `slow`.

use super::chance::Draw;
use super::limits::ErrorRate;

/// An internal error of the simulated server. A real 500 leaves open whether the call took effect; so do these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerError {
    /// The server fails before it changes anything.
    BeforeTheEffect,
    /// The server has done what the call asked for, and then fails to say so.
    AfterTheEffect,
}

/// Decides which calls fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerErrors {
    rate: ErrorRate,
    seed: u64,
}

impl ServerErrors {
    /// Fails calls at this rate; `None` when the rate is zero.
    pub(super) fn new(rate: ErrorRate, seed: u64) -> Option<Self> {
        (rate > ErrorRate::NEVER).then_some(Self { rate, seed })
    }

    /// The error that the `call`th cancel call for the invitation (from 1) meets, if any; for a list call, a number
    /// stands for the list, and it does not matter which of the errors it meets. Half of the errors come after the
    /// effect.
    pub(super) fn of_call(self, invitation: u64, call: u32) -> Option<ServerError> {
        let draw = Draw::of(&[&self.seed.to_le_bytes(), &invitation.to_le_bytes(), &call.to_le_bytes()]);
        let error = if draw.coin() { ServerError::AfterTheEffect } else { ServerError::BeforeTheEffect };
        draw.is_within(self.rate).then_some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_calls(rate: f64, seed: u64) -> Vec<Option<ServerError>> {
        let errors = ServerErrors::new(ErrorRate::new(rate).unwrap(), seed).unwrap();
        (1..=10_000).map(|invitation| errors.of_call(invitation, 1)).collect()
    }

    #[test]
    fn the_rate_is_kept_and_half_of_the_failures_come_after_the_effect() {
        let found = first_calls(0.2, 7);
        for side in [ServerError::BeforeTheEffect, ServerError::AfterTheEffect] {
            let count = found.iter().filter(|error| **error == Some(side)).count();
            assert!((900..=1100).contains(&count), "{count} of 10000 fail {side:?}");
        }
    }

    #[test]
    fn a_rate_of_one_fails_each_call_and_a_rate_of_zero_none() {
        assert!(!first_calls(1.0, 0).contains(&None));
        assert!(ServerErrors::new(ErrorRate::NEVER, 0).is_none());
    }

    #[test]
    fn the_seed_and_the_call_decide() {
        assert_eq!(first_calls(0.5, 1), first_calls(0.5, 1));
        assert_ne!(first_calls(0.5, 1), first_calls(0.5, 2));
        let errors = ServerErrors::new(ErrorRate::new(0.5).unwrap(), 1).unwrap();
        let calls: Vec<Option<ServerError>> = (1..=64).map(|call| errors.of_call(5, call)).collect();
        assert!(calls.contains(&None));
        assert!(calls.iter().any(Option::is_some));
    }
}
