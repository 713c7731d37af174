//! What a run does once its last call is answered and its results are complete: it puts them in order, holds them against
//! iMocha's lists, and writes what else the operator wants of them.

use std::path::PathBuf;

use jiff::Timestamp;

use super::crosscheck::verify_run;
use super::failed;
use super::held::HeldResults;
use super::plan::Endpoint;
use super::report::check_place;
use super::watch::{Hurry, Watch};
use crate::cli::RunArgs;
use crate::clock::Beginning;
use crate::ending::Ending;
use crate::error::Refusal;
use crate::outcome::StopReason;
use crate::results::format::Format;
use crate::results::order;
use crate::row::Layout;
use crate::ui::{Console, Report};

/// Makes sure, before the first call, that what is to be written afterwards can be.
///
/// # Errors
///
/// When it cannot.
pub(super) fn check(args: &RunArgs) -> Result<(), Refusal> {
    failed::check(args)?;
    check_place(args)
}

/// What it needs to know of the run.
#[derive(Debug)]
pub(super) struct Afterwards<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) endpoint: &'a Endpoint,
    /// Of the input.
    pub(super) layout: Layout,
    /// When the first run over these results began; `None` where it was this one.
    pub(super) first_began_at: Option<Timestamp>,
    pub(super) beginning: Beginning,
}

impl Afterwards<'_> {
    /// Does it all, and adds to the report what came of it.
    pub(super) fn perform(self, report: Report, watch: &Watch, console: &Console) -> Report {
        let Self { args, endpoint, layout, first_began_at, beginning } = self;
        put_in_order(&report, watch);
        let report = match report.ending {
            Ending::Finished if args.guards.verify => {
                let patience = args.connection.max_outage;
                let lister = endpoint.lister(args.pace.list_rate(), patience, watch.shutdown().clone());
                verify_run(report, first_began_at, lister, watch, console).until_now(beginning)
            }
            _ => report,
        };
        write_failed(report, args.results.failed.as_ref(), layout, watch)
    }
}

/// Puts the rows into the order of the input, now that none is added any more. If that fails, they stay in the order in
/// which they ended: that is no less true.
fn put_in_order(report: &Report, watch: &Watch) {
    let is_recorded = match &report.ending {
        Ending::Stopped(stop) => !matches!(stop.reason, StopReason::ResultsUnwritable | StopReason::Bug),
        Ending::Finished | Ending::Rehearsed(_) | Ending::Verified | Ending::Reported | Ending::Refused(_) => true,
    };
    let Some(path) = report.results.clone() else { return };
    if !is_recorded || watch.shutdown().is_given_up() {
        return;
    }
    watch.at_the_end(Hurry::WhenGivenUp, move || {
        let held = Format::found_in(&path).and_then(|format| HeldResults::open(&path, format, None, None));
        if let Err(refusal) = held.and_then(|held| order::put_in_order(&held.file, &held.format)) {
            tracing::warn!(error = refusal.with_causes(), "the results stay in the order in which their rows ended");
        }
    });
}

/// Writes the rows that need attention where the operator wants them. If that fails, the run ends as it would without.
fn write_failed(report: Report, failed: Option<&PathBuf>, layout: Layout, watch: &Watch) -> Report {
    let Some((failed, results)) = failed.cloned().zip(report.results.clone()) else { return report };
    if watch.shutdown().is_given_up() {
        return report;
    }
    let path = failed.clone();
    let written = watch.to_its_end(move || failed::write(&path, &results, &layout));
    match written {
        Ok(Ok(())) => Report { failed: Some(failed), ..report },
        Ok(Err(refusal)) => {
            tracing::warn!(error = refusal.with_causes(), file = ?failed, "the rows that need attention stand in the results alone");
            report
        }
        Err(_given_up) => report,
    }
}
