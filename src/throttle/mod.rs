//! When the next call may leave. One throttle serves the whole process, and every call, tries again included, takes a
//! permit from it.
//!
//! - `pace` keeps the calls to the rate.
//! - `weather` knows from the answers whether to pause, and whether the API is down.
//! - `troubles` knows of each row whether the API or the row itself is to blame.
//!
//! A 429 also halves the rate, and what is answered after it raises it again, step by step.

mod pace;
mod signs;
mod troubles;
mod weather;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use self::pace::{Pace, Start};
pub use self::signs::{Advice, Permit, Role, Sign, Untried};
use self::signs::{Change, MayCall};
pub use self::troubles::{Streak, Troubles};
use self::weather::Weather;
use crate::config::{MaxAttempts, Rate};

/// How far a rate is halved at the most: to a 32nd.
const MOST_HALVINGS: u32 = 5;
/// How many answers without a 429 raise a halved rate by one step. Chosen by us: at five calls a second, two seconds.
const ANSWERS_A_STEP: u32 = 10;
/// Steps from nothing to the whole rate.
const STEPS: u32 = 1 << MOST_HALVINGS;

/// A row that was told 429 lets so many turns of the rate pass before it comes back, so that others show whether they are
/// told the same. Chosen by us: more than the default of calls in flight.
const TURNS_FOR_OTHERS: u32 = 6;
/// The longest time for these.
const LONGEST_STEP_ASIDE: Duration = Duration::from_secs(10);

/// Hands out permits for calls, in the order in which they were asked for.
#[derive(Debug)]
pub struct Throttle {
    /// One caller at a time waits for the turn, the pause and the end of an outage, and the others wait for it. With a
    /// timer for each of them, all would wake for each turn.
    gate: tokio::sync::Mutex<()>,
    /// A lock, because calls that end change it while the caller at the gate waits.
    speed: Mutex<Speed>,
    /// Likewise.
    weather: Mutex<Weather>,
    /// Wakes those who wait for the weather to change.
    changed: watch::Sender<()>,
    /// What is shown of all that.
    outlook: watch::Sender<Outlook>,
}

/// What the calls do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// They leave.
    Fair,
    /// They wait until then, because the API asked for it.
    Paused {
        /// The end of the pause.
        until: Instant,
    },
    /// They wait until the API answers again.
    Down,
}

/// The present rate.
#[derive(Debug)]
struct Speed {
    /// `None` is no limit.
    interval: Option<Duration>,
    pace: Option<Arc<Pace>>,
    /// The present share of the rate, in [`STEPS`].
    steps: u32,
    answers: u32,
}

impl Throttle {
    /// A throttle that keeps to `rate`, waits no longer than `max_outage` for an API that is down or asks for a pause, and
    /// gives each row `max_attempts`. The first permit is free at once.
    pub fn new(rate: Rate, max_outage: Duration, max_attempts: MaxAttempts) -> Self {
        let interval = match rate {
            Rate::Unlimited => None,
            Rate::Limited { calls, period } => Some(period / calls.get()),
        };
        let pace = interval.map(|interval| Arc::new(Pace::new(interval, Start::Fresh)));
        Self {
            gate: tokio::sync::Mutex::new(()),
            speed: Mutex::new(Speed { interval, pace, steps: STEPS, answers: 0 }),
            weather: Mutex::new(Weather::new(max_outage, max_attempts.get())),
            changed: watch::Sender::new(()),
            outlook: watch::Sender::new(Outlook::Fair),
        }
    }

    /// Waits until the next call may leave, and tells as what it calls: in an outage, one at a time looks whether it is
    /// over. Whoever has a permit calls, and [`note`](Self::note)s what came of it.
    ///
    /// # Cancel safety
    ///
    /// A caller that gives up the wait loses its place, and at the most one turn is left unused.
    pub async fn permit(&self) -> Permit {
        let _gate = self.gate.lock().await;
        loop {
            self.turn().await;
            if let MayCall::Now(permit) = self.may_call() {
                return permit;
            }
            // Before the second look, so that no change is missed between it and the wait.
            let mut changed = self.changed.subscribe();
            match self.may_call() {
                MayCall::Now(permit) => return permit,
                MayCall::At(time) => {
                    tokio::select! {
                        () = sleep_until(time) => {}
                        () = change(&mut changed) => {}
                    }
                }
                MayCall::Later => change(&mut changed).await,
            }
        }
    }

    fn may_call(&self) -> MayCall {
        lock(&self.weather).may_call(Instant::now())
    }

    /// Takes note of what a call that had a permit says about the API, and says what is to be done with its row, of
    /// which `row` knows what it has met so far.
    pub fn note(&self, (sign, permit): (Sign, Permit), row: &mut Troubles, untried: Untried) -> Advice {
        let (advice, changes) = lock(&self.weather).note((sign, permit), row, untried, Instant::now());
        for &change in &changes {
            match change {
                Change::Paused => lock(&self.speed).halve(),
                Change::Absolved => lock(&self.speed).unhalve(),
                Change::OutageBegan | Change::OutageEnded | Change::OutageCalledOff | Change::SeriesEnded => {}
            }
            self.show(change);
            say(change);
        }
        // Whoever waits for the end of a look at an outage looks next.
        if !changes.is_empty() || permit.role != Role::Ordinary {
            self.changed.send_replace(());
        }
        match (sign, advice) {
            (Sign::Answered, advice) => {
                lock(&self.speed).answered();
                advice
            }
            (Sign::Limited(_), Advice::BackOff(pause)) => Advice::BackOff(pause + lock(&self.speed).step_aside()),
            (Sign::Limited(_) | Sign::Failed | Sign::Unreachable, advice) => advice,
        }
    }

    /// Whether a row has used up its attempts, as far as is known by now: whose fault its failures were can show itself
    /// later.
    pub fn is_used_up(&self, row: &Troubles) -> bool {
        lock(&self.weather).is_used_up(row)
    }

    /// Whether the API is down.
    pub fn is_down(&self) -> bool {
        lock(&self.weather).is_down()
    }

    /// Waits until it is known whose fault a series of failures was.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the wait is given up.
    pub async fn end_of(&self, streak: Streak) {
        let mut changed = self.changed.subscribe();
        while lock(&self.weather).is_undecided(streak) {
            change(&mut changed).await;
        }
    }

    /// What the calls do at present, for those who watch.
    pub fn outlook(&self) -> watch::Receiver<Outlook> {
        self.outlook.subscribe()
    }

    fn show(&self, change: Change) {
        let outlook = match change {
            Change::Paused => {
                lock(&self.weather).paused_until().map_or(Outlook::Fair, |until| Outlook::Paused { until })
            }
            Change::OutageBegan => Outlook::Down,
            Change::OutageEnded | Change::OutageCalledOff => Outlook::Fair,
            Change::Absolved | Change::SeriesEnded => return,
        };
        self.outlook.send_replace(outlook);
    }

    async fn turn(&self) {
        loop {
            let Some(pace) = lock(&self.speed).pace.clone() else { return };
            pace.turn().await;
            // A turn of a pace that was given up meanwhile could fall together with one of the next.
            if lock(&self.speed).pace.as_ref().is_some_and(|present| Arc::ptr_eq(present, &pace)) {
                return;
            }
        }
    }
}

impl Speed {
    fn halve(&mut self) {
        self.set(self.steps.div_ceil(2));
    }

    fn unhalve(&mut self) {
        self.set((self.steps * 2).min(STEPS));
    }

    /// How long a row that was told 429 lets others go before it.
    fn step_aside(&self) -> Duration {
        let interval = self.interval.unwrap_or_default() * STEPS / self.steps;
        (interval * TURNS_FOR_OTHERS).min(LONGEST_STEP_ASIDE)
    }

    fn answered(&mut self) {
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
        self.pace = self.interval.map(|interval| Arc::new(Pace::new(interval * STEPS / steps, Start::AfterCall)));
    }
}

/// Says what changed. The log does not block.
fn say(change: Change) {
    let text = match change {
        Change::SeriesEnded => return,
        Change::Paused => "iMocha answers 429: all calls pause, and then go on at half the rate",
        Change::Absolved => "iMocha answers 429 to one row alone: the others go on at the rate that they had",
        Change::OutageBegan => {
            "iMocha is not answering: all calls wait, and one row looks now and then whether it is back"
        }
        Change::OutageEnded => "iMocha answers again: the calls go on",
        Change::OutageCalledOff => "nothing is left but rows that fail: they end as their last call left them",
    };
    tracing::warn!("{text}");
}

/// Waits until something changes. The sender lives in the throttle that is asked, so the wait cannot fail.
async fn change(changed: &mut watch::Receiver<()>) {
    drop(changed.changed().await);
}

/// A lock that was poisoned by a panic still holds sound numbers.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
