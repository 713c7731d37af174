//! Events of the log whose fields are not known in advance: they carry counts. They look like those of the log itself.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::Level;

use crate::error::Refusal;
use crate::text::timestamp;

/// An event for scripts.
#[derive(Debug)]
pub struct LogEvent {
    /// How important it is.
    pub level: Level,
    /// The word that tells events of this kind from others.
    pub event: &'static str,
    /// The same in words.
    pub message: String,
    /// What else there is to know.
    pub fields: Map<String, Value>,
}

impl LogEvent {
    /// Makes an event from an object with its fields.
    pub fn new(level: Level, event: &'static str, message: impl Into<String>, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self { level, event, message: message.into(), fields }
    }

    /// Says why a run is refused, what caused that, and what to do.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let causes: Vec<String> = refusal.causes().map(ToString::to_string).collect();
        let fields = json!({ "reason": refusal.cause.word(), "caused_by": causes, "hint": refusal.hint });
        Self::new(Level::ERROR, "refused", &refusal.message, fields)
    }
}

impl fmt::Display for LogEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp(Timestamp::now()).into());
        line.insert("level".to_owned(), self.level.as_str().into());
        line.insert("message".to_owned(), self.message.as_str().into());
        line.insert("event".to_owned(), self.event.into());
        line.extend(self.fields.clone());
        // The message of a refusal stands in its summary as well.
        line.insert("message".to_owned(), self.message.as_str().into());
        write!(formatter, "{}", Value::Object(line))
    }
}
