//! The true state of every invitation in the sandbox, and what a cancel call changes about it.
//!
//! It knows nothing of HTTP: [`api`](super::api) asks it, and [`answer`](super::answer) writes the answers.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::list_kind::ListKind;
use super::server_errors::{ServerError, ServerErrors};

/// The state of an invitation, as iMocha names them. Only a pending one can be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvitationState {
    /// The candidate is invited and has not begun the test.
    Pending,
    /// The candidate is taking the test.
    InProgress,
    /// The candidate has finished the test.
    Complete,
    /// The candidate did not begin in time.
    Expired,
    /// The invitation was cancelled, here or before the sandbox started.
    Canceled,
    /// The candidate left the test before its end.
    TestLeft,
    /// The test was ended by its supervision.
    Terminated,
}

impl InvitationState {
    /// The list that shows an invitation in this state.
    pub(super) const fn list(self) -> Option<ListKind> {
        match self {
            Self::Pending | Self::InProgress => None,
            Self::Complete | Self::TestLeft | Self::Terminated => Some(ListKind::Completed),
            Self::Expired => Some(ListKind::Expired),
            Self::Canceled => Some(ListKind::Cancelled),
        }
    }
}

/// An invitation that can be in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) invitation: u64,
    pub(super) state: InvitationState,
    /// When it was cancelled here; `None` where its state is the given one.
    pub(super) cancelled_at: Option<Timestamp>,
}

/// What a cancel call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CancelResult {
    /// The invitation was pending, and now it is cancelled.
    Cancelled,
    /// The invitation is in a state in which it cannot be cancelled.
    Refused,
    /// The caller's key may not touch the invitation.
    Forbidden,
    /// The invitation does not exist.
    Missing,
    /// The server failed, either before it cancelled the invitation or after: the invitation's state tells which.
    Failed,
}

/// Every invitation there is: one for each positive 64-bit integer.
///
/// Memory grows with the invitations cancelled (about 50 bytes each), with those that were called for and whose given
/// state has a list (about 20 bytes each), and, when calls are to fail, with all that were called for (about 30 bytes
/// each). Nothing is ever forgotten: a second cancel must find what the first one did.
#[derive(Debug)]
pub(super) struct Invitations {
    server_errors: Option<ServerErrors>,
    // A lock, not a channel: the server's thread writes, and a test's thread asks for a state and needs it at once.
    memory: Mutex<Memory>,
}

/// What happened to the invitations since the sandbox started.
#[derive(Debug, Default)]
struct Memory {
    cancelled: HashMap<u64, Timestamp>,
    calls: HashMap<u64, u32>,
    /// Those that a cancel call named and whose given state has a list.
    named: HashSet<u64>,
}

impl Invitations {
    /// Every invitation as its ID says, nothing cancelled yet.
    pub(super) fn new(server_errors: Option<ServerErrors>) -> Self {
        Self { server_errors, memory: Mutex::default() }
    }

    /// Cancels the invitation if its state allows it, unless the server is to fail.
    pub(super) fn cancel(&self, invitation: u64) -> CancelResult {
        let mut memory = self.lock();
        let error = self.server_errors.and_then(|errors| errors.of_call(invitation, memory.count(invitation)));
        match error {
            None => memory.cancel(invitation),
            Some(ServerError::BeforeTheEffect) => CancelResult::Failed,
            Some(ServerError::AfterTheEffect) => {
                memory.cancel(invitation);
                CancelResult::Failed
            }
        }
    }

    /// Cancels the invitation if its state allows it. The server does not fail, and the call is not counted as one that
    /// could have failed.
    pub(super) fn surely_cancel(&self, invitation: u64) -> CancelResult {
        self.lock().cancel(invitation)
    }

    /// The state of the invitation; `None` where there is no such invitation.
    pub(super) fn state_of(&self, invitation: u64) -> Option<InvitationState> {
        self.lock().state_of(invitation)
    }

    /// Remembers that a cancel call named the invitation, whatever becomes of the call. Only one whose given state has
    /// a list is remembered.
    pub(super) fn note_named(&self, invitation: u64) {
        if first_state(invitation).and_then(InvitationState::list).is_some() {
            self.lock().named.insert(invitation);
        }
    }

    /// What `pick` takes of the invitations that can be in a list: those cancelled here, and those that a cancel call
    /// named and whose given state has a list. Their order is undefined.
    pub(super) fn ended<T>(&self, pick: impl FnMut(Ended) -> Option<T>) -> Vec<T> {
        let memory = self.lock();
        let cancelled = memory.cancelled.iter().map(|(invitation, cancelled_at)| Ended {
            invitation: *invitation,
            state: InvitationState::Canceled,
            cancelled_at: Some(*cancelled_at),
        });
        let given = memory.named.iter().filter_map(|invitation| {
            Some(Ended { invitation: *invitation, state: first_state(*invitation)?, cancelled_at: None })
        });
        cancelled.chain(given).filter_map(pick).collect()
    }

    /// The memory, even if a thread panicked while it held the lock: each change is a single insertion, so that none
    /// can be half done.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Counts a call for the invitation, and returns its number, from 1.
    fn count(&mut self, invitation: u64) -> u32 {
        let calls = self.calls.entry(invitation).or_insert(0);
        *calls = calls.saturating_add(1);
        *calls
    }

    fn state_of(&self, invitation: u64) -> Option<InvitationState> {
        let is_cancelled = self.cancelled.contains_key(&invitation);
        if is_cancelled { Some(InvitationState::Canceled) } else { first_state(invitation) }
    }

    fn cancel(&mut self, invitation: u64) -> CancelResult {
        match self.state_of(invitation) {
            None => CancelResult::Missing,
            Some(_) if is_forbidden(invitation) => CancelResult::Forbidden,
            Some(InvitationState::Pending) => {
                self.cancelled.insert(invitation, Timestamp::now());
                CancelResult::Cancelled
            }
            Some(
                InvitationState::InProgress
                | InvitationState::Complete
                | InvitationState::Expired
                | InvitationState::Canceled
                | InvitationState::TestLeft
                | InvitationState::Terminated,
            ) => CancelResult::Refused,
        }
    }
}

/// Reads the ID of an invitation from a path: digits only, without a leading zero, from 1 to [`i64::MAX`].
///
/// Stricter than a real service may be, so that a test notices a client that writes an ID in another way.
pub(super) fn parse_id(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let id = text.parse().ok().filter(|_| plain)?;
    in_range(id).then_some(id)
}

/// The state of an invitation when the sandbox starts: the last two digits of its ID decide.
fn first_state(invitation: u64) -> Option<InvitationState> {
    if !in_range(invitation) {
        return None;
    }
    match invitation % 100 {
        90 => Some(InvitationState::InProgress),
        91 => Some(InvitationState::Complete),
        92 => Some(InvitationState::Expired),
        93 => Some(InvitationState::Canceled),
        94 => Some(InvitationState::TestLeft),
        95 => Some(InvitationState::Terminated),
        97 => None,
        _ => Some(InvitationState::Pending),
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
    use super::super::limits::ErrorRate;
    use super::*;

    #[test]
    fn the_last_two_digits_are_the_state() {
        let invitations = Invitations::new(None);
        let cases = [
            (100, Some(InvitationState::Pending), CancelResult::Cancelled),
            (2_932_950, Some(InvitationState::Pending), CancelResult::Cancelled),
            (90, Some(InvitationState::InProgress), CancelResult::Refused),
            (1091, Some(InvitationState::Complete), CancelResult::Refused),
            (192, Some(InvitationState::Expired), CancelResult::Refused),
            (193, Some(InvitationState::Canceled), CancelResult::Refused),
            (194, Some(InvitationState::TestLeft), CancelResult::Refused),
            (195, Some(InvitationState::Terminated), CancelResult::Refused),
            (196, Some(InvitationState::Pending), CancelResult::Forbidden),
            (197, None, CancelResult::Missing),
            (198, Some(InvitationState::Pending), CancelResult::Cancelled),
            (199, Some(InvitationState::Pending), CancelResult::Cancelled),
        ];
        for (invitation, before, result) in cases {
            let after = if result == CancelResult::Cancelled { Some(InvitationState::Canceled) } else { before };
            assert_eq!(invitations.state_of(invitation), before, "{invitation}");
            assert_eq!(invitations.cancel(invitation), result, "{invitation}");
            assert_eq!(invitations.state_of(invitation), after, "{invitation}");
        }
    }

    #[test]
    fn a_second_cancel_is_refused() {
        let invitations = Invitations::new(None);
        assert_eq!(invitations.cancel(1), CancelResult::Cancelled);
        assert_eq!(invitations.cancel(1), CancelResult::Refused);
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
        let call_twice = |order: &[u64]| {
            let invitations = Invitations::new(ServerErrors::new(ErrorRate::new(0.5).unwrap(), 3));
            let call = |id| (invitations.cancel(id), invitations.state_of(id));
            order.iter().map(|id| (*id, [call(*id), call(*id)])).collect::<HashMap<u64, _>>()
        };
        let upwards: Vec<u64> = (1..=200).collect();
        let downwards: Vec<u64> = (1..=200).rev().collect();
        let found = call_twice(&upwards);
        assert_eq!(found, call_twice(&downwards));
        for state in [InvitationState::Pending, InvitationState::Canceled] {
            let failed = (CancelResult::Failed, Some(state));
            assert!(found.values().any(|calls| calls[0] == failed), "no failure left an invitation {state:?}");
        }
    }

    #[test]
    fn what_can_be_in_a_list_was_cancelled_here_or_named() {
        let invitations = Invitations::new(None);
        let start = Timestamp::now();
        for invitation in [5, 3, 190, 191, 192, 193, 193, 194, 195, 196, 197] {
            invitations.note_named(invitation);
            invitations.cancel(invitation);
        }
        let mut found = invitations.ended(Some);
        found.sort_unstable_by_key(|ended| ended.invitation);
        let numbers: Vec<u64> = found.iter().map(|ended| ended.invitation).collect();
        assert_eq!(numbers, [3, 5, 191, 192, 193, 194, 195]);
        for ended in found {
            assert_eq!(invitations.state_of(ended.invitation), Some(ended.state), "{ended:?}");
            assert_eq!(ended.cancelled_at.is_some(), ended.invitation < 100, "{ended:?}");
            assert!(ended.cancelled_at.is_none_or(|at| (start..=Timestamp::now()).contains(&at)), "{ended:?}");
        }
    }
}
