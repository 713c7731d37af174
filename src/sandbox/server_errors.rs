//! Which cancel calls end in a server error. A pure rule: the seed, the invitation and the number of the call decide,
//! never the clock or the order in which calls for different invitations arrive.

use sha2::{Digest, Sha256};

use super::limits::ErrorRate;

/// What goes wrong with one cancel call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// Nothing.
    None,
    /// The server fails, and the invitation is as it was.
    BeforeTheEffect,
    /// The server fails to answer properly for what it did.
    AfterTheEffect,
}

/// The rule by which calls fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mishaps {
    rate: ErrorRate,
    seed: u64,
}

impl Mishaps {
    /// A rule under which some calls fail, or `None` when none ever does.
    pub(super) fn new(rate: ErrorRate, seed: u64) -> Option<Self> {
        (rate > ErrorRate::NEVER).then_some(Self { rate, seed })
    }

    /// What happens to the `call`th (from 1) cancel call for the invitation.
    ///
    /// The SHA-256 of seed, invitation and call, each as little-endian bytes, gives a fraction (its first four bytes)
    /// that is held against the rate, and one bit that says on which side of the effect the failure falls. A real 500
    /// leaves the caller in doubt; half of these must, too.
    pub(super) fn befall(self, invitation: u64, call: u32) -> Mishap {
        let digest = Sha256::new()
            .chain_update(self.seed.to_le_bytes())
            .chain_update(invitation.to_le_bytes())
            .chain_update(call.to_le_bytes())
            .finalize();
        let digest: [u8; 32] = digest.into();
        let [_, _, _, _, side, ..] = digest;
        if fraction(digest) >= self.rate.get() {
            Mishap::None
        } else if side & 1 == 0 {
            Mishap::BeforeTheEffect
        } else {
            Mishap::AfterTheEffect
        }
    }
}

/// A number from 0 up to 1, from the digest's first four bytes.
pub(super) fn fraction([first, second, third, fourth, ..]: [u8; 32]) -> f64 {
    f64::from(u32::from_be_bytes([first, second, third, fourth])) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn befallen(rate: f64, seed: u64) -> Vec<Mishap> {
        let mishaps = Mishaps::new(ErrorRate::new(rate).unwrap(), seed).unwrap();
        (1..=10_000).map(|invitation| mishaps.befall(invitation, 1)).collect()
    }

    #[test]
    fn the_rate_is_kept_and_half_of_the_failures_come_after_the_effect() {
        let befallen = befallen(0.2, 7);
        let before = befallen.iter().filter(|mishap| **mishap == Mishap::BeforeTheEffect).count();
        let after = befallen.iter().filter(|mishap| **mishap == Mishap::AfterTheEffect).count();
        assert!((900..=1100).contains(&before), "{before} of 10000 fail before the effect");
        assert!((900..=1100).contains(&after), "{after} of 10000 fail after the effect");
    }

    #[test]
    fn a_rate_of_one_spares_no_call_and_a_rate_of_zero_is_no_rule() {
        assert!(!befallen(1.0, 0).contains(&Mishap::None));
        assert!(Mishaps::new(ErrorRate::NEVER, 0).is_none());
    }

    #[test]
    fn the_seed_and_the_call_decide() {
        assert_eq!(befallen(0.5, 1), befallen(0.5, 1));
        assert_ne!(befallen(0.5, 1), befallen(0.5, 2));
        let mishaps = Mishaps::new(ErrorRate::new(0.5).unwrap(), 1).unwrap();
        let calls: Vec<Mishap> = (1..=64).map(|call| mishaps.befall(5, call)).collect();
        assert!(calls.contains(&Mishap::None));
        assert!(calls.iter().any(|mishap| *mishap != Mishap::None));
    }
}
