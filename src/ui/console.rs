//! Writes to standard error what is not part of the log: errors, the question before a run, and what was found.

use std::io::{self, IsTerminal, Write};

use tracing::Level;

use crate::cli::{ConsoleArgs, LogFormat};
use crate::error::{Cause, Refusal};
use crate::shutdown::Shutdown;
use crate::text::push_line;
use crate::ui::bar::Frame;
use crate::ui::log;
use crate::ui::log_event::LogEvent;
use crate::ui::paint::{ERROR, Paint};
use crate::ui::preview::Preview;
use crate::ui::stderr::{StandardError, Urgency};

/// Standard error, as the operator wants it. All clones are the same console.
#[derive(Debug, Clone)]
pub struct Console {
    voice: Voice,
    volume: Volume,
    /// The least important events that are shown.
    level: Level,
    paint: Paint,
    stderr: StandardError,
    pub(super) progress: ProgressStyle,
}

/// The form of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// Lines for the user.
    Text,
    /// Events of the log, one JSON object each.
    Events,
}

/// Where the results of a run go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// To a file.
    InFile,
    /// To standard output.
    OnStandardOutput,
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Volume {
    All,
    /// Nothing but errors.
    Errors,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgressStyle {
    Bar,
    Lines,
    None,
}

impl Console {
    /// Makes a console according to the flags, and starts the log. If the results go to the same terminal, there is no
    /// bar. Once the run is stopped, the log lines of calls no longer wait for room.
    pub fn new(args: &ConsoleArgs, results: Results, shutdown: Shutdown) -> Self {
        let stderr = StandardError::new(args.log_format, shutdown);
        let is_terminal = io::stderr().is_terminal();
        let level = match (args.verbose, args.log_format) {
            (true, _) => Level::DEBUG,
            (false, LogFormat::Json) if !args.quiet => Level::INFO,
            (false, LogFormat::Json | LogFormat::Text) => Level::WARN,
        };
        let paint = Paint::of_standard_error();
        log::start(level, args.log_format, paint, stderr.clone());
        let voice = match args.log_format {
            LogFormat::Text => Voice::Text,
            LogFormat::Json => Voice::Events,
        };
        let volume = if args.quiet { Volume::Errors } else { Volume::All };
        let beside_results = results == Results::OnStandardOutput && io::stdout().is_terminal();
        let progress = if args.quiet || args.no_progress || beside_results {
            ProgressStyle::None
        } else if is_terminal && voice == Voice::Text {
            ProgressStyle::Bar
        } else {
            ProgressStyle::Lines
        };
        Self { voice, volume, level, paint, stderr, progress }
    }

    /// Makes a console without flags and without a log.
    pub fn plain() -> Self {
        let stderr = StandardError::new(LogFormat::Text, Shutdown::default());
        let (level, paint) = (Level::WARN, Paint::of_standard_error());
        Self { voice: Voice::Text, volume: Volume::All, level, paint, stderr, progress: ProgressStyle::None }
    }

    /// Keeps all that is written, for a test that asks for it with [`written`](Self::written).
    #[cfg(test)]
    pub(crate) fn keeping() -> Self {
        let console = Self::plain();
        console.stderr.keep();
        console
    }

    /// What was written up to now.
    #[cfg(test)]
    pub(crate) fn written(&self) -> String {
        self.stderr.kept()
    }

    /// Starts a thread that writes to standard error: from now on, the thread that sends a message does not wait until
    /// it is written.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub fn start_writer(&self) -> io::Result<()> {
        self.stderr.start_writer()
    }

    /// Waits until everything sent so far is written. Once `is_hurried` returns true, waits only a moment longer.
    pub fn flush(&self, is_hurried: impl Fn() -> bool) {
        self.stderr.flush(is_hurried);
    }

    /// Writes what exists nowhere else, whatever the flags.
    pub(super) fn keep(&self, bytes: &[u8]) {
        self.stderr.send(bytes, Urgency::Keep);
    }

    /// Shows a bar, until `None` removes it.
    pub(super) fn show(&self, frame: Option<Frame>) {
        self.stderr.show(frame);
    }

    /// Shows a message that is not an error.
    pub fn say(&self, text: &str) {
        match (self.volume, self.voice) {
            (Volume::Errors, _) => {}
            (Volume::All, Voice::Text) => self.write(text),
            (Volume::All, Voice::Events) => text.lines().for_each(|line| tracing::info!("{}", line.trim())),
        }
    }

    /// Says how far something is, where progress is shown at all.
    pub fn progress(&self, text: &str) {
        if self.progress != ProgressStyle::None {
            self.say(&format!("{text}\n"));
        }
    }

    /// Says why a run is refused, what caused that, and what to do.
    pub fn refusal(&self, refusal: &Refusal) {
        match self.voice {
            Voice::Text => self.error(&refusal_text(refusal)),
            Voice::Events => self.log(&LogEvent::of_refusal(refusal)),
        }
    }

    /// Whether what happens is told as events for scripts.
    pub fn has_events(&self) -> bool {
        self.voice == Voice::Events
    }

    /// Writes an event, if events as important as this are shown.
    pub fn log(&self, event: &LogEvent) {
        if event.level <= self.level {
            self.write(&format!("{event}\n"));
        }
    }

    /// Shows what a dry run found on standard output, and what would keep a run from starting.
    pub fn show_rehearsal(&self, text: &str, obstacles: &[Refusal]) {
        // The user sees the warnings first, which came first.
        self.flush(|| true);
        let obstacles = obstacles.iter().map(refusal_text).collect::<Vec<_>>().concat();
        let mut output = io::stdout().lock();
        let written = output.write_all(text.as_bytes()).and_then(|()| output.write_all(obstacles.as_bytes()));
        if let Err(error) = written.and_then(|()| output.flush())
            // A reader that is gone has seen enough.
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "standard output did not take what the dry run found");
        }
    }

    /// Shows the same on standard output, if standard error must not be written to.
    pub fn refusal_on_standard_output(&self, refusal: &Refusal) {
        // An error here means that standard output is gone, too, so it cannot be reported.
        drop(io::stdout().lock().write_all(refusal_text(refusal).as_bytes()));
    }

    /// Shows an error, whatever the flags.
    pub fn error(&self, text: &str) {
        if self.voice == Voice::Events {
            tracing::error!("{}", text.lines().map(str::trim).collect::<Vec<_>>().join("; "));
        } else {
            self.write(&self.paint.message(text));
        }
    }

    /// Shows the address and key of the sandbox. It uses standard output because a script needs them too.
    pub fn sandbox_ready(&self, base_url: &str, api_key: &str) {
        let text = format!(
            "serving a simulated iMocha at {base_url} until you press Ctrl-C; in another terminal:\n\
             export IMOCHA_CANCEL_BASE_URL={base_url} IMOCHA_API_KEY={api_key}\n"
        );
        let mut output = io::stdout().lock();
        // An error here means that the reader is gone, so it cannot be reported; the server runs on.
        drop(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
    }

    /// Asks whether to go on, and refuses the run unless the answer is yes.
    ///
    /// # Errors
    ///
    /// If there is no terminal to ask on, or the answer is anything but yes.
    pub fn confirm(&self, preview: &Preview) -> Result<(), Refusal> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Refusal::new(
                Cause::NotConfirmed,
                format!("nobody is there to confirm the cancellation of {} at {}", preview.invitations(), preview.host),
            )
            .hint("look at what would be done with --dry-run, then say --yes"));
        }
        forget_what_was_typed();
        self.write(&format!("{}Type yes to go on: ", preview.question()));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if matches!(read, Ok(0)) {
            // After Ctrl-D, the cursor still stands after the question.
            self.write("\n");
        }
        match read {
            Ok(_bytes) if answer.trim().eq_ignore_ascii_case("yes") => Ok(()),
            Ok(_bytes) => Err(Refusal::new(
                Cause::NotConfirmed,
                "not confirmed: the answer was not the whole word yes; nothing was cancelled",
            )),
            Err(error) => {
                Err(Refusal::new(Cause::NotConfirmed, "could not read an answer; nothing was cancelled")
                    .caused_by(error))
            }
        }
    }

    fn write(&self, text: &str) {
        self.stderr.send(text.as_bytes(), Urgency::Now);
    }
}

/// Discards what was typed before the question appeared, because it cannot be an answer to it.
fn forget_what_was_typed() {
    #[cfg(unix)]
    {
        use rustix::termios::{QueueSelector, tcflush};
        if let Err(error) = tcflush(io::stdin(), QueueSelector::IFlush) {
            tracing::debug!(%error, "what was typed before the question counts as an answer");
        }
    }
}

/// The text that says why a run is refused, the cause, and what to do.
fn refusal_text(refusal: &Refusal) -> String {
    let mut text = format!("{ERROR} {refusal}\n");
    for cause in refusal.causes() {
        push_line(&mut text, format_args!("  caused by: {cause}"));
    }
    if let Some(hint) = &refusal.hint {
        push_line(&mut text, format_args!("  hint: {hint}"));
    }
    text
}
