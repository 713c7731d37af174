//! The log on standard error. It steps aside for the progress bar: the bar is taken away while a line is written.

use std::io::{self, Write};

use indicatif::ProgressBar;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;

/// Starts the log. Only this program's own events are in it: a library's could show a header.
pub(super) fn start(level: Level, format: LogFormat, ansi: bool, bar: ProgressBar) {
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(BesideBar { bar }).with_target(false).with_ansi(ansi);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // It fails only where a log has been started before, and then that one serves.
    drop(tracing_subscriber::registry().with(lines.with_filter(own)).try_init());
}

/// Writes to standard error while the bar is away.
#[derive(Debug, Clone)]
struct BesideBar {
    bar: ProgressBar,
}

impl<'a> MakeWriter<'a> for BesideBar {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for BesideBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
