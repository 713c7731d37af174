//! What one row has met so far, by which its own faults are told from those of the API.
//!
//! The one question behind all of this: would another row have fared better? Calls of other rows that were answered
//! since say yes, and calls that met the same say no.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::{Effect, Status};

/// For each call of other rows that was told 429, so many have to have been answered before a row is told 429 on its own
/// account. Chosen by us: where the API limits everybody, more than a fifth of the calls are told so.
const ANSWERED_FOR_ONE_LIMITED: u64 = 4;
/// So many 429s on its own account end a row at the earliest, however few attempts it has: one of them may be chance.
pub(super) const LEAST_OWN_LIMITED: usize = 5;
/// The HTTP status of an API that asks for fewer calls.
const TOO_MANY_REQUESTS: u16 = 429;

/// A series of calls that failed one after the other. The number tells it from others.
pub type Streak = u64;

/// What one row has met so far.
#[derive(Debug, Default)]
pub struct Troubles {
    /// The series of failures that each failed call belongs to.
    failures: Vec<Streak>,
    /// When the first of the last series was.
    failing_since: Option<Instant>,
    /// Whether it failed before others were answered, in this run or an earlier one.
    is_suspect: bool,
    /// What was known of all calls when it was told 429 for the last time.
    limited: Option<Calls>,
    /// How often it was told 429 on its own account; in all earlier runs together once at the most.
    own_limited: usize,
    /// When it was first told 429 in this run.
    limited_since: Option<Instant>,
    /// Whether answers for others have shown in this run that it is told 429 on its own account.
    is_limited_alone: bool,
    /// Whether its 429 made all others pause, and that has not been made good.
    pub(super) has_slowed_others: bool,
}

/// What has come of all calls so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    pub(super) answered: u64,
    pub(super) limited: u64,
    /// Calls that have not ended.
    pub(super) in_flight: u64,
}

/// What a failure says about the API, by what the row met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    /// It is the first of the row: it speaks against the API as well as against the row.
    New,
    /// The row has failed before others were answered: it speaks against the row.
    Suspect,
    /// The row has failed in this very series before: nothing new.
    Again,
}

/// Whose doing a 429 is, by what the row met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// The API's: it limits everybody.
    All,
    /// The row's: others are answered.
    Row,
    /// The row's, as it seems: it was told 429 in an earlier run, and in this one nobody else is. Should others come that
    /// are told so too, then it speaks for a limit of all.
    PerhapsRow,
}

impl Troubles {
    /// Those of a row that an earlier run left with this status, and with this as its last answer. A row in doubt that
    /// was told 429 last has another status, but is as likely to be told so again.
    pub fn of_earlier_run(status: Status, http_status: Option<u16>) -> Self {
        let own_limited = usize::from(status == Status::RateLimited || http_status == Some(TOO_MANY_REQUESTS));
        let is_suspect = status.effect() == Effect::Possible;
        Self { is_suspect, own_limited, ..Self::default() }
    }

    /// Takes down a failure in this series, and says what it is worth.
    pub(super) fn failed(&mut self, streak: Streak, now: Instant) -> Witness {
        let is_again = self.failed_in(streak);
        if !is_again {
            self.is_suspect |= !self.failures.is_empty();
            self.failing_since = Some(now);
        }
        self.failures.push(streak);
        match (is_again, self.is_suspect) {
            (true, _) => Witness::Again,
            (false, true) => Witness::Suspect,
            (false, false) => Witness::New,
        }
    }

    /// Whether the row has failed in this series.
    pub(super) fn failed_in(&self, streak: Streak) -> bool {
        self.failures.last() == Some(&streak)
    }

    /// How long the row has failed in its last series.
    pub(super) fn failing_for(&self, now: Instant) -> Duration {
        self.failing_since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
    }

    /// How many of its failures `count`.
    pub(super) fn failures(&self, counts: impl Fn(Streak) -> bool) -> usize {
        self.failures.iter().filter(|&&streak| counts(streak)).count()
    }

    /// How often it was told 429 on its own account.
    pub(super) fn own_limited(&self) -> usize {
        self.own_limited
    }

    /// Since when the row has been told 429 in this run, of which the last is told it now.
    pub(super) fn limited_for(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.limited_since.get_or_insert(now))
    }

    /// Takes down a 429, and says whose doing it is. It is the row's own if since its last one others were answered, and
    /// hardly any was told the same; or if it was so before, and nobody else has been told 429 since.
    ///
    /// Calls that were in flight at its last 429 say nothing, for they may have left before it.
    pub(super) fn limited(&mut self, calls: Calls) -> Limit {
        let others = calls.limited - self.limited.map_or(0, |then| then.limited);
        let answered = self.limited.map_or(0, |then| (calls.answered - then.answered).saturating_sub(then.in_flight));
        let is_shown = answered > 0 && answered >= others * ANSWERED_FOR_ONE_LIMITED;
        let is_as_before = self.own_limited > 0 && others == 0;
        self.is_limited_alone |= is_shown;
        let limit = if is_shown || is_as_before && self.is_limited_alone {
            Limit::Row
        } else if is_as_before {
            Limit::PerhapsRow
        } else {
            Limit::All
        };
        // Where it counts for the others, it is none of theirs for the row itself.
        self.limited = Some(Calls { limited: calls.limited + u64::from(limit.counts_for_others()), ..calls });
        self.own_limited += usize::from(limit != Limit::All);
        limit
    }
}

impl Limit {
    /// Whether the 429 says something about those that others are told.
    pub(super) fn counts_for_others(self) -> bool {
        match self {
            Self::All | Self::PerhapsRow => true,
            Self::Row => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(answered: u64, limited: u64) -> Calls {
        Calls { answered, limited, in_flight: 0 }
    }

    #[test]
    fn a_429_is_a_rows_own_when_others_are_answered_and_hardly_any_is_told_the_same() {
        for (answered, limited, is_own) in [(0, 0, false), (1, 0, true), (3, 1, false), (4, 1, true), (40, 11, false)] {
            let mut row = Troubles::default();
            assert_eq!(row.limited(calls(100, 10)), Limit::All, "nobody can tell from the first");
            let limit = row.limited(calls(100 + answered, 11 + limited));
            assert_eq!(limit, if is_own { Limit::Row } else { Limit::All }, "{answered} to {limited}");
        }
    }

    #[test]
    fn a_row_that_is_alone_behind_its_own_429_stays_on_its_own_account() {
        let mut row = Troubles::default();
        row.limited(calls(0, 0));
        assert_eq!(row.limited(calls(9, 1)), Limit::Row);
        assert_eq!(row.limited(calls(9, 1)), Limit::Row, "nobody has called since");
        assert_eq!(row.limited(calls(9, 2)), Limit::All, "somebody was told the same");
    }

    #[test]
    fn a_429_in_an_earlier_run_speaks_against_a_row_only_while_nobody_else_is_told_so() {
        for (status, http_status) in [(Status::RateLimited, Some(429)), (Status::Unconfirmed, Some(429))] {
            let mut rows = [(); 2].map(|()| Troubles::of_earlier_run(status, http_status));
            assert_eq!(rows[0].limited(calls(0, 0)), Limit::PerhapsRow);
            assert_eq!(rows[0].limited(calls(0, 1)), Limit::PerhapsRow, "nobody else has called");
            assert_eq!(rows[1].limited(calls(0, 2)), Limit::All);
            assert_eq!(rows[0].limited(calls(0, 3)), Limit::All);
            assert_eq!(rows[0].limited(calls(1, 4)), Limit::Row, "another is answered");
        }
    }

    #[test]
    fn calls_that_were_in_flight_at_a_429_say_nothing_about_it() {
        let mut row = Troubles::default();
        row.limited(Calls { in_flight: 3, ..calls(0, 0) });
        assert_eq!(row.limited(calls(3, 1)), Limit::All);
        let mut row = Troubles::default();
        row.limited(Calls { in_flight: 3, ..calls(0, 0) });
        assert_eq!(row.limited(calls(4, 1)), Limit::Row);
    }

    #[test]
    fn a_failure_is_worth_most_the_first_time_and_least_behind_answers_for_others() {
        let now = Instant::now();
        let mut row = Troubles::default();
        let worth = [1, 1, 2, 2].map(|streak| row.failed(streak, now));
        assert_eq!(worth, [Witness::New, Witness::Again, Witness::Suspect, Witness::Again]);
        assert_eq!(Troubles::of_earlier_run(Status::ServerError, Some(500)).failed(1, now), Witness::Suspect);
        assert_eq!(Troubles::of_earlier_run(Status::Unreachable, None).failed(1, now), Witness::New);
    }
}
