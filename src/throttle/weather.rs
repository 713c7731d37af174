//! Learns from the answers whether the API is well, asks for a pause or is down. Pure bookkeeping: callers pass in the
//! time, and no function here waits.
//!
//! - A **429** pauses all calls until its `Retry-After`. The end of the pause only ever moves later: a late success of
//!   an older call must not lift it. Without a usable `Retry-After`, the pauses double from `FIRST_WAIT` to
//!   `LONGEST_WAIT`.
//! - An **outage** begins when too many rows fail, with no answer between them, for the rows to be the cause. Then one
//!   call at a time checks whether it is over, each for another row. All other calls wait until any call is answered.
//! - **A single row's own faults** cause neither: see [`Troubles`].
//!
//! A *series* (or streak) of failures ends with the next answer. Until then it is not known who is at fault, so a row
//! that has used up its attempts waits for the end of the series. If the series was an outage, its failures do not
//! count as attempts. It was an outage in two cases: it was declared one while it lasted, or the answer that ends it
//! goes to a row that had failed in it. In the second case that row is well, so the API was not.
//!
//! For example, rows 5 and 6 fail, and series 0 is under way.
//!
//! - Row 7 is answered: series 0 was not an outage. Rows 5 and 6 have each used up one attempt.
//! - Row 5 is tried again and answered: series 0 was an outage. Neither row has used up an attempt for it.
//! - Eight more rows fail before any answer: these are ten, so series 0 is declared an outage (with more than ten calls
//!   in flight, it takes as many failures as those). None of the ten rows has used up an attempt for it.

use std::time::Duration;

use tokio::time::Instant;

use super::signs::{Advice, Change, Down, MayCall, Permit, Role, Sign, Untried};
use super::troubles::{Calls, LEAST_OWN_LIMITED, Limit, Streak, Troubles, Witness};
use crate::config::length_of_time;
use crate::outcome::{Stop, StopReason};

/// The first of several waits that double: short enough that a brief failure costs little. Chosen by us.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest of such waits: an API that is back is noticed within a minute. Chosen by us.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The wait between two checks of an API that is down, as a part of the time that it has been down: its return is
/// noticed within a tenth of that time more. In the first ten seconds, it is checked every second. Chosen by us.
const LOOK_PART: u32 = 10;
/// The longest wait that a message states: a server can ask for more years than make sense in a sentence.
const LONGEST_SAID: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The fewest failures, with no answer between them, that make an outage: fewer may come from two rows that the API
/// cannot handle. Chosen by us.
const OUTAGE_FAILURES: usize = 10;
/// How long rows may go on failing while no other row is answered, before they are given up; less if `max_outage` is
/// less. (Source: the contract.)
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// What is known about the API.
#[derive(Debug)]
pub(super) struct Weather {
    max_outage: Duration,
    max_attempts: usize,
    calls: Calls,
    /// How many calls have begun.
    begun: u64,
    /// The number of the series under way; if none is, the number that the next one gets.
    streak: Streak,
    series: Option<Series>,
    outage: Option<Outage>,
    /// The numbers of the series that turned out to be outages.
    outages: Vec<Streak>,
    limited_since: Option<Instant>,
    limited_wait: Duration,
    /// How long a pause is at first, where the API does not say so.
    pub(super) first_wait: Duration,
    /// Where the calls go one at a time: how many had begun before that. Those may still be on their way.
    pub(super) alone_since: Option<u64>,
    /// How many calls are in flight that began since.
    alone_in_flight: u64,
    paused_until: Option<Instant>,
}

/// A series of failures under way.
#[derive(Debug)]
struct Series {
    since: Instant,
    /// How many calls had begun before its first failure ended.
    begun: u64,
    /// When the latest [`Witness::New`] failure came: the last time that a further row joined the series.
    newest: Instant,
    /// How many failures suggest that the API is at fault.
    failures: usize,
    /// The most calls that were in flight at the same time during the series: one cause can make all of them fail.
    most_in_flight: u64,
    /// Whether the failing rows have been given up.
    is_called_off: bool,
}

/// An outage under way.
#[derive(Debug)]
struct Outage {
    next_look: Instant,
    is_looking: bool,
}

impl Weather {
    /// Starts with an API that is well. The operator waits no longer than `max_outage`, and gives each row
    /// `max_attempts`.
    pub(super) fn new(max_outage: Duration, max_attempts: usize) -> Self {
        Self {
            max_outage,
            max_attempts,
            calls: Calls::default(),
            begun: 0,
            streak: 0,
            series: None,
            outage: None,
            outages: Vec::new(),
            limited_since: None,
            limited_wait: FIRST_WAIT,
            first_wait: FIRST_WAIT,
            alone_since: None,
            alone_in_flight: 0,
            paused_until: None,
        }
    }

    /// Whether the next call may start. If it may, it is counted as in flight.
    pub(super) fn may_call(&mut self, now: Instant) -> MayCall {
        if let Some(until) = self.paused_until.filter(|&until| until > now) {
            return MayCall::At(until);
        }
        let role = match &mut self.outage {
            None if self.alone_since.is_some() && self.alone_in_flight > 0 => return MayCall::Later,
            None => Role::Ordinary,
            Some(outage) if outage.is_looking => return MayCall::Later,
            Some(outage) if outage.next_look > now => return MayCall::At(outage.next_look),
            Some(outage) => {
                outage.is_looking = true;
                Role::Probe(self.streak)
            }
        };
        MayCall::Now(self.begin(role, now))
    }

    /// Counts a call that begins.
    pub(super) fn begin(&mut self, role: Role, now: Instant) -> Permit {
        let number = self.begun;
        self.begun += 1;
        self.calls.in_flight += 1;
        self.alone_in_flight += u64::from(self.alone_since.is_some());
        Permit { role, number, at: now }
    }

    /// Records how a call for `row` ended, and says what to do with the row.
    pub(super) fn note(
        &mut self,
        (sign, permit): (Sign, Permit),
        row: &mut Troubles,
        untried: Untried,
        now: Instant,
    ) -> (Advice, Vec<Change>) {
        let in_flight = self.calls.in_flight;
        self.calls.in_flight = in_flight.saturating_sub(1);
        if self.alone_since.is_some_and(|since| permit.number >= since) {
            self.alone_in_flight = self.alone_in_flight.saturating_sub(1);
        }
        match sign {
            Sign::Failed | Sign::Unreachable => {
                let witness = row.failed(self.streak, now);
                let counts = match witness {
                    Witness::New => true,
                    // It is never the row's fault that no connection could be made.
                    Witness::Suspect => sign == Sign::Unreachable,
                    Witness::Again => false,
                };
                let series = self.series.get_or_insert(Series::begin(now, self.begun));
                series.failures += usize::from(counts);
                series.most_in_flight = series.most_in_flight.max(in_flight);
                if witness == Witness::New {
                    series.newest = now;
                }
                match self.outage {
                    None => self.failed(row, now),
                    Some(_) => self.failed_in_outage((sign, permit.role), untried, now),
                }
            }
            Sign::Answered => {
                self.calls.answered += 1;
                self.limited_since = None;
                self.limited_wait = self.first_wait;
                (Advice::GoOn, self.answered(permit, row).into_iter().collect())
            }
            Sign::Limited(retry_after) => {
                let ended = self.answered(permit, row);
                let (advice, change) = self.limited(retry_after, row, now);
                (advice, ended.into_iter().chain(change).collect())
            }
        }
    }

    /// Whether a row has used up its attempts, as far as is known now.
    pub(super) fn is_used_up(&self, row: &Troubles) -> bool {
        let own = row.failures(|streak| streak < self.streak && !self.outages.contains(&streak));
        own >= self.max_attempts
    }

    /// Whether this series of failures is under way and is not an outage so far.
    pub(super) fn is_undecided(&self, streak: Streak) -> bool {
        self.streak == streak && self.outage.is_none()
    }

    /// Has the calls go one at a time from now on, or no longer.
    pub(super) fn go_alone(&mut self, is_alone: bool) {
        if !is_alone {
            (self.alone_since, self.alone_in_flight) = (None, 0);
        } else if self.alone_since.is_none() {
            self.alone_since = Some(self.begun);
        }
    }

    /// When the last pause ends or ended.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Since when the API is down, and what comes next; `None` if it is not.
    pub(super) fn down(&self) -> Option<Down> {
        let (outage, series) = self.outage.as_ref().zip(self.series.as_ref())?;
        Some(Down { since: series.since, next_look: outage.next_look, gives_up: series.since + self.max_outage })
    }

    /// Whether the API is down.
    pub(super) fn is_down(&self) -> bool {
        self.outage.is_some()
    }

    /// Records an answer. It ends an outage. It ends a series of failures only if its call began after the first
    /// failure. A call that began earlier says nothing about the time since then; it only shows that not all calls
    /// fail, so the failures before it no longer count towards an outage.
    fn answered(&mut self, permit: Permit, answered: &Troubles) -> Option<Change> {
        let series = self.series.as_mut()?;
        if self.outage.is_none() && permit.number < series.begun {
            series.failures = 0;
            series.most_in_flight = 0;
            return None;
        }
        self.series = None;
        let was_known = self.outages.contains(&self.streak);
        if answered.failed_in(self.streak) && !was_known {
            self.outages.push(self.streak);
        }
        self.streak += 1;
        Some(self.outage.take().map_or(Change::SeriesEnded, |_outage| Change::OutageEnded))
    }

    /// Handles a failure while there is no outage.
    fn failed(&mut self, row: &Troubles, now: Instant) -> (Advice, Vec<Change>) {
        let Some(series) = &self.series else { return (Advice::GoOn, Vec::new()) };
        if series.is_called_off {
            return (Advice::End, Vec::new());
        }
        let in_flight = usize::try_from(series.most_in_flight).unwrap_or(usize::MAX);
        if series.failures >= in_flight.max(OUTAGE_FAILURES) {
            self.outages.push(self.streak);
            return (self.look_again(now), vec![Change::OutageBegan]);
        }
        let tried = row.failures(|streak| streak == self.streak || !self.outages.contains(&streak));
        let advice = if tried < self.max_attempts {
            Advice::BackOff(Duration::ZERO)
        } else if self.is_used_up(row) || row.failing_for(now) >= self.patience() {
            Advice::End
        } else {
            Advice::AwaitEnd(self.streak)
        };
        (advice, Vec::new())
    }

    fn failed_in_outage(
        &mut self,
        (sign, role): (Sign, Role),
        untried: Untried,
        now: Instant,
    ) -> (Advice, Vec<Change>) {
        if role != Role::Probe(self.streak) {
            // This call was in flight when the outage began, so it says nothing new.
            return (Advice::Queue, Vec::new());
        }
        if sign == Sign::Failed && untried == Untried::None && self.is_hopeless(now) {
            self.outage = None;
            self.outages.retain(|&outage| outage != self.streak);
            if let Some(series) = &mut self.series {
                series.is_called_off = true;
            }
            return (Advice::End, vec![Change::OutageCalledOff]);
        }
        (self.look_again(now), vec![Change::StillDown])
    }

    /// Whether the remaining rows seem to fail through their own fault: the API has answered other rows, but none since
    /// the series began, and the series has lasted long enough. That is: no further row has joined it for the patience,
    /// or it has lasted as long as the operator waits.
    fn is_hopeless(&self, now: Instant) -> bool {
        let since = |time: Instant| now.saturating_duration_since(time);
        let is_over =
            |series: &Series| since(series.newest) >= self.patience() || since(series.since) >= self.max_outage;
        self.calls.answered > 0 && self.series.as_ref().is_some_and(is_over)
    }

    /// Plans the next check of whether the API is back, or stops the run if the outage has lasted too long.
    fn look_again(&mut self, now: Instant) -> Advice {
        let since = self.series.as_ref().map_or(now, |series| series.since);
        let left = (since + self.max_outage).saturating_duration_since(now);
        if left.is_zero() {
            let waited = length_of_time(self.max_outage);
            let detail = format!("iMocha did not answer for {waited} (--max-outage)");
            return Advice::Stop(Stop { reason: StopReason::Outage, detail });
        }
        let wait = (now.saturating_duration_since(since) / LOOK_PART).clamp(FIRST_WAIT, LONGEST_WAIT);
        self.outage = Some(Outage { next_look: now + wait.min(left), is_looking: false });
        Advice::Queue
    }

    fn patience(&self) -> Duration {
        LEAST_PATIENCE.min(self.max_outage)
    }

    fn limited(&mut self, retry_after: Option<Duration>, row: &mut Troubles, now: Instant) -> (Advice, Option<Change>) {
        let limit = row.limited(self.calls);
        self.calls.limited += u64::from(limit.counts_for_others());
        match limit {
            Limit::Row => self.limited_alone(retry_after, row, Duration::ZERO, now),
            // As long as no other row is answered, this is not certain, so the row gets some time.
            Limit::PerhapsRow => self.limited_alone(retry_after, row, self.patience(), now),
            Limit::All => self.limited_with_all(retry_after, row, now),
        }
    }

    /// Handles a 429 that only this row gets: it neither pauses nor slows the others. The row is not given up before
    /// `patience` has passed.
    fn limited_alone(
        &self,
        retry_after: Option<Duration>,
        row: &mut Troubles,
        patience: Duration,
        now: Instant,
    ) -> (Advice, Option<Change>) {
        let wait = retry_after.unwrap_or_default();
        let was_told_often = row.own_limited() >= self.max_attempts.max(LEAST_OWN_LIMITED);
        let is_used_up = row.limited_for(now) >= patience && was_told_often;
        let advice = if is_used_up || wait > self.max_outage { Advice::End } else { Advice::BackOff(wait) };
        let has_slowed_others = std::mem::take(&mut row.has_slowed_others);
        (advice, has_slowed_others.then_some(Change::Absolved))
    }

    fn limited_with_all(
        &mut self,
        retry_after: Option<Duration>,
        row: &mut Troubles,
        now: Instant,
    ) -> (Advice, Option<Change>) {
        let since = *self.limited_since.get_or_insert(now);
        let most = length_of_time(self.max_outage);
        let stop = |detail| (Advice::Stop(Stop { reason: StopReason::RateLimited, detail }), None);
        if let Some(asked) = retry_after.filter(|&asked| asked > self.max_outage) {
            let asked = length_of_time(asked.min(LONGEST_SAID));
            return stop(format!(
                "iMocha asked to wait for {asked} (429 or 503), longer than --max-outage {most} allows"
            ));
        }
        let is_new = self.paused_until.is_none_or(|until| until <= now);
        if is_new && now.saturating_duration_since(since) >= self.max_outage {
            return stop(format!(
                "iMocha answered 429 for {most} (--max-outage), perhaps because the quota is used up"
            ));
        }
        let asked = retry_after.filter(|asked| !asked.is_zero());
        let until = match self.paused_until {
            // The call left before the pause. Its 429 says nothing new, unless it asks for longer.
            Some(until) if !is_new => asked.map_or(until, |asked| until.max(now + asked)),
            _ => now + asked.unwrap_or(self.limited_wait),
        };
        if is_new {
            self.limited_wait = (self.limited_wait * 2).min(LONGEST_WAIT);
        }
        let change = if is_new { Change::Paused } else { Change::PausedLonger };
        let is_longer = self.paused_until.replace(until) != Some(until);
        row.has_slowed_others |= is_new;
        (Advice::BackOff(until.saturating_duration_since(now)), is_longer.then_some(change))
    }
}

impl Series {
    fn begin(now: Instant, begun: u64) -> Self {
        Self { since: now, begun, newest: now, failures: 0, most_in_flight: 0, is_called_off: false }
    }
}
