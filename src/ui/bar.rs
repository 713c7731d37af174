//! Draws the progress bar at the bottom of a terminal. Only the thread that writes to standard error draws it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// How often the bar is drawn each second: smooth to the eye, and no cost compared with the calls.
const HERTZ: u8 = 10;
/// The columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: usize = 80;
/// The columns that stay free at the right: there a terminal shows what is typed, such as `^C`. Behind a line that is full it
/// would stand below, and the line could not be removed.
const FREE_COLUMNS: usize = 4;

/// What the bar shows; it is asked again each time the bar is drawn.
#[derive(Clone)]
pub(super) struct Frame {
    /// How many rows there will be, if that is known.
    pub(super) total: Option<u64>,
    /// Returns how many of them are done, and the text beside the bar, which has room for so many characters.
    pub(super) now: Arc<dyn Fn(usize) -> (u64, String) + Send + Sync>,
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
    /// How wide the terminal was, and how much of it the bar took, when it was last drawn.
    drawn: Option<(usize, usize)>,
}

impl Bar {
    /// Shows a bar.
    pub(super) fn start(frame: &Frame) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Terminal), HERTZ);
        let bar = ProgressBar::with_draw_target(frame.total, target);
        Self { bar, drawn: None }.draw(frame)
    }

    /// Draws how far the run is now.
    pub(super) fn draw(mut self, frame: &Frame) -> Self {
        let columns = columns();
        self.remove_what_was_wrapped(columns);
        let picture = picture_columns(columns, frame.total);
        if self.drawn.is_none_or(|(before, _)| before != columns) {
            let template = match (frame.total, picture) {
                (_, 0) => "{msg}".to_owned(),
                (Some(_), _) => format!("{{bar:{picture}}} {{msg}}"),
                (None, _) => "{spinner} {msg}".to_owned(),
            };
            let style = ProgressStyle::with_template(&template).unwrap_or_else(|_wrong| ProgressStyle::default_bar());
            self.bar.set_style(style.progress_chars("=> "));
        }
        let beside = if picture == 0 { 0 } else { picture + 1 };
        let (position, line) = (frame.now)(columns.saturating_sub(beside + FREE_COLUMNS));
        self.drawn = Some((columns, beside + line.chars().count()));
        self.bar.set_position(position);
        self.bar.set_message(line);
        self.bar.tick();
        self
    }

    /// A terminal that has become narrower shows the bar in several lines, of which only the last would be removed.
    fn remove_what_was_wrapped(&self, columns: usize) {
        let Some((before, taken)) = self.drawn else { return };
        let above = taken.div_ceil(columns.max(1)).saturating_sub(1);
        if columns < before && above > 0 {
            // An error here means that the terminal is gone.
            self.bar.suspend(|| drop(write!(io::stderr().lock(), "\u{1b}[{above}A\u{1b}[J")));
        }
    }

    /// Hides the bar while something is written.
    pub(super) fn step_aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Removes the bar for good.
    pub(super) fn clear(self) {
        self.remove_what_was_wrapped(columns());
        self.bar.finish_and_clear();
    }
}

/// Standard error as the bar needs it. Unlike the terminal of the library, it leaves the cursor behind the text: the library
/// fills the line with blanks.
#[derive(Debug)]
struct Terminal;

impl Terminal {
    /// Moves the cursor so many lines or columns; `way` is the letter of the direction (source: ECMA-48, CUU to CUB).
    fn move_cursor(count: usize, way: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { write!(io::stderr().lock(), "\u{1b}[{count}{way}") }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        u16::try_from(columns()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        Self::move_cursor(count, 'A')
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        Self::move_cursor(count, 'B')
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        Self::move_cursor(count, 'C')
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        Self::move_cursor(count, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        writeln!(io::stderr().lock(), "{text}")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // The line was cleared before.
        if text.bytes().all(|byte| byte == b' ') { Ok(()) } else { write!(io::stderr().lock(), "{text}") }
    }

    fn clear_line(&self) -> io::Result<()> {
        write!(io::stderr().lock(), "\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// How many columns the picture of the bar takes. On a narrow terminal the words come first.
fn picture_columns(columns: usize, total: Option<u64>) -> usize {
    match (columns, total) {
        (..70, _) => 0,
        (_, None) => 1,
        (70..100, Some(_)) => 10,
        (100.., Some(_)) => 20,
    }
}

/// The columns of the terminal.
fn columns() -> usize {
    #[cfg(unix)]
    {
        let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
        if let Some(columns) = size.map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0) {
            return columns;
        }
    }
    USUAL_COLUMNS
}
