//! Whether calls pile up: answers that take ever longer, where an API lets calls wait instead of refusing them.
//!
//! Answers are looked at in blocks, and of a block only the fastest: single ones are slow for many reasons, and all of a
//! block only where they wait for each other.

use super::tuning::{BLOCK, BLOCK_ANSWERS, SLOW_BLOCKS, SLOW_LEAST, SLOW_TIMES};

/// The blocks of answers. Times are in seconds.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    /// How long the fastest answer takes where nothing waits.
    floor: f64,
    /// The present block: its start, its answers, the fastest of these.
    start: f64,
    answers: u32,
    fastest: f64,
    /// How many blocks in a row were slow; since when, and how many calls were answered.
    slow: u32,
    since: f64,
    served: u32,
}

impl Backlog {
    pub(super) const fn new() -> Self {
        Self { floor: f64::INFINITY, start: 0.0, answers: 0, fastest: f64::INFINITY, slow: 0, since: 0.0, served: 0 }
    }

    /// Whether calls wait at the API, as far as the last whole block shows.
    pub(super) const fn stands(&self) -> bool {
        self.slow > 0
    }

    /// Nothing is answered in a pause, so that a block begins anew behind it.
    pub(super) const fn paused(&mut self, now: f64) {
        (self.start, self.answers, self.fastest) = (now, 0, f64::INFINITY);
    }

    /// Counts an answer. When calls begin to pile up, and when they still do later: how many are answered a second.
    pub(super) fn answered(&mut self, sent: f64, now: f64) -> Option<f64> {
        self.answers = self.answers.saturating_add(1);
        self.fastest = self.fastest.min(now - sent);
        if self.answers < BLOCK_ANSWERS || now - self.start < BLOCK {
            return None;
        }
        let (start, answers, fastest) = (self.start, self.answers, self.fastest);
        self.paused(now);
        if fastest <= self.floor * SLOW_TIMES + SLOW_LEAST {
            self.floor = self.floor.min(fastest);
            self.slow = 0;
            return None;
        }
        if self.slow == 0 {
            (self.since, self.served) = (start, 0);
        }
        self.slow += 1;
        self.served = self.served.saturating_add(answers);
        if self.slow > 2 * SLOW_BLOCKS {
            // A slower pace did not help: the API takes so long now.
            (self.floor, self.slow) = (fastest, 0);
        }
        let is_told = self.slow == 1 || self.slow == SLOW_BLOCKS;
        Some(f64::from(self.served) / (now - self.since)).filter(|_| is_told)
    }
}
