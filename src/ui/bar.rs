//! The bar at the foot of a terminal. Drawn only by the thread that writes to standard error.

use std::fmt;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Times a second that the bar is drawn: smooth to the eye, and no cost beside the calls.
const HERTZ: u8 = 10;

/// What the bar shows, asked anew for each time that it is drawn.
#[derive(Clone)]
pub(super) struct Frame {
    /// How many rows there will be, where that is known.
    pub(super) total: Option<u64>,
    /// How many of them are done, and the line beside the bar.
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

    /// Shows how far the run is now.
    pub(super) fn draw(self, frame: &Frame) -> Self {
        let (position, line) = (frame.now)();
        self.bar.set_position(position);
        self.bar.set_message(line);
        self.bar.tick();
        self
    }

    /// Takes the bar away while something is written.
    pub(super) fn step_aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away for good.
    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}
