//! What the lists show: which invitations, by which of their dates, how late, and how many of them.
//!
//! What the real API does about the last three is not documented, so each is an option: a client must bear all of it.
//! What became of the invitations, this file asks of [`invitations`](super::invitations).

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::invitations::{Ended, InvitationState, Invitations};
use super::list_kind::ListKind;
use super::server_errors::ServerErrors;

/// How long before the sandbox's start the invitations came into their given states. Chosen by us: any window that
/// holds the day before finds them.
const GIVEN_BEFORE: SignedDuration = SignedDuration::from_hours(24);

/// The seconds before the sandbox's start over which the dates of invitation are spread: 90 days. Chosen by us: longer
/// than the first window that a careful client asks for, and shorter than a year.
const INVITED_WITHIN: u64 = 90 * 24 * 60 * 60;

/// Multiplied with consecutive numbers, this spreads their products evenly over all 64-bit numbers: 2⁶⁴ divided by the
/// golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The date of an invitation that must lie in the window of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListDate {
    /// The date on which the candidate was invited.
    Invited,
    /// The date on which the invitation was cancelled, completed or expired.
    #[default]
    Cancelled,
}

/// Decides what the lists show.
#[derive(Debug)]
pub(super) struct ListKeeper {
    started: Timestamp,
    delay: SignedDuration,
    date: ListDate,
    page: Option<NonZeroUsize>,
    server_errors: Option<ServerErrors>,
    /// How many calls for each list could have failed.
    calls: Mutex<HashMap<ListKind, u32>>,
}

impl ListKeeper {
    /// Lists of a sandbox that starts now: by this date, this late, with at most so many entries, and with these
    /// errors.
    pub(super) fn new(
        date: ListDate,
        delay: Duration,
        page: Option<NonZeroUsize>,
        server_errors: Option<ServerErrors>,
    ) -> Self {
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        Self { started: Timestamp::now(), delay, date, page, server_errors, calls: Mutex::default() }
    }

    /// Counts a call for the list, and says whether the server fails to answer it.
    pub(super) fn fails(&self, kind: ListKind) -> bool {
        let Some(errors) = self.server_errors else { return false };
        // A thread that panicked while it held the lock leaves each count right on its own.
        let mut all_calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all_calls.entry(kind).or_insert(0);
        *calls = calls.saturating_add(1);
        // By a number that is no invitation's: so lists change nothing about which cancel calls fail.
        errors.of_call(kind.stand_in(), *calls).is_some()
    }

    /// The invitations of a list whose date lies in the window, the earliest first; those of the same date by their ID.
    pub(super) fn entries(
        &self,
        kind: ListKind,
        window: &RangeInclusive<Timestamp>,
        invitations: &Invitations,
    ) -> Vec<(u64, InvitationState)> {
        // A delay that is longer than the calendar keeps everything out of the list.
        let shown_until = Timestamp::now().checked_sub(self.delay).unwrap_or(Timestamp::MIN);
        let mut found = invitations.ended(|ended| {
            let is_shown = ended.cancelled_at.is_none_or(|cancelled_at| cancelled_at <= shown_until);
            let date = self.date_of(ended);
            let is_listed = is_shown && ended.state.list() == Some(kind) && window.contains(&date);
            is_listed.then_some((date, ended.invitation, ended.state))
        });
        found.sort_unstable_by_key(|(date, invitation, _)| (*date, *invitation));
        found.truncate(self.page.map_or(usize::MAX, NonZeroUsize::get));
        found.into_iter().map(|(_, invitation, state)| (invitation, state)).collect()
    }

    fn date_of(&self, ended: Ended) -> Timestamp {
        let before_start = |time| self.started.checked_sub(time).unwrap_or(self.started);
        match (self.date, ended.cancelled_at) {
            (ListDate::Invited, _) => before_start(invited_before(ended.invitation)),
            (ListDate::Cancelled, Some(cancelled_at)) => cancelled_at,
            (ListDate::Cancelled, None) => before_start(GIVEN_BEFORE),
        }
    }
}

/// How long before the sandbox's start the candidate was invited: the ID alone decides.
fn invited_before(invitation: u64) -> SignedDuration {
    let place = u128::from(invitation.wrapping_mul(GOLDEN));
    let seconds = (place * u128::from(INVITED_WITHIN)) >> u64::BITS;
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_invitation_are_spread_evenly_over_90_days() {
        let day = |invitation| invited_before(invitation).as_hours() / 24;
        for (first, step) in [(2_932_950, 1), (93, 100), (1_000_091, 100), (7, 1000)] {
            let days: Vec<i64> = (0..900).map(|number| day(first + number * step)).collect();
            for start in (0..90).step_by(10) {
                let count = days.iter().filter(|day| (start..start + 10).contains(*day)).count();
                assert!((80..=120).contains(&count), "{count} of 900 in days {start} to {}", start + 9);
            }
        }
        assert_eq!(invited_before(5), invited_before(5));
    }

    #[test]
    fn a_delay_beyond_the_calendar_shows_nothing() {
        let invitations = Invitations::new(None);
        invitations.cancel(5);
        let always = Timestamp::MIN..=Timestamp::MAX;
        for (delay, count) in [(Duration::ZERO, 1), (Duration::MAX, 0), (Duration::from_secs(u64::MAX / 4), 0)] {
            let lists = ListKeeper::new(ListDate::Cancelled, delay, None, None);
            assert_eq!(lists.entries(ListKind::Cancelled, &always, &invitations).len(), count, "{delay:?}");
        }
    }
}
