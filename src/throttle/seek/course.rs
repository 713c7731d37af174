//! The course of the answers: what was accepted between two pauses, and how long the API was closed.

use std::collections::VecDeque;
use std::time::Duration;

use super::tuning::{
    AGREE, APART, FEW, LONG_PAUSE, LONGEST_PAUSE, MEASURE_ANSWERS, OPENED, OPENED_FOR_PAUSE, WHOLE_RUN,
};

/// What one answer meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heard {
    /// An answer like others.
    Plain,
    /// An answer to an earlier call, while the episode lasts.
    Late,
    /// The answer that ends an episode.
    Ends(Episode),
}

/// An episode of refusals, and the run before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Episode {
    /// Seconds from the start of the run to the first refused call.
    pub(super) run: f64,
    /// Answers in the run.
    pub(super) accepted: u32,
    /// Seconds from the start of the run until the API opened again, as far as is known.
    pub(super) whole: f64,
    /// Calls accepted a second, the pause included.
    pub(super) measure: f64,
    /// Calls accepted in the last second before the first refused one.
    pub(super) peak: f64,
    /// The pause and the answers show a long window: the measure is the limit.
    pub(super) is_long: bool,
    /// The pause had to be repeated, so that the measure is a rough one.
    pub(super) is_rough: bool,
}

impl Episode {
    /// The share of the pause in the time of this episode.
    fn paused(&self) -> f64 {
        1.0 - self.run / self.whole
    }

    /// The limit, from two episodes with more and less of a pause. In a pause, the API saves up as much of its limit as
    /// it may, and the rest is lost. So the measure falls in a line with the share of the pause, and is the limit where
    /// there is none.
    pub(super) fn limit(&self, other: &Self) -> Option<f64> {
        let (paused, others) = (self.paused(), other.paused());
        let limit = (self.measure * others - other.measure * paused) / (others - paused);
        let fits = |episode: &Self| {
            let measures = limit * (1.0 - episode.paused()) * (1.0 - AGREE)..=limit * (1.0 + AGREE);
            episode.accepted >= MEASURE_ANSWERS && measures.contains(&episode.measure)
        };
        Some(limit).filter(|_| (paused - others).abs() > APART && fits(self) && fits(other))
    }
}

/// What came since the last pause, and of the pause. Times are seconds since the start.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    start: f64,
    answers: u32,
    /// When the calls of the last seconds that were answered were sent.
    sends: VecDeque<f64>,
    latest: f64,
    pause_end: f64,
    is_alone: bool,
    /// The first and the last refused call that was sent outside a pause; how many.
    refused: f64,
    refused_last: f64,
    pauses: u32,
    /// Length of the window of the limit, 0 for unknown.
    window: f64,
}

impl Course {
    /// Whether a pause is still to be ended by an answer.
    pub(super) const fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// A second, or what is left of the window once one was found.
    pub(super) fn first_pause(&self) -> Duration {
        let left = self.window - (self.latest - self.start);
        Duration::try_from_secs_f64(left.clamp(1.0, LONGEST_PAUSE)).unwrap_or(Duration::from_secs(1))
    }

    /// Counts an answer to a call `sent` then.
    pub(super) fn answered(&mut self, sent: f64, now: f64) -> Heard {
        self.latest = now;
        if self.is_alone && sent >= self.pause_end {
            let episode = self.episode(sent);
            self.is_alone = false;
            self.start = sent;
            self.answers = 1;
            self.sends.clear();
            self.sends.push_back(sent);
            return Heard::Ends(episode);
        }
        self.sends.push_back(sent);
        self.answers = self.answers.saturating_add(1);
        if self.is_alone {
            return Heard::Late;
        }
        // Some seconds more than a peak needs, as answers come out of order.
        while self.sends.front().is_some_and(|first| first + 3.0 < sent) {
            self.sends.pop_front();
        }
        Heard::Plain
    }

    /// Counts a refusal; true: it begins an episode.
    pub(super) fn limited(&mut self, sent: f64, pause_end: f64) -> bool {
        let is_outside = sent >= self.pause_end;
        let is_new = is_outside && !self.is_alone;
        if is_new {
            self.refused = sent;
            self.pauses = 0;
        }
        if is_outside {
            self.refused_last = sent;
            self.pauses = self.pauses.saturating_add(1);
        }
        self.pause_end = self.pause_end.max(pause_end);
        self.is_alone = true;
        is_new
    }

    /// The episode that the answer to the call sent at `sent` ends. Learns the window from
    /// a pause that had to be repeated.
    fn episode(&mut self, sent: f64) -> Episode {
        let is_rough = self.pauses > 1;
        let mut whole = sent - self.start;
        if is_rough {
            let closed = self.refused_last - self.start;
            if self.answers >= FEW {
                self.window = closed + (whole - closed) * OPENED_FOR_PAUSE;
            }
            whole = closed + (whole - closed) * OPENED;
        }
        let refused = self.refused;
        let is_measured = self.answers >= MEASURE_ANSWERS && refused - self.start >= whole * WHOLE_RUN;
        let is_in_peak = |at: &&f64| **at <= refused && **at + 1.0 > refused;
        let peak = u32::try_from(self.sends.iter().filter(is_in_peak).count());
        Episode {
            run: refused - self.start,
            accepted: self.answers,
            whole: whole.max(0.001),
            measure: f64::from(self.answers) / whole.max(0.001),
            peak: f64::from(peak.unwrap_or(u32::MAX)),
            is_long: is_measured && self.pause_end - refused >= LONG_PAUSE,
            is_rough,
        }
    }
}
