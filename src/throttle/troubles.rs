//! Keeps the failures of one row, to tell whether the row or the API is at fault.
//!
//! The question is always: would another row have succeeded in its place? Calls of other rows that were answered since
//! then say yes; calls that failed in the same way say no.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::{Effect, Status};

/// A 429 is the row's own if, for each 429 of another row, at least this many calls of other rows were answered. Chosen
/// by us: where the API limits everybody, more than a fifth of the calls get a 429.
const ANSWERED_FOR_ONE_LIMITED: u64 = 4;
/// A row ends after this many 429s of its own at the earliest, even if it has fewer attempts: one of them may be
/// chance.
pub(super) const LEAST_OWN_LIMITED: usize = 5;
/// The HTTP status of an API that asks for fewer calls.
const TOO_MANY_REQUESTS: u16 = 429;

/// The number of a series of failures: calls that failed with no answer between them.
pub type Streak = u64;

/// The failures of one row so far.
#[derive(Debug, Default)]
pub struct Troubles {
    /// For each failed call, the series of failures that it belongs to.
    failures: Vec<Streak>,
    /// When the row first failed in its last series.
    failing_since: Option<Instant>,
    /// Whether other rows were answered after a failure of this row, in this run or an earlier one.
    is_suspect: bool,
    /// The counts of all calls when the row got its last 429.
    limited: Option<Calls>,
    /// How many 429s of its own the row got. All earlier runs together count as one at most.
    own_limited: usize,
    /// When the row got its first 429 of its own in this run.
    limited_since: Option<Instant>,
    /// Whether answers to other rows in this run have shown that the row's 429s are its own.
    is_limited_alone: bool,
    /// Whether the row's 429 made all others pause, and the rate has not been restored since.
    pub(super) has_slowed_others: bool,
}

/// The counts of all calls so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Calls {
    pub(super) answered: u64,
    pub(super) limited: u64,
    /// Calls that have not ended.
    pub(super) in_flight: u64,
}

/// What a failure says about the API, given the earlier failures of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witness {
    /// The row's first failure: the API or the row may be at fault.
    New,
    /// The row failed before, and others were answered since: the row is probably at fault.
    Suspect,
    /// The row has already failed in this series: this says nothing new.
    Again,
}

/// Whom a 429 is meant for, given the earlier 429s of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Everybody: the API limits all calls.
    All,
    /// This row alone: others are answered.
    Row,
    /// This row alone, as it seems: the row got a 429 in an earlier run, and no other row gets one in this run. If
    /// other rows get a 429 later, this one counts towards a limit of all calls.
    PerhapsRow,
}

impl Troubles {
    /// The failures of a row that an earlier run left with this status and this last answer. Both are needed: a row in
    /// doubt whose last answer was 429 has another status, but is as likely to get a 429 again.
    pub fn of_earlier_run(status: Status, http_status: Option<u16>) -> Self {
        let own_limited = usize::from(status == Status::RateLimited || http_status == Some(TOO_MANY_REQUESTS));
        let is_suspect = status.effect() == Effect::Possible;
        Self { is_suspect, own_limited, ..Self::default() }
    }

    /// Records a failure in this series, and says how it counts.
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

    /// How many of its failures belong to a series for which `counts` is true.
    pub(super) fn failures(&self, counts: impl Fn(Streak) -> bool) -> usize {
        self.failures.iter().filter(|&&streak| counts(streak)).count()
    }

    /// How many 429s of its own the row got.
    pub(super) fn own_limited(&self) -> usize {
        self.own_limited
    }

    /// How long ago the row first got a 429 of its own in this run. It has just got one; if that is the first, the time
    /// starts now.
    pub(super) fn limited_for(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.limited_since.get_or_insert(now))
    }

    /// Records a 429, and says whom it is meant for. It is the row's own if, since the row's last 429, other rows were
    /// answered and hardly any of them got a 429. It is also the row's own if an earlier one was, and no other row got
    /// a 429 since.
    ///
    /// Calls that were in flight at the row's last 429 do not count, because they may have started before it.
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
        // If the caller counts this 429 for all rows, the row's own copy of the counts includes it. Otherwise the row
        // would later take its own 429 for another row's.
        self.limited = Some(Calls { limited: calls.limited + u64::from(limit.counts_for_others()), ..calls });
        self.own_limited += usize::from(limit != Limit::All);
        limit
    }
}

impl Limit {
    /// Whether the 429 counts when a 429 of another row is judged.
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
