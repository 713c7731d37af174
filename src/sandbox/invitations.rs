//! The sandbox's own truth about every invitation: which state it is in, and what a cancel call does to it.
//!
//! No HTTP here. What the answers look like is the business of [`answer`](super::answer).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::mishap::{Mishap, Mishaps};

/// The state of an invitation. Only a pending one can be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Sent, and the candidate has not begun.
    Pending,
    /// The candidate is at it.
    InProgress,
    /// Done.
    Complete,
    /// Nobody came in time.
    Expired,
    /// Cancelled, by whichever way.
    Canceled,
    /// The candidate left.
    TestLeft,
    /// Ended by the invigilation.
    Terminated,
}

/// What a cancel call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was pending, and now it is cancelled.
    Cancelled,
    /// It is in a state in which it cannot be cancelled.
    Refused,
    /// The caller may not touch it.
    Forbidden,
    /// It does not exist.
    Missing,
    /// The server failed; the states before and after tell on which side of the effect.
    Failed,
}

/// A cancel call's verdict, and the state of the invitation before and after it (`None` where it does not exist).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) verdict: Verdict,
    pub(super) before: Option<State>,
    pub(super) after: Option<State>,
}

/// Every invitation there is: one for each positive 64-bit integer.
///
/// Memory grows with the invitations cancelled (about 50 bytes each) and, when calls are to fail, with the invitations
/// called for (about 30 bytes each). Nothing is ever forgotten: a second cancel must find what the first one did.
#[derive(Debug)]
pub(super) struct Invitations {
    mishaps: Option<Mishaps>,
    // A lock, not a channel: the server's thread writes, and a test's thread asks for a state and needs it at once.
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    cancelled: HashMap<u64, Timestamp>,
    calls: HashMap<u64, u32>,
}

impl Invitations {
    /// Every invitation as its ID says, nothing cancelled yet.
    pub(super) fn new(mishaps: Option<Mishaps>) -> Self {
        Self { mishaps, ledger: Mutex::default() }
    }

    /// Cancels the invitation, if that is possible.
    pub(super) fn cancel(&self, invitation: u64) -> Effect {
        let mut ledger = self.lock();
        let mishap = match self.mishaps {
            Some(mishaps) => mishaps.befall(invitation, ledger.count(invitation)),
            None => Mishap::None,
        };
        let before = ledger.state_of(invitation);
        if mishap == Mishap::BeforeTheEffect {
            return Effect { verdict: Verdict::Failed, before, after: before };
        }
        let verdict = ledger.cancel(invitation, before);
        let after = ledger.state_of(invitation);
        let verdict = if mishap == Mishap::AfterTheEffect { Verdict::Failed } else { verdict };
        Effect { verdict, before, after }
    }

    /// Cancels the invitation, if that is possible, and spares the call any mishap.
    pub(super) fn surely_cancel(&self, invitation: u64) -> Effect {
        let mut ledger = self.lock();
        let before = ledger.state_of(invitation);
        let verdict = ledger.cancel(invitation, before);
        Effect { verdict, before, after: ledger.state_of(invitation) }
    }

    /// The state of the invitation, `None` where there is no such one.
    pub(super) fn state_of(&self, invitation: u64) -> Option<State> {
        self.lock().state_of(invitation)
    }

    /// The invitations cancelled here from `start` to `end`, both included, the earliest first.
    pub(super) fn cancelled_between(&self, start: Timestamp, end: Timestamp) -> Vec<u64> {
        let window = start..=end;
        let ledger = self.lock();
        let mut found: Vec<(Timestamp, u64)> = ledger
            .cancelled
            .iter()
            .filter(|(_, cancelled_at)| window.contains(cancelled_at))
            .map(|(invitation, cancelled_at)| (*cancelled_at, *invitation))
            .collect();
        drop(ledger);
        found.sort_unstable();
        found.into_iter().map(|(_, invitation)| invitation).collect()
    }

    /// The ledger, whatever became of a thread that held it: each change to it is a single insertion.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// The number of this call for the invitation, from 1.
    fn count(&mut self, invitation: u64) -> u32 {
        let calls = self.calls.entry(invitation).or_insert(0);
        *calls = calls.saturating_add(1);
        *calls
    }

    fn state_of(&self, invitation: u64) -> Option<State> {
        if self.cancelled.contains_key(&invitation) { Some(State::Canceled) } else { given_state(invitation) }
    }

    fn cancel(&mut self, invitation: u64, state: Option<State>) -> Verdict {
        match state {
            None => Verdict::Missing,
            Some(_) if is_forbidden(invitation) => Verdict::Forbidden,
            Some(State::Pending) => {
                self.cancelled.insert(invitation, Timestamp::now());
                Verdict::Cancelled
            }
            Some(
                State::InProgress
                | State::Complete
                | State::Expired
                | State::Canceled
                | State::TestLeft
                | State::Terminated,
            ) => Verdict::Refused,
        }
    }
}

/// Reads the ID of an invitation from a path: digits only, no leading zero, from 1 to [`i64::MAX`].
///
/// Stricter than a real service may be, so that a test notices a client that writes an ID in another way.
pub(super) fn parse_id(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let id = text.parse().ok().filter(|_| plain)?;
    in_range(id).then_some(id)
}

/// The state that an invitation is in before anyone touches it: its last two digits say so.
fn given_state(invitation: u64) -> Option<State> {
    if !in_range(invitation) {
        return None;
    }
    match invitation % 100 {
        90 => Some(State::InProgress),
        91 => Some(State::Complete),
        92 => Some(State::Expired),
        93 => Some(State::Canceled),
        94 => Some(State::TestLeft),
        95 => Some(State::Terminated),
        97 => None,
        _ => Some(State::Pending),
    }
}

fn is_forbidden(invitation: u64) -> bool {
    invitation % 100 == 96
}

fn in_range(invitation: u64) -> bool {
    (1..=i64::MAX.unsigned_abs()).contains(&invitation)
}

#[cfg(test)]
mod tests {
    use super::super::options::ErrorRate;
    use super::*;

    #[test]
    fn the_last_two_digits_are_the_state() {
        let invitations = Invitations::new(None);
        let cases = [
            (100, Some(State::Pending), Verdict::Cancelled),
            (2_932_950, Some(State::Pending), Verdict::Cancelled),
            (90, Some(State::InProgress), Verdict::Refused),
            (1091, Some(State::Complete), Verdict::Refused),
            (192, Some(State::Expired), Verdict::Refused),
            (193, Some(State::Canceled), Verdict::Refused),
            (194, Some(State::TestLeft), Verdict::Refused),
            (195, Some(State::Terminated), Verdict::Refused),
            (196, Some(State::Pending), Verdict::Forbidden),
            (197, None, Verdict::Missing),
            (198, Some(State::Pending), Verdict::Cancelled),
            (199, Some(State::Pending), Verdict::Cancelled),
        ];
        for (invitation, before, verdict) in cases {
            let after = if verdict == Verdict::Cancelled { Some(State::Canceled) } else { before };
            assert_eq!(invitations.cancel(invitation), Effect { verdict, before, after }, "{invitation}");
            assert_eq!(invitations.state_of(invitation), after, "{invitation}");
        }
    }

    #[test]
    fn a_second_cancel_is_refused() {
        let invitations = Invitations::new(None);
        assert_eq!(invitations.cancel(1).verdict, Verdict::Cancelled);
        assert_eq!(invitations.cancel(1).verdict, Verdict::Refused);
    }

    #[test]
    fn an_id_is_a_positive_64_bit_integer_in_plain_digits() {
        assert_eq!(parse_id("1"), Some(1));
        assert_eq!(parse_id("9223372036854775807"), Some(9_223_372_036_854_775_807));
        for text in ["", "0", "01", "+1", "-1", "1.0", "1e3", " 1", "٣", "9223372036854775808"] {
            assert_eq!(parse_id(text), None, "{text:?}");
        }
        assert_eq!(Invitations::new(None).state_of(0), None);
        assert_eq!(Invitations::new(None).state_of(u64::MAX), None);
    }

    #[test]
    fn errors_do_not_depend_on_the_order_of_the_calls() {
        let effects = |order: &[u64]| {
            let invitations = Invitations::new(Mishaps::new(ErrorRate::new(0.5).unwrap(), 3));
            let effects: HashMap<u64, [Effect; 2]> =
                order.iter().map(|id| (*id, [invitations.cancel(*id), invitations.cancel(*id)])).collect();
            effects
        };
        let upwards: Vec<u64> = (1..=200).collect();
        let downwards: Vec<u64> = (1..=200).rev().collect();
        let found = effects(&upwards);
        assert_eq!(found, effects(&downwards));
        let failed: Vec<&Effect> =
            found.values().flatten().filter(|effect| effect.verdict == Verdict::Failed).collect();
        assert!(failed.iter().any(|effect| effect.before != effect.after), "none failed after its effect");
        assert!(failed.iter().any(|effect| effect.before == effect.after), "none failed before its effect");
    }

    #[test]
    fn the_list_holds_what_was_cancelled_here_within_the_window() {
        let invitations = Invitations::new(None);
        let start = Timestamp::now();
        for invitation in [5, 3, 193, 190] {
            invitations.cancel(invitation);
        }
        let end = Timestamp::now();
        let mut found = invitations.cancelled_between(start, end);
        found.sort_unstable();
        assert_eq!(found, [3, 5]);
        assert!(
            invitations.cancelled_between(Timestamp::UNIX_EPOCH, start - jiff::SignedDuration::from_secs(1)).is_empty()
        );
    }
}
