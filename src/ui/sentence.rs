//! Writes warnings and errors of the log as sentences for people; all else stays a line of a log.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::paint::{ERROR, Paint, WARNING};

/// Fields that only scripts need: their words stand in the sentence.
const FOR_SCRIPTS: [&str; 2] = ["event", "reason"];
/// Fields that the sentence ends with: what happened in detail.
const DETAILS: [&str; 2] = ["detail", "error"];

/// The form of the log for people.
#[derive(Debug)]
pub(super) struct Sentences {
    pub(super) paint: Paint,
    /// The form of all that is neither a warning nor an error.
    pub(super) lines: Format,
}

impl<S, N> FormatEvent<S, N> for Sentences
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mark = match *event.metadata().level() {
            Level::ERROR => ERROR,
            Level::WARN => WARNING,
            _ => return self.lines.format_event(context, writer, event),
        };
        let mut sentence = Sentence::default();
        event.record(&mut sentence);
        writeln!(writer, "{}", self.paint.message(&format!("{mark} {sentence}")))
    }
}

/// The parts of a sentence.
#[derive(Debug, Default)]
struct Sentence {
    message: String,
    details: Vec<String>,
    /// Names and values.
    further: Vec<String>,
}

impl Sentence {
    fn take(&mut self, field: &Field, value: String) {
        let name = field.name();
        if name == "message" {
            self.message = value;
        } else if DETAILS.contains(&name) {
            self.details.push(value);
        } else if !FOR_SCRIPTS.contains(&name) {
            self.further.push(format!("{} {value}", name.replace('_', " ")));
        }
    }
}

impl Visit for Sentence {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, format!("{value:?}"));
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        for detail in &self.details {
            write!(formatter, ": {detail}")?;
        }
        if !self.further.is_empty() {
            write!(formatter, " ({})", self.further.join(", "))?;
        }
        Ok(())
    }
}
