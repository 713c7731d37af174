//! The summary as metrics, in the text format of Prometheus that the textfile collector of `node_exporter` takes (source:
//! Prometheus documentation, "Exposition formats", "Text-based format", version 0.0.4).
//!
//! The names and labels are a contract. All are gauges, without timestamps, which the collector refuses. Every metric has
//! the label `input`, so that several files, one for each job, can be collected together; the runs of several shards
//! differ in the label `shard`.

use std::path::Path;

use super::Report;
use crate::ending::ExitCode;
use crate::outcome::Status;
use crate::text::push_line;

/// What every metric's name begins with.
const PREFIX: &str = "imocha_cancel_last_run_";
/// The metric that a run which does not succeed takes over from the run before.
const SUCCESS: &str = "success_timestamp_seconds";

/// Whether a text is metrics of this kind.
pub fn are_metrics(text: &str) -> bool {
    text.starts_with(&format!("# HELP {PREFIX}"))
}

/// When the last run that succeeded had ended, as these metrics say, in seconds since 1970.
pub fn last_success(metrics: &str) -> Option<f64> {
    let name = format!("{PREFIX}{SUCCESS}{{");
    let sample = metrics.lines().find(|line| line.starts_with(&name))?;
    let (_, value) = sample.rsplit_once("} ")?;
    value.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}

impl Report {
    /// The metrics of this run. `last_success` is when the last run before it that succeeded had ended, in seconds since
    /// 1970; zero stands for never.
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are exact for long"
    )]
    pub fn metrics(&self, last_success: Option<f64>) -> String {
        let end = self.finished_at().as_millisecond() as f64 / 1000.0;
        let success = if self.exit_code() == ExitCode::Done { end } else { last_success.unwrap_or(0.0) };
        let labels = self.labels();
        let mut text = String::new();
        push_head(&mut text, "rows", "Rows in the results, by status.");
        for &status in Status::ALL {
            let rows = self.tally.all_runs.count(status);
            push_line(&mut text, format_args!("{PREFIX}rows{{{labels},status=\"{status}\"}} {rows}"));
        }
        let exit_code = self.exit_code().number();
        for (name, help, value) in [
            ("calls", "Calls that the run made for its rows.", self.tally.all_runs.calls().to_string()),
            ("exit_code", "Exit code of the run; 2 is refused, 3 stopped early.", exit_code.to_string()),
            ("duration_seconds", "How long the run took.", self.duration.as_secs_f64().to_string()),
            ("end_timestamp_seconds", "When the run ended, since 1970.", end.to_string()),
            (SUCCESS, "When a run last ended with exit code 0, since 1970; 0 is never.", success.to_string()),
        ] {
            push_head(&mut text, name, help);
            push_line(&mut text, format_args!("{PREFIX}{name}{{{labels}}} {value}"));
        }
        text
    }

    /// The labels that tell this job from others on the same machine.
    fn labels(&self) -> String {
        let input = self.input.as_deref().map_or_else(String::new, label_of);
        let shard = self.shard.map(|part| format!(",shard=\"{}\"", part.shard)).unwrap_or_default();
        format!("input=\"{input}\"{shard}")
    }
}

/// The value of the label `input`: the whole path, for files in two directories may have one name. Standard input is `-`.
fn label_of(input: &Path) -> String {
    let path = if input == Path::new("-") { None } else { std::path::absolute(input).ok() };
    let path = path.as_deref().unwrap_or(input).to_string_lossy();
    path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn push_head(text: &mut String, name: &str, help: &str) {
    push_line(text, format_args!("# HELP {PREFIX}{name} {help}"));
    push_line(text, format_args!("# TYPE {PREFIX}{name} gauge"));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ending::Ending;
    use crate::error::Cause;

    fn report(ending: Ending) -> Report {
        let started_at = "2026-01-20T02:00:00Z".parse().unwrap();
        let input = Some("/srv/tonight.csv".into());
        Report { input, started_at, duration: Duration::from_millis(1_250), ..Report::of(ending) }
    }

    #[test]
    fn a_success_is_kept_until_the_next() {
        let good = report(Ending::Finished).metrics(None);
        assert_eq!(last_success(&good), Some(1_768_874_401.25));
        let bad = report(Ending::Refused(Cause::Input)).metrics(last_success(&good));
        assert!(bad.contains("exit_code{input=\"/srv/tonight.csv\"} 2\n"), "{bad}");
        assert_eq!(last_success(&bad), Some(1_768_874_401.25));
        assert_eq!(last_success(&report(Ending::Refused(Cause::Input)).metrics(None)), Some(0.0), "never");
    }

    #[test]
    fn what_is_no_success_is_not_taken_for_one() {
        for text in ["", "imocha_cancel_last_run_success_timestamp_seconds{input=\"a\"} NaN\n", "x{} 5\n"] {
            assert_eq!(last_success(text), None);
        }
        // The name of the input may hold what ends a sample.
        let odd = Report { input: Some("/a\"} 5\n.csv".into()), ..report(Ending::Finished) };
        assert_eq!(last_success(&odd.metrics(None)), Some(1_768_874_401.25));
    }

    #[test]
    fn a_name_is_escaped_as_the_format_wants_it() {
        assert_eq!(label_of(Path::new("/a \"b\"\\c\nd é.csv")), r#"/a \"b\"\\c\nd é.csv"#);
        assert_eq!(label_of(Path::new("-")), "-");
        assert!(label_of(Path::new("a.csv")).ends_with("/a.csv") && label_of(Path::new("a.csv")).len() > 6);
    }
}
