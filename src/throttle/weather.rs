//! What the answers say about the API: is it well, does it ask for a pause, is it down? Pure bookkeeping: the time is
//! handed in, and nobody waits here.
//!
//! - A **429** pauses all calls until its `Retry-After`. The end of the pause only ever moves later: a late success of an
//!   older call must not lift it. Without a usable `Retry-After` the pauses double from `FIRST_WAIT` to `LONGEST_WAIT`.
//! - An **outage** begins when so many calls fail in a row, whatever their rows, that it cannot be the rows. Then one row
//!   probes, after waits that double likewise, and all others wait until anything at all is answered.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::{Stop, StopReason};

/// The first wait of a series that doubles: short enough that a hiccup costs little. Chosen by us.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of such a series: an API that is back is noticed within a minute. Chosen by us.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that is told: a server can ask for more years than make sense in a sentence.
const LONGEST_SAID: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The fewest failures in a row that are an outage: fewer can be a row that the API stumbles over at each of its
/// attempts, twice. Chosen by us.
const OUTAGE_FAILURES: usize = 10;

/// What one call says about the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answered for itself, whatever it said.
    Answered,
    /// It asked for fewer calls (429), for so long if it said how long.
    Limited(Option<Duration>),
    /// It failed (5xx), or was not there.
    Failed,
}

/// Who made a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A row among others.
    Ordinary,
    /// The one row that looks whether this outage is over.
    Probe(Streak),
}

/// What is to be done after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// The row goes on as the verdict on its call says.
    GoOn,
    /// The row is the probe: it calls again after this long, and no other calls meanwhile.
    Probe(Duration),
    /// No further call may leave.
    Stop(Stop),
}

/// What change a sign made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A pause began that was not there, so the calls were too fast.
    Paused,
    OutageBegan,
    OutageEnded,
}

/// A series of calls that failed one after the other. The number tells it from others.
pub type Streak = u64;

/// What is known about the API.
#[derive(Debug)]
pub(super) struct Weather {
    max_outage: Duration,
    streak: Streak,
    failures: usize,
    /// The most calls that were under way at once while they failed: so many can fail of one cause.
    most_in_flight: usize,
    /// When the first of them failed.
    failing_since: Option<Instant>,
    /// The wait before the next probe, while there is an outage.
    probe_wait: Option<Duration>,
    /// The streaks that turned out to be outages.
    outages: Vec<Streak>,
    limited_since: Option<Instant>,
    limited_wait: Duration,
    paused_until: Option<Instant>,
}

impl Weather {
    /// Fair weather, for an operator who waits no longer than `max_outage`.
    pub(super) fn new(max_outage: Duration) -> Self {
        Self {
            max_outage,
            streak: 0,
            failures: 0,
            most_in_flight: 0,
            failing_since: None,
            probe_wait: None,
            outages: Vec::new(),
            limited_since: None,
            limited_wait: FIRST_WAIT,
            paused_until: None,
        }
    }

    /// Takes note of one call's end, when `in_flight` calls were under way with it.
    pub(super) fn note(&mut self, sign: Sign, role: Role, in_flight: usize, now: Instant) -> (Advice, Vec<Change>) {
        match sign {
            Sign::Failed => self.failed(role, in_flight, now),
            Sign::Answered => {
                self.limited_since = None;
                self.limited_wait = FIRST_WAIT;
                (Advice::GoOn, self.answered().into_iter().collect())
            }
            Sign::Limited(retry_after) => {
                let ended = self.answered();
                let (advice, paused) = self.limited(retry_after, now);
                (advice, ended.into_iter().chain(paused).collect())
            }
        }
    }

    /// When the next call may leave, if not now. An outage has no such time.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|&until| until > now)
    }

    /// The series of failures that the last failed call belongs to.
    pub(super) fn streak(&self) -> Streak {
        self.streak
    }

    /// Whether a series of failures was the API's fault and not the rows'.
    pub(super) fn was_outage(&self, streak: Streak) -> bool {
        self.outages.contains(&streak)
    }

    /// An answer ends a series of failures, and an outage.
    fn answered(&mut self) -> Option<Change> {
        if self.failures > 0 {
            self.streak += 1;
            self.failures = 0;
            self.most_in_flight = 0;
            self.failing_since = None;
        }
        self.probe_wait.take().map(|_wait| Change::OutageEnded)
    }

    fn failed(&mut self, role: Role, in_flight: usize, now: Instant) -> (Advice, Vec<Change>) {
        self.failures += 1;
        self.most_in_flight = self.most_in_flight.max(in_flight);
        let since = *self.failing_since.get_or_insert(now);
        let (wait, change) = match self.probe_wait {
            // Calls that were in flight when the outage began say nothing new.
            Some(_) if role != Role::Probe(self.streak) => return (Advice::GoOn, Vec::new()),
            Some(wait) => ((wait * 2).min(LONGEST_WAIT), Vec::new()),
            None if self.failures < self.most_in_flight.max(OUTAGE_FAILURES) => return (Advice::GoOn, Vec::new()),
            None => {
                self.outages.push(self.streak);
                (FIRST_WAIT, vec![Change::OutageBegan])
            }
        };
        self.probe_wait = Some(wait);
        let left = (since + self.max_outage).saturating_duration_since(now);
        if left.is_zero() {
            let waited = humantime::format_duration(self.max_outage);
            let detail = format!("iMocha did not answer for {waited} (--max-outage)");
            return (Advice::Stop(Stop { reason: StopReason::Outage, detail }), change);
        }
        (Advice::Probe(wait.min(left)), change)
    }

    fn limited(&mut self, retry_after: Option<Duration>, now: Instant) -> (Advice, Option<Change>) {
        let since = *self.limited_since.get_or_insert(now);
        let most = humantime::format_duration(self.max_outage);
        let stop = |detail| (Advice::Stop(Stop { reason: StopReason::RateLimited, detail }), None);
        if let Some(asked) = retry_after.filter(|&asked| asked > self.max_outage) {
            let asked = humantime::format_duration(asked.min(LONGEST_SAID));
            return stop(format!("iMocha asked to wait for {asked} (429), longer than --max-outage {most} allows"));
        }
        let is_new = self.paused_until(now).is_none();
        if is_new && now.saturating_duration_since(since) >= self.max_outage {
            return stop(format!(
                "iMocha answered 429 for {most} (--max-outage), perhaps because the quota is used up"
            ));
        }
        let wait = retry_after.filter(|asked| !asked.is_zero()).unwrap_or(self.limited_wait);
        if is_new {
            self.limited_wait = (self.limited_wait * 2).min(LONGEST_WAIT);
        }
        self.paused_until = self.paused_until.max(Some(now + wait));
        (Advice::GoOn, is_new.then_some(Change::Paused))
    }
}
