//! Finds the pace that an API of unknown rate limit bears (`--rate auto`).
//!
//! Pure: no clock, no waiting. The caller says what came back and when (times
//! since the run began) and asks how fast it may go on.
//!
//! The pace doubles until the first refusal (429). The peak, what was accepted in the second before it, is the first guess,
//! as a window of a second or a cap on calls in flight accepts its limit and no more. From there the limit is closed in on
//! from both sides; then the pace is held just below it and seldom tried upwards. Two episodes together give the limit
//! itself, as does a long pause: see [`Episode::limit`].
//!
//! Only calls that really left raise the pace, and none do while answers show that calls pile up ([`backlog`]). Where a pace
//! that was borne is refused again and again, others use the same limit: then the pace goes up by steps that are larger, for
//! its size, the slower it is, and all are cut by the same share, so that their shares come to be equal.
//!
//! Refusals come in episodes: the first whose call was sent after the last pause ended, and all others until a call is
//! answered again. An episode changes the pace once, at its end.
//!
//! `course` counts what was accepted between pauses, `borne` goes on from a pace that was clean for a round, and `refused`
//! goes back from one that was not. The numbers are in `tuning`.

mod backlog;
mod borne;
mod course;
mod refused;
mod tuning;

use std::time::Duration;

use self::backlog::Backlog;
use self::course::{Course, Episode, Heard};
use self::tuning::{BELIEVED, CLIMB_LEAST, FILLED, FIRST_RATE, HOLD, HOLD_CUT, LEAST_RATE, PROBE_STEP};

/// What the seeker is doing, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Speeding up; nothing is known of a limit yet.
    Starting,
    /// Closing in on the limit.
    Searching,
    /// Keeping a pace that is borne.
    Holding,
    /// Trying a little more.
    Probing,
}

/// Finds and keeps the pace; see the module. Times are seconds since the run began.
#[derive(Debug, Clone)]
pub(super) struct Seeker {
    ceiling: f64,
    remembered: Option<f64>,
    rate: f64,
    stage: Stage,
    /// When the pace was set, answers to calls sent since, and when the latest of these was sent.
    round_start: f64,
    answers: u32,
    latest: f64,
    /// The pace is borne up to `low` and was refused at `high`.
    low: f64,
    high: f64,
    course: Course,
    backlog: Backlog,
    /// The last episode at a pace that was about even.
    last: Option<Episode>,
    /// The next step of the climb.
    climb: f64,
    /// The held pace, time to the next probe, its step, the pace to return to first.
    base: f64,
    hold: f64,
    step: f64,
    return_to: f64,
    /// The best pace proved, and when; whether the present probe is back towards it.
    best: f64,
    best_at: f64,
    is_lost: bool,
    /// The last pace that was held long enough to count as borne.
    settled: f64,
    /// Until when others seem to use the same limit; whether the pace climbs by the steps for that.
    shared_until: f64,
    is_sharing: bool,
    /// Episodes since the pace was last clean for a while.
    episodes: u32,
    recall: Recall,
}

/// How far a remembered rate is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recall {
    /// The pace is on the way to it.
    Reaching,
    /// The pace is there or above, and nothing was refused yet.
    Reached,
    /// There is none, or it was confirmed or given up.
    Over,
}

impl Seeker {
    /// A seeker that stays below `ceiling` calls a second. `remembered` is what an earlier
    /// run [learned](Self::learned).
    pub(super) fn new(ceiling: f64, remembered: Option<f64>) -> Self {
        let remembered = remembered.filter(|rate| rate.is_finite() && *rate > 0.0);
        let remembered = remembered.map(|rate| rate.clamp(LEAST_RATE, ceiling.max(LEAST_RATE)));
        Self {
            ceiling,
            remembered,
            rate: FIRST_RATE.min(ceiling).min(remembered.unwrap_or(FIRST_RATE)),
            stage: Stage::Starting,
            round_start: 0.0,
            answers: 0,
            latest: 0.0,
            low: 0.0,
            high: f64::INFINITY,
            course: Course::default(),
            backlog: Backlog::new(),
            last: None,
            climb: CLIMB_LEAST,
            base: 0.0,
            hold: HOLD,
            step: PROBE_STEP,
            return_to: 0.0,
            best: 0.0,
            best_at: 0.0,
            is_lost: false,
            settled: 0.0,
            shared_until: 0.0,
            is_sharing: false,
            episodes: 0,
            recall: if remembered.is_some() { Recall::Reaching } else { Recall::Over },
        }
    }

    /// Calls a second now.
    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether only one call may be in flight: after a pause, until one is answered.
    pub(super) const fn is_alone(&self) -> bool {
        self.course.is_alone()
    }

    /// What the seeker is doing.
    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    /// How long the first pause of an episode that begins now should be, without
    /// Retry-After: a second, or what is left of the window once one was found.
    pub(super) fn first_pause(&self) -> Duration {
        self.course.first_pause()
    }

    /// The rate worth remembering for the next run, once there is one.
    pub(super) fn learned(&self) -> Option<f64> {
        match self.stage {
            Stage::Starting => None,
            Stage::Searching => Some(self.low).filter(|low| *low > 0.0),
            // The present pace may be a step too far.
            Stage::Holding | Stage::Probing if self.settled > 0.0 => {
                Some(self.settled.clamp(self.base * 0.8, self.base))
            }
            Stage::Holding | Stage::Probing => Some(self.base),
        }
    }

    /// A call `sent` then was answered `now`, by anything but a 429.
    pub(super) fn answered(&mut self, sent: Duration, now: Duration) {
        let (sent, now) = (sent.as_secs_f64(), now.as_secs_f64());
        match self.course.answered(sent, now) {
            Heard::Ends(episode) => {
                self.backlog.paused(now);
                return self.settle(&episode, now);
            }
            Heard::Late => return,
            Heard::Plain => {}
        }
        if let Some(answered) = self.backlog.answered(sent, now) {
            return self.drain(answered, now);
        }
        if sent < self.round_start {
            return;
        }
        self.answers = self.answers.saturating_add(1);
        self.latest = self.latest.max(sent);
        // So long calls went at this pace: for a round, at least as long as an answer takes.
        let time = self.latest - self.round_start;
        let is_first = self.round_start <= 0.0;
        if !is_first && (time < now - sent || !self.is_filled(time) || self.backlog.stands()) {
            return;
        }
        match self.stage {
            Stage::Starting => self.start(time, now),
            Stage::Searching => self.search(time, now),
            Stage::Holding => self.keep(time, now),
            Stage::Probing => self.probed(time, now),
        }
    }

    /// Whether calls really went at about the pace. One that they did not fill, for want of
    /// rows or of calls in flight, was not borne (RFC 7661 says the same of a window).
    fn is_filled(&self, time: f64) -> bool {
        f64::from(self.answers) >= self.rate * time * FILLED
    }

    /// A call `sent` then was refused with a 429 `now`; calls pause until `pause_end`.
    /// True: this begins an episode. The pace changes when the episode ends.
    pub(super) fn limited(&mut self, sent: Duration, now: Duration, pause_end: Duration) -> bool {
        let (sent, pause_end) = (sent.as_secs_f64(), pause_end.max(now).as_secs_f64());
        self.course.limited(sent, pause_end)
    }

    fn set(&mut self, stage: Stage, rate: f64, now: f64) {
        self.stage = stage;
        self.rate = rate.clamp(LEAST_RATE.min(self.ceiling), self.ceiling);
        self.begin_round(now);
        if stage == Stage::Holding {
            self.base = self.rate;
        }
    }

    const fn begin_round(&mut self, now: f64) {
        (self.answers, self.round_start, self.latest) = (0, now, now);
    }

    /// Holds a pace with nothing known of the probes above it.
    fn hold_new(&mut self, rate: f64, hold: f64, now: f64) {
        self.hold = hold;
        self.step = PROBE_STEP;
        self.return_to = 0.0;
        self.is_sharing = false;
        self.set(Stage::Holding, rate, now);
    }

    /// Calls pile up, with so many `answered` a second: slower until they do no more.
    fn drain(&mut self, answered: f64, now: f64) {
        (self.low, self.high) = (answered / 2.0, self.rate.max(answered));
        self.recall = Recall::Over;
        self.hold_new(self.rate.min(answered * HOLD_CUT), HOLD, now);
        self.return_to = answered * BELIEVED;
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the tests of the table print it")]
mod tests;
