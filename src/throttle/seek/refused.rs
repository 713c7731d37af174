//! A pace was refused: go back from there, at the end of the episode.

use super::course::Episode;
#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "its numbers"))]
use super::tuning::*;
use super::{Recall, Seeker, Stage};

impl Seeker {
    /// Sets the pace at the end of an episode.
    pub(super) fn settle(&mut self, episode: &Episode, now: f64) {
        let (tried, measure) = (self.rate, episode.measure);
        self.episodes = self.episodes.saturating_add(1);
        let (limit, hold) = self.limit_by(episode);
        let was_recalled = self.recall == Recall::Reached;
        if was_recalled {
            self.recall = Recall::Over;
        }
        if let Some(known) = self.remembered.filter(|_| was_recalled)
            && (measure / known - 1.0).abs() < REMEMBERED_AGREE
        {
            (self.low, self.high) = (known / 2.0, tried.min(known * 1.1));
            self.hold_new(known, BELIEVED_HOLD, now);
        } else if self.is_shared(episode, now) {
            self.hold_new(limit.clamp(tried * SHARED_LEAST, tried) * SHARED_CUT, HOLD, now);
            (self.high, self.is_sharing) = (tried, true);
        } else if limit < tried * 0.97 {
            (self.low, self.high) = (limit / 2.0, tried);
            self.hold_new(limit * BELIEVED, hold, now);
        } else {
            match self.stage {
                Stage::Starting => self.first_cut(episode, now),
                Stage::Searching => self.narrow(measure, now),
                Stage::Holding => self.cut(measure, now),
                Stage::Probing => self.probe_refused(measure, now),
            }
        }
    }

    /// The limit, as far as the last episodes show it, else infinity; and how long to hold it before the first probe.
    fn limit_by(&mut self, episode: &Episode) -> (f64, f64) {
        // Where the pace rose from below the limit, a part of that went unused.
        let is_even = f64::from(episode.accepted) >= self.rate * episode.run * EVEN;
        let last = if is_even { self.last.replace(*episode) } else { None };
        match last.and_then(|last| last.limit(episode)) {
            Some(limit) => (limit, HOLD),
            None if episode.is_long => (episode.measure, if episode.is_rough { HOLD } else { BELIEVED_HOLD }),
            None => (f64::INFINITY, HOLD),
        }
    }

    /// Whether others use the same limit: a pace that was borne is refused, and not for the first time lately.
    fn is_shared(&mut self, episode: &Episode, now: f64) -> bool {
        let was_shared = now < self.shared_until;
        if self.stage == Stage::Holding && (was_shared || episode.run >= SETTLED) {
            self.shared_until = now + SHARED;
        }
        let is_held = match self.stage {
            Stage::Starting | Stage::Searching => false,
            Stage::Holding => true,
            Stage::Probing => self.rate < self.base * WIDE_PROBE,
        };
        was_shared && is_held
    }

    /// The pace was refused for the first time, while it was rising.
    fn first_cut(&mut self, episode: &Episode, now: f64) {
        let tried = self.rate;
        // Others had used the limit up, so that it goes on as it began; unless it was the remembered rate that did it.
        let has_jumped = self.recall == Recall::Reaching && tried > FIRST_RATE;
        if episode.accepted < FEW && !has_jumped {
            let most = f64::from(episode.accepted + 1) / episode.whole;
            self.set(Stage::Starting, most.clamp(tried * FEW_LEAST, tried * SHORT_GUESS), now);
            return;
        }
        self.high = tried;
        if self.recall == Recall::Reaching {
            self.recall = Recall::Over;
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

    /// A held pace was refused.
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

    /// A probe was refused: back to the pace before it, or a search where it was a wide one.
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
