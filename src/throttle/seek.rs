//! Finds the pace that an API of unknown rate limit bears (`--rate auto`).
//!
//! Pure: no clock, no waiting. The caller says what came back and when (times
//! since the run began) and asks how fast it may go on.
//!
//! The pace doubles until the first refusal (429). The peak, what was accepted in the
//! second before it, is the first guess, as a window of a second or a cap on calls in
//! flight accepts its limit and no more. From there the limit is closed in on from both
//! sides; then the pace is held just below it and seldom tried upwards. The measure, calls
//! accepted a second from the end of one pause to the end of the next, is no more than the
//! limit once a burst is used up, and is the limit where the pause fills the burst again:
//! two equal measures at different paces are believed.
//!
//! Refusals come in episodes: the first whose call was sent after the last pause ended, and
//! all others until a call is answered again. An episode changes the pace once, at its end.

mod course;
mod tuning;

use std::time::Duration;

use self::course::{Course, Episode, Heard};
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "its numbers"))]
use self::tuning::*;

/// What the seeker is doing, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Speeding up; no refusal so far.
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
    /// The last episode at a pace that was about even.
    last: Option<Episode>,
    /// The next step of the climb.
    climb: f64,
    /// The held pace, time to the next probe, its step, the pace to return to first.
    base: f64,
    hold: f64,
    step: f64,
    return_to: f64,
    /// The best pace proved, and when.
    best: f64,
    best_at: f64,
    is_lost: bool,
    /// Episodes since the pace was last clean for a while.
    episodes: u32,
    /// The remembered rate is being reached; it is reached but not confirmed.
    is_recalling: bool,
    is_recalled: bool,
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
            last: None,
            climb: CLIMB_LEAST,
            base: 0.0,
            hold: HOLD,
            step: PROBE_STEP,
            return_to: 0.0,
            best: 0.0,
            best_at: 0.0,
            is_lost: false,
            episodes: 0,
            is_recalling: remembered.is_some(),
            is_recalled: false,
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
            Stage::Holding | Stage::Probing => Some(self.base),
        }
    }

    /// A call `sent` then was answered `now`, by anything but a 429.
    pub(super) fn answered(&mut self, sent: Duration, now: Duration) {
        let (sent, now) = (sent.as_secs_f64(), now.as_secs_f64());
        match self.course.answered(sent, now) {
            Heard::Ends(episode) => return self.settle(&episode, now),
            Heard::Late => return,
            Heard::Plain => {}
        }
        if sent < self.round_start {
            return;
        }
        self.answers = self.answers.saturating_add(1);
        self.latest = self.latest.max(sent);
        // So long calls went at this pace: for a round, at least as long as an answer takes.
        let time = self.latest - self.round_start;
        let is_first = self.round_start <= 0.0;
        if !is_first && (time < now - sent || !self.is_filled(time)) {
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
        self.round_start = now;
        self.answers = 0;
        self.latest = now;
        if stage == Stage::Holding {
            self.base = self.rate;
        }
    }

    fn hold_new(&mut self, rate: f64, hold: f64, now: f64) {
        self.hold = hold;
        self.step = PROBE_STEP;
        self.return_to = 0.0;
        self.set(Stage::Holding, rate, now);
    }

    /// A clean answer while starting: on to the remembered rate, or faster.
    fn start(&mut self, time: f64, now: f64) {
        if let Some(known) = self.remembered.filter(|_| self.is_recalling) {
            if self.rate < known * 0.999 {
                // In two jumps, the first to half of it, as it may be wrong.
                let jump = known.min((self.rate * 8.0).max(known / 2.0));
                self.set(Stage::Starting, jump, now);
            } else {
                self.is_recalling = false;
                self.is_recalled = true;
                self.hold_new(self.rate, REMEMBERED_HOLD, now);
                self.step = REMEMBERED_STEP;
            }
        } else if self.rate >= self.ceiling {
            if time >= CEILING_ROUND {
                self.hold_new(self.rate, HOLD, now);
            }
        } else if self.round_start <= 0.0 || (self.answers >= START_ANSWERS && time >= START_ROUND) {
            self.set(Stage::Starting, self.rate * START_GROWTH, now);
        }
    }

    /// A clean answer while searching: climb, or hold once the bounds are close.
    fn search(&mut self, time: f64, now: f64) {
        if self.answers < SEARCH_ANSWERS || time < SEARCH_ROUND {
            return;
        }
        self.low = self.low.max(self.rate);
        self.episodes = 0;
        if self.rate >= self.ceiling || self.high < self.low * CLOSE {
            self.hold_new(self.low, HOLD, now);
        } else {
            let next = self.between().min(self.rate * (1.0 + self.climb));
            self.climb = (self.climb * 2.0).min(CLIMB_MOST);
            self.set(Stage::Searching, next, now);
        }
    }

    fn between(&self) -> f64 {
        self.low * (self.high / self.low).powf(BETWEEN)
    }

    /// A clean answer while holding: probe when it is time.
    fn keep(&mut self, time: f64, now: f64) {
        if time >= SETTLED {
            self.episodes = 0;
        }
        let best = self.best * ((self.best_at - now) / FORGET).exp();
        let is_lost = self.base < best * LOST;
        if !is_lost && time >= PROVED && self.base > best {
            (self.best, self.best_at) = (self.base, now);
        }
        let is_returning = self.base < self.return_to;
        let hold = match (is_returning, is_lost) {
            (true, _) => RETURN,
            (_, true) => self.hold.min(LOST_HOLD),
            _ => self.hold,
        };
        if self.answers < self.round_answers() || time < hold || self.rate >= self.ceiling {
            return;
        }
        if is_returning {
            let next = self.return_to.min(self.base * RETURN_STEP);
            self.set(Stage::Holding, next, now);
            return;
        }
        let least = if is_lost { LOST_STEP } else { 0.0 };
        let mut next = self.base * (1.0 + self.step.max(least));
        if !is_lost && next > self.high * BELOW_REFUSED {
            next = (self.base * self.high).sqrt();
        }
        if next < self.base * LEAST_GAIN {
            (self.answers, self.round_start, self.latest) = (0, now, now);
        } else {
            self.is_lost = is_lost;
            self.set(Stage::Probing, next, now);
        }
    }

    const fn round_answers(&self) -> u32 {
        if self.is_recalled { REMEMBERED_ANSWERS } else { HOLD_ANSWERS }
    }

    fn probed(&mut self, time: f64, now: f64) {
        let (growth, most) =
            if self.is_recalled { (REMEMBERED_GROWTH, REMEMBERED_STEP_MOST) } else { (2.0, PROBE_STEP_MOST) };
        if self.answers < self.round_answers() || time < PROBE {
            return;
        }
        self.step = (self.step * growth).min(most);
        let hold = if self.is_lost { 0.0 } else { self.hold / 2.0 };
        self.hold = hold.max(1.0);
        if self.rate >= self.high * 0.98 {
            self.high = f64::INFINITY;
        }
        self.set(Stage::Holding, self.rate, now);
        if self.is_recalled && self.rate < self.ceiling {
            self.set(Stage::Probing, self.rate * (1.0 + self.step), now);
        }
    }

    fn settle(&mut self, episode: &Episode, now: f64) {
        let (tried, measure) = (self.rate, episode.measure);
        self.episodes = self.episodes.saturating_add(1);
        // Where the pace rose from below the limit, a part of that went unused.
        let is_even = f64::from(episode.accepted) >= tried * episode.run * EVEN;
        let last = if is_even { self.last.replace(*episode) } else { None };
        let was_recalled = std::mem::take(&mut self.is_recalled);
        if let Some(known) = self.remembered.filter(|_| was_recalled)
            && (measure / known - 1.0).abs() < REMEMBERED_AGREE
        {
            (self.low, self.high) = (known / 2.0, tried.min(known * 1.1));
            self.hold_new(known, BELIEVED_HOLD, now);
            return;
        }
        let (limit, hold) = match last.and_then(|last| last.limit(episode)) {
            Some(limit) => (limit, HOLD),
            None if episode.is_long => (measure, if episode.is_rough { HOLD } else { BELIEVED_HOLD }),
            None => (f64::INFINITY, HOLD),
        };
        if limit < tried * 0.97 {
            (self.low, self.high) = (limit / 2.0, tried);
            self.hold_new(limit * BELIEVED, hold, now);
            return;
        }
        match self.stage {
            Stage::Starting => self.first_cut(episode, now),
            Stage::Searching => self.narrow(measure, now),
            Stage::Holding => self.cut(measure, now),
            Stage::Probing => self.probe_refused(measure, now),
        }
    }

    fn first_cut(&mut self, episode: &Episode, now: f64) {
        let tried = self.rate;
        let has_jumped = self.is_recalling && tried > FIRST_RATE;
        if episode.accepted < FEW && !has_jumped {
            let most = f64::from(episode.accepted + 1) / episode.whole;
            self.set(Stage::Starting, most.clamp(tried * 0.25, tried * 0.7), now);
            return;
        }
        self.high = tried;
        if std::mem::take(&mut self.is_recalling) {
            self.low = tried * 0.4;
            self.set(Stage::Searching, tried * DEEPEST_CUT, now);
            return;
        }
        // A second without a call says nothing about the limit.
        let has_peak = episode.run >= PEAK_RUN && episode.peak >= 1.0;
        let guess = if has_peak { episode.peak * GUESS } else { tried * SHORT_GUESS };
        let next = guess.min(tried * MOST_GUESS);
        self.low = episode.measure.min(next);
        self.set(Stage::Searching, next, now);
    }

    /// The pace was refused while searching: down between the bounds.
    fn narrow(&mut self, measure: f64, now: f64) {
        let tried = self.rate;
        self.high = tried;
        if self.low >= tried * 0.97 {
            // What seemed borne was a burst.
            self.low = measure.min(tried * 0.9);
        }
        self.low = self.low.max(measure).min(tried * 0.96);
        self.climb = CLIMB_LEAST;
        if self.high < self.low * CLOSE {
            self.hold_new(self.low, HOLD, now);
        } else {
            let next = self.between().max(tried * DEEPEST_CUT);
            self.set(Stage::Searching, next, now);
        }
    }

    fn cut(&mut self, measure: f64, now: f64) {
        let tried = self.rate;
        self.high = tried;
        if self.episodes > 1 {
            self.low = 0.0;
            self.narrow(tried / 2.0, now);
        } else {
            let between = (measure * tried).sqrt();
            self.return_to = between.clamp(tried * RETURN_LEAST, tried * 0.99);
            (self.hold, self.step) = (HOLD, PROBE_STEP);
            self.set(Stage::Holding, tried * HOLD_CUT, now);
        }
    }

    fn probe_refused(&mut self, measure: f64, now: f64) {
        if self.rate > self.base * WIDE_PROBE {
            self.low = self.base;
            self.narrow(measure, now);
        } else {
            self.hold = (self.hold * 2.0).clamp(HOLD * 2.0, LONGEST_HOLD);
            self.step = PROBE_STEP;
            self.set(Stage::Holding, self.base * AFTER_PROBE, now);
        }
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the tests of the table print it")]
mod tests;
