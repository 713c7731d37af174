//! Decides when the next call may start. One throttle serves the whole process, and every call, repeated ones included,
//! needs a permit from it.
//!
//! - `pace` keeps the calls to the rate.
//! - `weather` learns from the answers whether to pause, and whether the API is down.
//! - `troubles` keeps the failures of each row, and tells whether the API or the row itself is to blame.
//!
//! A 429 also halves the rate. Answers after it raise the rate again, step by step.

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

/// How often a rate can be halved: down to a 32nd.
const MOST_HALVINGS: u32 = 5;
/// A halved rate rises by one step after this many answers without a 429. Chosen by us: at five calls a second, two
/// seconds.
const ANSWERS_A_STEP: u32 = 10;
/// The whole rate, in steps.
const STEPS: u32 = 1 << MOST_HALVINGS;

/// A row that got a 429 waits for this many turns of the rate before it comes back. In that time, other rows show
/// whether they get a 429, too. Chosen by us: more than the default number of calls in flight.
const TURNS_FOR_OTHERS: u32 = 6;
/// The longest that these turns may take together.
const LONGEST_STEP_ASIDE: Duration = Duration::from_secs(10);

/// Hands out permits for calls, in the order in which they were asked for.
#[derive(Debug)]
pub struct Throttle {
    /// Only the caller that holds this lock waits for its turn, for a pause or for the end of an outage; all others
    /// wait for the lock. If each had its own timer, all of them would wake up for every turn.
    gate: tokio::sync::Mutex<()>,
    /// A lock, because calls that end change the speed while the caller at the gate waits.
    speed: Mutex<Speed>,
    /// A lock for the same reason.
    weather: Mutex<Weather>,
    /// Wakes the callers that wait for the weather to change.
    changed: watch::Sender<()>,
    /// The state that is shown to the user.
    outlook: watch::Sender<Outlook>,
}

/// Whether calls start, or why they do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Calls start.
    Fair,
    /// No call starts before `until`, because the API asked for a pause.
    Paused {
        /// The end of the pause.
        until: Instant,
    },
    /// No call starts until the API answers again, except the one that checks for it.
    Down,
}

/// The current rate.
#[derive(Debug)]
struct Speed {
    /// The time between two calls at the whole rate; `None` means no limit.
    interval: Option<Duration>,
    pace: Option<Arc<Pace>>,
    /// The current share of the rate, in [`STEPS`].
    steps: u32,
    answers: u32,
}

impl Throttle {
    /// Makes a throttle that keeps to `rate`, waits no longer than `max_outage` for an API that is down or asks for a
    /// pause, and gives each row `max_attempts`. The first permit is free at once.
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

    /// Waits until the next call may start. The permit says which role the call has: during an outage, one call at a
    /// time checks whether the outage is over. The caller must make its call, and then [`note`](Self::note) the result.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the caller loses its place in line, and at most one turn stays unused.
    pub async fn permit(&self) -> Permit {
        let _gate = self.gate.lock().await;
        loop {
            self.turn().await;
            if let MayCall::Now(permit) = self.may_call() {
                return permit;
            }
            // Subscribe before asking a second time, so that no change between the two is missed.
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

    /// Records what a call says about the API, and says what to do with its row. `row` holds the earlier failures of
    /// that row.
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
        // A call that was waiting for the end of this probe may be the next probe.
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

    /// Whether a row has used up its attempts, as far as is known now: it can turn out later whose fault its failures
    /// were.
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
    /// If the future is dropped, nothing is lost.
    pub async fn end_of(&self, streak: Streak) {
        let mut changed = self.changed.subscribe();
        while lock(&self.weather).is_undecided(streak) {
            change(&mut changed).await;
        }
    }

    /// Reports whether calls start, now and at each change.
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
            // If the pace was replaced while this call waited, its turn does not count: the new pace might give out a
            // turn at the same time.
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

    /// How long a row that got a 429 waits so that other rows call before it.
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

/// Logs what changed. Logging does not block.
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

/// Waits until something changes. The throttle owns the sender, so the wait cannot fail.
async fn change(changed: &mut watch::Receiver<()>) {
    drop(changed.changed().await);
}

/// Locks also after a panic in another holder: the numbers are still valid then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
