//! What `--rate auto` begins with, and what becomes of the rate that it found.

use super::plan::Endpoint;
use super::watch::{Halt, Watch};
use crate::throttle::FoundPace;
use crate::ui::{FoundRate, Report};

/// How many answers it takes to say what the API bears.
const TELLING_ANSWERS: u64 = 10;
/// The share of a pace that the calls have to come near to, on average from the first, for the pace to be proved.
const NEAR: f64 = 0.5;

/// The rate that an earlier run found, in calls a second, if this run is to find one.
pub(super) fn remembered_rate(endpoint: &Endpoint, watch: &Watch) -> Result<Option<f64>, Halt> {
    match endpoint.remembered() {
        Some(remembered) if endpoint.config.rate.is_found() => watch.unless_stopped(move || remembered.rate()),
        Some(_) | None => Ok(None),
    }
}

/// Keeps the rate that was found for the next run, and says what was found. Where nothing was refused, a rate that the
/// calls did not come near to, for want of rows or of calls in flight, was not found: then what was reached is told.
pub(super) fn keep_rate(endpoint: &Endpoint, found: FoundPace, report: &Report, watch: &Watch) -> FoundRate {
    let calls = report.tally.this_run.calls();
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate for the eye")]
    let measured = calls.saturating_sub(1) as f64 / report.duration.as_secs_f64().max(f64::EPSILON);
    let pace = found.learned.unwrap_or(found.per_second);
    let is_proved = calls >= TELLING_ANSWERS && (found.limited > 0 || measured >= pace * NEAR);
    if let (Some(remembered), Some(learned), true) = (endpoint.remembered(), found.learned, is_proved) {
        watch.at_the_end(watch.hurry(), move || remembered.keep(learned));
    }
    let per_second = if is_proved { pace } else { pace.min(measured) };
    FoundRate { asked: endpoint.config.rate.to_string(), per_second, limited: found.limited }
}
