//! How the seed decides which calls go wrong: one draw, which the error rate and the `chance` of a rule share.
//!
//! A draw depends on nothing but the numbers it is made from: neither the clock nor the order of calls changes it. An
//! operator who uses a seed again sees the same calls fail, so the arithmetic here must stay as it is.

use sha2::{Digest, Sha256};

use super::limits::ErrorRate;

/// A draw for one call: 32 bytes that look random and are always the same for the same call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw([u8; 32]);

impl Draw {
    /// Draws by the SHA-256 of these parts, one after the other.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Whether the call is among the share of calls that go wrong. Of many draws, this is true for that share of them.
    pub(super) fn is_within(self, rate: ErrorRate) -> bool {
        self.fraction() < rate.get()
    }

    /// A toss of a coin, which does not depend on the fraction: the last bit of the fifth byte.
    pub(super) const fn coin(self) -> bool {
        let [_, _, _, _, fifth, ..] = self.0;
        fifth & 1 == 1
    }

    /// A number from 0 up to 1: the first four bytes, the most significant first.
    fn fraction(self) -> f64 {
        let [first, second, third, fourth, ..] = self.0;
        f64::from(u32::from_be_bytes([first, second, third, fourth])) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_stays_as_it_is() {
        // The SHA-256 of "abc" is ba7816bf 8f01cfea …, and that of nothing is e3b0c442 98fc1c14 ….
        let (abc, nothing) = (Draw::of(&[b"a", b"bc"]), Draw::of(&[]));
        assert_eq!((abc.fraction(), abc.coin()), (f64::from(0xba78_16bf_u32) / 4_294_967_296.0, true));
        assert_eq!((nothing.fraction(), nothing.coin()), (f64::from(0xe3b0_c442_u32) / 4_294_967_296.0, false));
    }

    #[test]
    fn a_share_of_one_holds_each_draw_and_a_share_of_zero_none() {
        let (lowest, highest) = (Draw([0; 32]), Draw([0xff; 32]));
        assert!(highest.is_within(ErrorRate::new(1.0).unwrap()));
        assert!(!lowest.is_within(ErrorRate::NEVER));
    }
}
