//! A pace was borne for a round: go on from there.

#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "its numbers"))]
use super::tuning::*;
use super::{Recall, Seeker, Stage};

impl Seeker {
    /// A clean answer while starting: on to the remembered rate, or faster.
    pub(super) fn start(&mut self, time: f64, now: f64) {
        if let Some(known) = self.remembered.filter(|_| self.recall == Recall::Reaching) {
            if self.rate < known * 0.999 {
                // In two jumps, the first to half of it, as it may be wrong.
                let jump = known.min((self.rate * 8.0).max(known / 2.0));
                self.set(Stage::Starting, jump, now);
            } else {
                self.recall = Recall::Reached;
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
    pub(super) fn search(&mut self, time: f64, now: f64) {
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

    pub(super) fn between(&self) -> f64 {
        self.low * (self.high / self.low).powf(BETWEEN)
    }

    /// A clean answer while holding: probe when it is time.
    pub(super) fn keep(&mut self, time: f64, now: f64) {
        if time >= SETTLED {
            (self.episodes, self.settled) = (0, self.base);
        }
        if self.is_sharing {
            return self.share(time, now);
        }
        let is_lost = self.has_lost(time, now);
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
            self.set(Stage::Holding, self.return_to.min(self.base * RETURN_STEP), now);
            return;
        }
        let least = if is_lost { LOST_STEP } else { 0.0 };
        let mut next = self.base * (1.0 + self.step.max(least));
        if !is_lost && next > self.high * BELOW_REFUSED {
            next = (self.base * self.high).sqrt();
        }
        if next < self.base * LEAST_GAIN {
            // Not worth it now; but the next time, as the limit may have risen.
            self.high = f64::INFINITY;
            self.begin_round(now);
        } else {
            self.is_lost = is_lost;
            self.set(Stage::Probing, next, now);
        }
    }

    /// A clean answer while others use the same limit: up by steps to what was refused last, and probe from there.
    fn share(&mut self, time: f64, now: f64) {
        if time < RETURN || self.answers < HOLD_ANSWERS {
            return;
        }
        let next = self.base + SHARED_STEP * self.base.sqrt().min(self.base);
        self.set(Stage::Holding, next, now);
        if next >= self.high {
            (self.is_sharing, self.hold, self.high) = (false, SHORTEST_HOLD, f64::INFINITY);
        }
    }

    /// Whether the held pace is far below the best one that was proved. Proves the held one, when it is time.
    fn has_lost(&mut self, time: f64, now: f64) -> bool {
        let best = self.best * ((self.best_at - now) / FORGET).exp();
        let has_lost = self.base < best * LOST;
        if !has_lost && time >= PROVED && self.base > best {
            (self.best, self.best_at) = (self.base, now);
        }
        has_lost
    }

    fn round_answers(&self) -> u32 {
        if self.recall == Recall::Reached { REMEMBERED_ANSWERS } else { HOLD_ANSWERS }
    }

    /// A clean answer while probing: the pace is borne, once the round is over.
    pub(super) fn probed(&mut self, time: f64, now: f64) {
        let (growth, most) = if self.recall == Recall::Reached {
            (REMEMBERED_GROWTH, REMEMBERED_STEP_MOST)
        } else {
            (2.0, PROBE_STEP_MOST)
        };
        if self.answers < self.round_answers() || time < PROBE {
            return;
        }
        self.step = (self.step * growth).min(most);
        let hold = if self.is_lost { 0.0 } else { self.hold / 2.0 };
        self.hold = hold.max(SHORTEST_HOLD);
        if self.rate >= self.high * 0.98 {
            self.high = f64::INFINITY;
        }
        self.set(Stage::Holding, self.rate, now);
        if self.recall == Recall::Reached && self.rate < self.ceiling {
            self.set(Stage::Probing, self.rate * (1.0 + self.step), now);
        }
    }
}
