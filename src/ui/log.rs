//! Writes the log to standard error.

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::paint::Paint;
use super::sentence::Sentences;
use super::stderr::{StandardError, Urgency};
use crate::cli::LogFormat;
use crate::monitor::THREAD_OF_CALLS;

/// Starts the log. It has only the events of this program, because those of a library could show a header of a call.
pub(super) fn start(level: Level, format: LogFormat, paint: Paint, stderr: StandardError) {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Log { stderr })
        .with_target(false)
        .with_ansi(paint == Paint::Colored);
    let lines = match format {
        LogFormat::Text => lines.event_format(Sentences { paint, lines: Format::default().with_target(false) }).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // This fails only if a log was started before; then that one is used.
    drop(tracing_subscriber::registry().with(lines.with_filter(own)).try_init());
}

/// Makes a writer for each line.
#[derive(Debug)]
struct Log {
    stderr: StandardError,
}

/// Hands one line to standard error.
#[derive(Debug)]
struct Line {
    stderr: StandardError,
    urgency: Urgency,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { stderr: self.stderr.clone(), urgency: Urgency::Now }
    }

    /// Only the events of single calls may wait, where the thread that sends them may; other events must not wait.
    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line {
        let must_not_wait = *metadata.level() <= Level::INFO || metadata.target() == THREAD_OF_CALLS;
        let urgency = if must_not_wait { Urgency::Now } else { Urgency::EachCall };
        Line { urgency, ..self.make_writer() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stderr.send(bytes, self.urgency);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
