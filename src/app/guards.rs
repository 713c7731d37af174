//! Checks, before a run, what the survey found against the limits that the operator set.

use indicatif::{HumanCount, HumanDuration};

use super::plan::surveyed;
use super::resume::Resumption;
use crate::cli::RunArgs;
use crate::config::length_of_time;
use crate::error::{Cause, Refusal};
use crate::input::{Choice, Survey};
use crate::text::quoted_path;

/// Checks what the survey found before the user is asked, and returns how many invitations would be cancelled.
pub(super) fn check_survey(args: &RunArgs, survey: &Survey, resumption: Option<&Resumption>) -> Result<u64, Refusal> {
    let settled = resumption.map_or(0, Resumption::settled);
    let left = survey.eligible.saturating_sub(settled);
    let cancels = args.guards.limit.map_or(left, |limit| left.min(limit));
    check_guards(args, survey, Some(cancels))?;
    warn(args, survey);
    Ok(cancels)
}

/// Warns of what is odd about the input, but no reason to refuse it.
pub(super) fn warn(args: &RunArgs, survey: &Survey) {
    warn_of_results(args, survey);
    if let Some(line) = survey.other_table {
        tracing::warn!(
            input = ?args.input,
            line,
            "another table begins, and nothing from there on is sent; give it a file of its own"
        );
    }
    if survey.eligible == 0 {
        tracing::warn!(input = ?args.input, found = surveyed(survey), "there is nothing to cancel");
    }
}

/// Checks the limits that the operator set for a run. `cancels` is `None` if nobody knows how many invitations are left.
pub(super) fn check_guards(args: &RunArgs, survey: &Survey, cancels: Option<u64>) -> Result<(), Refusal> {
    if let Some((most, cancels)) = args.guards.max_cancels.zip(cancels)
        && cancels > most
    {
        return Err(Refusal::new(
            Cause::TooMany,
            format!("{} invitations would be cancelled, more than --max-cancels {most} allows", HumanCount(cancels)),
        )
        .hint("check that this is the file you mean; if it is, raise --max-cancels, or take a part with --limit"));
    }
    let Some(most) = args.guards.max_input_age else { return Ok(()) };
    let Some(modified) = survey.fingerprint.as_ref().and_then(|file| file.modified) else {
        return Err(Refusal::new(
            Cause::StaleInput,
            format!("nobody knows how old the input {} is", quoted_path(&args.input)),
        )
        .hint("leave --max-input-age out, or copy the file to a disk that keeps times"));
    };
    // If a wrong clock dates the file in the future, it counts as new.
    let age = modified.elapsed().unwrap_or_default();
    if age > most {
        return Err(Refusal::new(
            Cause::StaleInput,
            format!(
                "the input {} was last changed {} ago, longer than --max-input-age {} allows",
                quoted_path(&args.input),
                HumanDuration(age),
                length_of_time(most),
            ),
        )
        .hint("export it again: people may have been invited anew since"));
    }
    Ok(())
}

/// Warns if the input is a results file: that is allowed, but it also has the rows that were filtered out or cancelled
/// before.
fn warn_of_results(args: &RunArgs, survey: &Survey) {
    let is_results = survey.reading.id_column.as_ref().is_some_and(|column| column.choice == Choice::Results);
    if is_results && args.reading.filters.is_empty() {
        tracing::warn!(
            "the input is a results file, and every row of it is meant, those that were filtered out or cancelled too; \
             --where status=… takes a part"
        );
    }
}
