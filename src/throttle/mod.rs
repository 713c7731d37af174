//! Decides when the next call may start. One throttle serves the whole process, and every call, repeated ones included,
//! needs a permit from it.
//!
//! - `speed` is how fast calls may leave at present: `pace` keeps them to a rate that the operator names, and `seek` finds
//!   the rate that the API bears.
//! - `weather` learns from the answers whether to pause, and whether the API is down.
//! - `troubles` keeps the failures of each row, and tells whether the API or the row itself is to blame.
//!
//! A 429 also halves a rate that is named. Answers after it raise the rate again, step by step.

mod pace;
mod seek;
mod signs;
mod speed;
mod troubles;
mod weather;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub use self::seek::Stage;
pub use self::signs::{Advice, Down, Permit, Role, Sign, Untried};
use self::signs::{Change, MayCall};
pub use self::speed::FoundPace;
use self::speed::{Speed, Turning};
pub use self::troubles::{Streak, Troubles};
use self::weather::Weather;
use crate::config::{MaxAttempts, Rate};

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
    /// The pace that is being found, for display.
    found: watch::Sender<Option<FoundPace>>,
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
    Down(Down),
}

impl Throttle {
    /// Makes a throttle that keeps to `rate`, waits no longer than `max_outage` for an API that is down or asks for a
    /// pause, and gives each row `max_attempts`. The first permit is free at once.
    pub fn new(rate: Rate, max_outage: Duration, max_attempts: MaxAttempts) -> Self {
        Self::remembering(rate, None, max_outage, max_attempts)
    }

    /// The same, with the rate in calls a second that an earlier run has found, if it is to be found.
    pub fn remembering(rate: Rate, remembered: Option<f64>, max_outage: Duration, max_attempts: MaxAttempts) -> Self {
        let speed = Speed::new(rate, remembered);
        let found = speed.found_pace();
        Self {
            gate: tokio::sync::Mutex::new(()),
            speed: Mutex::new(speed),
            weather: Mutex::new(Weather::new(max_outage, max_attempts.get())),
            changed: watch::Sender::new(()),
            outlook: watch::Sender::new(Outlook::Fair),
            found: watch::Sender::new(found),
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
        let now = Instant::now();
        let (advice, changes) = lock(&self.weather).note((sign, permit), row, untried, now);
        for &change in &changes {
            match change {
                Change::Paused => lock(&self.speed).halve(),
                Change::Absolved => lock(&self.speed).unhalve(),
                Change::PausedLonger
                | Change::OutageBegan
                | Change::StillDown
                | Change::OutageEnded
                | Change::OutageCalledOff
                | Change::SeriesEnded => {}
            }
            self.show(change);
            let is_found = self.found.borrow().is_some();
            say(change, is_found);
        }
        let was_alone = self.learn((sign, permit), &advice, now);
        // A call that was waiting for the end of this probe may be the next probe.
        let is_for_waiting_calls = |change: &Change| !matches!(change, Change::PausedLonger | Change::StillDown);
        if changes.iter().any(is_for_waiting_calls) || permit.role != Role::Ordinary || was_alone {
            self.changed.send_replace(());
        }
        match (sign, advice) {
            (Sign::Limited(_), Advice::BackOff(pause)) => Advice::BackOff(pause + lock(&self.speed).step_aside()),
            (Sign::Answered | Sign::Limited(_) | Sign::Failed | Sign::Unreachable, advice) => advice,
        }
    }

    /// Lets the speed follow from the end of a call. Says whether that was the only call that could be in flight.
    fn learn(&self, (sign, permit): (Sign, Permit), advice: &Advice, now: Instant) -> bool {
        let mut speed = lock(&self.speed);
        let found = match &mut *speed {
            Speed::Unlimited => return false,
            Speed::Named(named) => {
                if sign == Sign::Answered {
                    named.answered();
                }
                return false;
            }
            Speed::Found(found) => found,
        };
        let mut weather = lock(&self.weather);
        let was_alone = found.is_alone();
        match (sign, advice, weather.paused_until()) {
            (Sign::Answered, _, _) => found.answered(permit, now),
            (Sign::Limited(_), Advice::Stop(_), _) => found.stopped(),
            // One row's own 429 makes no pause, and says nothing about the speed.
            (Sign::Limited(_), _, Some(until)) if until > now => found.limited(permit, now, until),
            (Sign::Limited(_) | Sign::Failed | Sign::Unreachable, _, _) => {}
        }
        weather.go_alone(found.is_alone());
        weather.first_wait = found.first_pause();
        let pace = Some(found.pace());
        self.found.send_if_modified(|shown| std::mem::replace(shown, pace) != pace);
        was_alone
    }

    /// The pace that is being found, now and at each change; `None` where none is.
    pub fn found(&self) -> watch::Receiver<Option<FoundPace>> {
        self.found.subscribe()
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
            Change::Paused | Change::PausedLonger => {
                lock(&self.weather).paused_until().map_or(Outlook::Fair, |until| Outlook::Paused { until })
            }
            Change::OutageBegan | Change::StillDown => lock(&self.weather).down().map_or(Outlook::Fair, Outlook::Down),
            Change::OutageEnded | Change::OutageCalledOff => Outlook::Fair,
            Change::Absolved | Change::SeriesEnded => return,
        };
        self.outlook.send_replace(outlook);
    }

    async fn turn(&self) {
        loop {
            let mut found = self.found.subscribe();
            let turning = lock(&self.speed).turn(Instant::now());
            match turning {
                Turning::Free => return,
                Turning::Paced(pace) => {
                    pace.turn().await;
                    // The next pace may begin meanwhile, and a turn of this one could fall together with one of that.
                    if lock(&self.speed).is_paced_by(&pace) {
                        return;
                    }
                }
                Turning::At(moment) => {
                    tokio::select! {
                        () = sleep_until(moment) => {}
                        _changed = found.changed() => {}
                    }
                }
            }
        }
    }
}

/// Logs what changed. Logging does not block.
fn say(change: Change, is_found: bool) {
    let (event, text) = match change {
        Change::PausedLonger | Change::StillDown | Change::SeriesEnded => return,
        Change::Paused if is_found => {
            ("paused", "iMocha answers 429: all calls pause, and then go on at a pace that it bears")
        }
        Change::Paused => ("paused", "iMocha answers 429: all calls pause, and then go on at half the rate"),
        Change::Absolved => {
            ("absolved", "iMocha answers 429 to one row alone: the others go on at the rate that they had")
        }
        Change::OutageBegan => {
            ("down", "iMocha is not answering: all calls wait, and one row looks now and then whether it is back")
        }
        Change::OutageEnded => ("up", "iMocha answers again: the calls go on"),
        Change::OutageCalledOff => {
            ("called_off", "nothing is left but rows that fail: they end as their last call left them")
        }
    };
    tracing::warn!(event, "{text}");
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
