//! The summary as events for scripts: one for the end of the run with all counts, and one for each row that it names.

use serde_json::json;
use tracing::Level;

use super::Report;
use crate::ending::{Ending, ExitCode};
use crate::ui::log_event::LogEvent;

impl Report {
    /// The end of the run, and the first rows of each kind that needs attention. A refusal is told when it happens.
    pub fn events(&self) -> Vec<LogEvent> {
        let message = match &self.ending {
            Ending::Finished => "the run has finished".to_owned(),
            Ending::Verified => "the results are verified".to_owned(),
            Ending::Reported => "the report is written".to_owned(),
            Ending::Rehearsed(_) => "the dry run has finished: nothing was cancelled".to_owned(),
            Ending::Stopped(stop) => format!("the run was stopped: {}", stop.detail),
            Ending::Refused(_) => return Vec::new(),
        };
        let level = if self.exit_code() == ExitCode::Done { Level::INFO } else { Level::WARN };
        let mut events = vec![LogEvent::new(level, "ended", message, self.json())];
        events.extend(self.tally.all_runs.attention().rows().map(|(status, row)| {
            let fields = json!({
                "line": row.line,
                "id": row.invitation_id,
                "status": status.word(),
                "error": row.error,
            });
            LogEvent::new(Level::WARN, "attention", "a row needs attention", fields)
        }));
        for (line, id) in self.cut_off.iter().flatten() {
            let fields = json!({ "line": line, "id": id.to_string(), "status": null });
            events.push(LogEvent::new(Level::WARN, "cut_off", "a row without a result may have taken effect", fields));
        }
        events
    }
}
