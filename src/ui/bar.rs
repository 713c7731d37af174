//! Draws the progress bar at the bottom of a terminal. Only the thread that writes to standard error draws it.

use std::fmt;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is drawn each second: smooth to the eye, and no cost compared with the calls.
const HERTZ: u8 = 10;

/// What the bar shows; it is asked again each time the bar is drawn.
#[derive(Clone)]
pub(super) struct Frame {
    /// How many rows there will be, if that is known.
    pub(super) total: Option<u64>,
    /// Returns how many of them are done, and the text beside the bar.
    pub(super) now: Arc<dyn Fn() -> (u64, String) + Send + Sync>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Frame").field("total", &self.total).finish_non_exhaustive()
    }
}

/// A bar on the terminal.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// Shows a bar.
    pub(super) fn start(frame: &Frame) -> Self {
        // The message is cut at the edge of the terminal.
        let template = if frame.total.is_some() { "{bar:20} {wide_msg}" } else { "{spinner} {wide_msg}" };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_wrong| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(frame.total, ProgressDrawTarget::stderr_with_hz(HERTZ));
        bar.set_style(style.progress_chars("=> "));
        Self { bar }.draw(frame)
    }

    /// Draws how far the run is now.
    pub(super) fn draw(self, frame: &Frame) -> Self {
        let (position, line) = (frame.now)();
        self.bar.set_position(position);
        self.bar.set_message(line);
        self.bar.tick();
        self
    }

    /// Hides the bar while something is written.
    pub(super) fn step_aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the bar for good.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}
