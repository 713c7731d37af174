//! When the next call may leave. One throttle serves the whole process, and every call, tries again included, takes a
//! permit from it.
//!
//! - `pace` keeps the calls to the rate.
//! - `weather` knows from the answers whether to pause, and whether the API is down.
//!
//! A 429 also halves the rate, and what is answered after it raises it again, step by step.

mod pace;
mod weather;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use self::pace::{Pace, Start};
pub use self::weather::{Advice, Role, Sign, Streak};
use self::weather::{Change, Weather};
use crate::config::Rate;

/// How far a rate is halved at the most: to a 32nd.
const MOST_HALVINGS: u32 = 5;
/// How many answers without a 429 raise a halved rate by one step. Chosen by us: at five calls a second, two seconds.
const ANSWERS_A_STEP: u32 = 10;
/// Steps from nothing to the whole rate.
const STEPS: u32 = 1 << MOST_HALVINGS;

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
    /// Whether the API is down.
    outage: watch::Sender<bool>,
    /// What is shown of all that.
    outlook: watch::Sender<Outlook>,
    /// Calls that have their permit and have not ended.
    in_flight: AtomicUsize,
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
    /// A throttle that keeps to `rate`, and waits no longer than `max_outage` for an API that is down or asks for a pause.
    /// The first permit is free at once.
    pub fn new(rate: Rate, max_outage: Duration) -> Self {
        let interval = match rate {
            Rate::Unlimited => None,
            Rate::Limited { calls, period } => Some(period / calls.get()),
        };
        let pace = interval.map(|interval| Arc::new(Pace::new(interval, Start::Fresh)));
        Self {
            gate: tokio::sync::Mutex::new(()),
            speed: Mutex::new(Speed { interval, pace, steps: STEPS, answers: 0 }),
            weather: Mutex::new(Weather::new(max_outage)),
            outage: watch::Sender::new(false),
            outlook: watch::Sender::new(Outlook::Fair),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// Waits until the next call may leave.
    ///
    /// # Cancel safety
    ///
    /// A caller that gives up the wait loses its place, and at the most one turn is left unused.
    pub async fn permit(&self) {
        let _gate = self.gate.lock().await;
        loop {
            self.turn().await;
            if !self.wait_for_fair_weather().await {
                self.in_flight.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Waits until the probe may call, after `wait` and at its turn, and tells as what it calls: where another call was
    /// answered meanwhile, it is a row among others again.
    ///
    /// # Cancel safety
    ///
    /// As [`permit`](Self::permit).
    pub async fn probe_permit(&self, wait: Duration) -> Role {
        let streak = self.streak();
        let due = async {
            sleep(wait).await;
            self.turn().await;
        };
        tokio::select! {
            () = end_of(self.outage.subscribe()) => {
                self.permit().await;
                Role::Ordinary
            }
            () = due => {
                self.in_flight.fetch_add(1, Ordering::Relaxed);
                Role::Probe(streak)
            }
        }
    }

    /// Takes note of what a call that had a permit says about the API, and says what is to be done.
    pub fn note(&self, sign: Sign, role: Role) -> Advice {
        let in_flight = self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let (advice, changes) = lock(&self.weather).note(sign, role, in_flight, Instant::now());
        for change in changes {
            match change {
                Change::Paused => lock(&self.speed).halve(),
                Change::OutageBegan => drop(self.outage.send_replace(true)),
                Change::OutageEnded => drop(self.outage.send_replace(false)),
            }
            self.outlook.send_replace(self.outlook_after(change));
            say(change);
        }
        if sign == Sign::Answered {
            lock(&self.speed).answered();
        }
        advice
    }

    /// The series of failures that the last failed call belongs to.
    pub fn streak(&self) -> Streak {
        lock(&self.weather).streak()
    }

    /// Whether a series of failures was an outage: then it was not the fault of the rows that met it.
    pub fn was_outage(&self, streak: Streak) -> bool {
        lock(&self.weather).was_outage(streak)
    }

    /// What the calls do at present, for those who watch.
    pub fn outlook(&self) -> watch::Receiver<Outlook> {
        self.outlook.subscribe()
    }

    fn outlook_after(&self, change: Change) -> Outlook {
        let now = Instant::now();
        match change {
            Change::Paused => Outlook::Paused { until: lock(&self.weather).paused_until(now).unwrap_or(now) },
            Change::OutageBegan => Outlook::Down,
            Change::OutageEnded => Outlook::Fair,
        }
    }

    fn is_down(&self) -> bool {
        *self.outage.borrow()
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

    /// Waits for the end of pauses and outages, and tells whether there was anything to wait for.
    async fn wait_for_fair_weather(&self) -> bool {
        let mut waited = false;
        loop {
            let paused_until = lock(&self.weather).paused_until(Instant::now());
            if let Some(until) = paused_until {
                sleep_until(until).await;
            } else if self.is_down() {
                end_of(self.outage.subscribe()).await;
            } else {
                return waited;
            }
            waited = true;
        }
    }
}

impl Speed {
    fn halve(&mut self) {
        self.set(self.steps.div_ceil(2));
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
        Change::Paused => "iMocha answers 429: all calls pause, and then go on at half the rate",
        Change::OutageBegan => {
            "iMocha is not answering: all calls wait, and one row looks now and then whether it is back"
        }
        Change::OutageEnded => "iMocha answers again: the calls go on",
    };
    tracing::warn!("{text}");
}

/// Waits until the API is no longer down. The sender lives in the throttle that is asked, so the wait cannot fail.
async fn end_of(mut outage: watch::Receiver<bool>) {
    drop(outage.wait_for(|is_down| !is_down).await);
}

/// A lock that was poisoned by a panic still holds sound numbers.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
