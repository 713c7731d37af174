//! The time for which a list call asks, as the body of the call says it.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::ErrorAnswer;

#[derive(Deserialize)]
struct WindowBounds {
    #[serde(rename = "StartDateTime")]
    start: String,
    #[serde(rename = "EndDateTime")]
    end: String,
}

/// Reads the body of a list call: the time that the list covers, both ends included.
pub(super) fn read(body: Map<String, Value>) -> Result<RangeInclusive<Timestamp>, ErrorAnswer> {
    let bounds: WindowBounds = serde_json::from_value(Value::Object(body))
        .map_err(|error| ErrorAnswer::malformed(format!("StartDateTime and EndDateTime are needed: {error}.")))?;
    let (start, end) = (instant(&bounds.start)?, instant(&bounds.end)?);
    if start > end {
        return Err(ErrorAnswer::malformed("StartDateTime is after EndDateTime."));
    }
    Ok(start..=end)
}

/// Reads a time written as `YYYY-MM-ddTHH:mm:ssZ`. Other spellings are refused, so that a test notices a client that
/// uses one.
fn instant(text: &str) -> Result<Timestamp, ErrorAnswer> {
    let instant = text.parse().ok().filter(|instant: &Timestamp| instant.to_string() == text && text.len() == 20);
    instant.ok_or_else(|| ErrorAnswer::malformed(format!("{text} is not a time like 2020-03-20T16:00:00Z.")))
}
