//! How fast calls may leave at present: a rate that the operator names and 429s halve, or one that is found.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::pace::{Pace, SLACK, STRETCH_THOUSANDTHS, Start};
use super::seek::{Seeker, Stage};
use super::signs::Permit;
use crate::config::Rate;

/// How far a rate is halved at the most: to a 32nd.
const MOST_HALVINGS: u32 = 5;
/// How many answers without a 429 raise a halved rate by one step. Chosen by us: at five calls a second, two seconds.
pub(super) const ANSWERS_A_STEP: u32 = 10;
/// Steps from nothing to the whole rate.
const STEPS: u32 = 1 << MOST_HALVINGS;

/// A row that was told 429 lets this many turns of the rate pass before it comes back, so that others show whether they
/// are told the same. Chosen by us: more than the default of calls in flight.
const TURNS_FOR_OTHERS: u32 = 6;
/// The longest time for these.
const LONGEST_STEP_ASIDE: Duration = Duration::from_secs(10);

/// A pace that is being found, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundPace {
    /// Calls a second at present.
    pub per_second: f64,
    /// Whether these are as many as the operator allows.
    pub is_at_ceiling: bool,
    /// How far the search is.
    pub stage: Stage,
    /// The rate that is worth remembering, in calls a second.
    pub learned: Option<f64>,
    /// How many calls were told 429 because there were too many.
    pub limited: u64,
}

/// The present speed.
#[derive(Debug)]
pub(super) enum Speed {
    /// As fast as the API answers.
    Unlimited,
    /// At a rate that the operator names.
    Named(NamedSpeed),
    /// At the rate that the API bears.
    Found(Box<FoundSpeed>),
}

/// A rate that 429s halve, and answers raise again.
#[derive(Debug)]
pub(super) struct NamedSpeed {
    interval: Duration,
    pace: Arc<Pace>,
    /// The present share of the rate, in [`STEPS`].
    steps: u32,
    answers: u32,
}

/// A rate that is found.
#[derive(Debug)]
pub(super) struct FoundSpeed {
    seeker: Seeker,
    /// The most calls a second that the operator allows.
    ceiling: f64,
    /// The seeker before the last episode began, should that turn out to have been for the sake of one row. An episode with
    /// a second 429 was not.
    before: Option<Seeker>,
    began: Instant,
    /// When the turn of the last call was.
    last_turn: Option<Instant>,
    limited: u64,
}

impl Speed {
    /// The speed with which a run begins. `remembered` is what an earlier run found, in calls a second.
    pub(super) fn new(rate: Rate, remembered: Option<f64>) -> Self {
        match rate {
            Rate::Unlimited => Self::Unlimited,
            Rate::Limited { calls, period } => {
                let interval = period / calls.get();
                let pace = Arc::new(Pace::new(interval, Start::Fresh));
                Self::Named(NamedSpeed { interval, pace, steps: STEPS, answers: 0 })
            }
            Rate::Auto { calls, period } => {
                let ceiling = f64::from(calls.get()) / period.as_secs_f64();
                Self::Found(Box::new(FoundSpeed {
                    seeker: Seeker::new(ceiling, remembered),
                    ceiling,
                    before: None,
                    began: Instant::now(),
                    last_turn: None,
                    limited: 0,
                }))
            }
        }
    }

    /// What the next call has to wait for. A turn at a rate that is found is taken when it is there.
    pub(super) fn turn(&mut self, now: Instant) -> Turning {
        match self {
            Self::Unlimited => Turning::Free,
            Self::Named(named) => Turning::Paced(Arc::clone(&named.pace)),
            Self::Found(found) => found.turn(now),
        }
    }

    /// Whether this is still what keeps the calls to the speed.
    pub(super) fn is_paced_by(&self, pace: &Arc<Pace>) -> bool {
        matches!(self, Self::Named(named) if Arc::ptr_eq(&named.pace, pace))
    }

    /// A pause began: the calls were too fast.
    pub(super) fn halve(&mut self) {
        if let Self::Named(named) = self {
            named.set(named.steps.div_ceil(2));
        }
    }

    /// A pause turns out to have been for the sake of one row.
    pub(super) fn unhalve(&mut self) {
        match self {
            Self::Unlimited => {}
            Self::Named(named) => named.set((named.steps * 2).min(STEPS)),
            Self::Found(found) => {
                if let Some(before) = found.before.take() {
                    found.seeker = before;
                    found.limited = found.limited.saturating_sub(1);
                }
            }
        }
    }

    /// The pace that is being found; `None` where none is.
    pub(super) fn found_pace(&self) -> Option<FoundPace> {
        match self {
            Self::Unlimited | Self::Named(_) => None,
            Self::Found(found) => Some(found.pace()),
        }
    }

    /// How long a row that was told 429 lets others go before it.
    pub(super) fn step_aside(&self) -> Duration {
        let interval = match self {
            Self::Unlimited => Duration::ZERO,
            Self::Named(named) => named.interval * STEPS / named.steps,
            Self::Found(found) => interval_of(found.seeker.rate()),
        };
        (interval * TURNS_FOR_OTHERS).min(LONGEST_STEP_ASIDE)
    }
}

impl NamedSpeed {
    /// A call was answered.
    pub(super) fn answered(&mut self) {
        if self.steps == STEPS {
            return;
        }
        self.answers += 1;
        if self.answers == ANSWERS_A_STEP {
            self.set(self.steps + 1);
        }
    }

    fn set(&mut self, steps: u32) {
        self.steps = steps;
        self.answers = 0;
        self.pace = Arc::new(Pace::new(self.interval * STEPS / steps, Start::AfterCall));
    }
}

impl FoundSpeed {
    /// A call was answered.
    pub(super) fn answered(&mut self, permit: Permit, now: Instant) {
        self.seeker.answered(self.since_began(permit.at), self.since_began(now));
    }

    /// A call was told 429 while all pause until `pause_end`.
    pub(super) fn limited(&mut self, permit: Permit, now: Instant, pause_end: Instant) {
        let before = self.seeker.clone();
        let (sent, now) = (self.since_began(permit.at), self.since_began(now));
        let is_new = self.seeker.limited(sent, now, self.since_began(pause_end));
        self.before = is_new.then_some(before);
        self.limited += 1;
    }

    /// A call was told 429, and the run ends with that.
    pub(super) fn stopped(&mut self) {
        self.limited += 1;
    }

    /// Whether only one call may be in flight, as after a pause.
    pub(super) fn is_alone(&self) -> bool {
        self.seeker.is_alone()
    }

    /// How long a pause is at first, where the API does not say so.
    pub(super) fn first_pause(&self) -> Duration {
        self.seeker.first_pause()
    }

    /// The pace at present.
    pub(super) fn pace(&self) -> FoundPace {
        FoundPace {
            per_second: self.seeker.rate(),
            is_at_ceiling: self.seeker.rate() >= self.ceiling,
            stage: self.seeker.stage(),
            learned: self.seeker.learned(),
            limited: self.limited,
        }
    }

    fn since_began(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.began)
    }

    /// The turns lie one interval apart, whatever the present rate makes of it. A call whose timer was late does not push
    /// those behind it, up to [`SLACK`].
    fn turn(&mut self, now: Instant) -> Turning {
        let interval = interval_of(self.seeker.rate());
        let next = self.last_turn.map_or(now, |last| last + interval);
        if next > now {
            return Turning::At(next);
        }
        self.last_turn = Some(next.max(now.checked_sub(SLACK).unwrap_or(now)));
        Turning::Free
    }
}

/// What a call has to wait for before it may leave.
#[derive(Debug)]
pub(super) enum Turning {
    /// Nothing more.
    Free,
    /// Its turn at this pace.
    Paced(Arc<Pace>),
    /// This moment, or a change of the rate that is found.
    At(Instant),
}

/// The time between two calls, a little longer than the rate asks for, so that [`SLACK`] never puts one call too many into
/// a second.
fn interval_of(per_second: f64) -> Duration {
    let interval = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::from_secs(1));
    interval + interval * STRETCH_THOUSANDTHS / 1000
}
