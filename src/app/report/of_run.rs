//! The page about a run that has just ended, for `run --report`. Nothing about it changes how the run ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::compile::{open_all, page_of};
use super::place::PagePlace;
use crate::app::collisions::{REPORT, what_is_at};
use crate::app::places::is_dash;
use crate::app::watch::Watch;
use crate::cli::RunArgs;
use crate::ending::Ending;
use crate::error::{Cause, Refusal};
use crate::ui::{Api, Report};

/// Makes sure, before the first call, that the page could be written now, and takes the place of nothing else.
///
/// # Errors
///
/// If it could not, or there will be no results file to read.
pub(in crate::app) fn check_place(args: &RunArgs) -> Result<(), Refusal> {
    let Some(path) = &args.report else { return Ok(()) };
    let usage = |message: String, hint: &str| Err(Refusal::new(Cause::Usage, message).hint(hint));
    if is_dash(path) {
        return usage("--report needs a file".to_owned(), "`report RESULTS -o -` writes to standard output afterwards");
    }
    if args.results_path().is_none() {
        return usage(
            "--report needs a results file: what went to standard output cannot be read again".to_owned(),
            "name a results file with --output",
        );
    }
    if let Some(what) = what_is_at(path, REPORT, args) {
        return usage(format!("--report and {what} are the same file"), "name another file with --report");
    }
    let read: Vec<&Path> = if args.reads_standard_input() { Vec::new() } else { vec![&args.input] };
    PagePlace::plan(path, REPORT, &read)?.try_out()
}

/// Writes the page about a run that began and has ended, and says where it is; a warning where that fails.
pub(in crate::app) fn of_run(report: Report, args: &RunArgs, watch: Option<&Watch>) -> Report {
    let (Some(path), Some(results), Some(watch)) = (&args.report, &report.results, watch) else { return report };
    if !matches!(report.ending, Ending::Finished | Ending::Stopped(_)) || watch.shutdown().is_given_up() {
        return report;
    }
    let (page, results, simulated) = (path.clone(), results.clone(), report.api == Api::Simulated);
    // A fault of the page must not look like one of the run.
    let make = move || catch_unwind(AssertUnwindSafe(|| write(&page, &results, simulated)));
    match watch.to_its_end(make) {
        Ok(Ok(Ok(()))) => Report { page: Some(path.clone()), ..report },
        Ok(Ok(Err(refusal))) => {
            let why = refusal.with_causes();
            tracing::warn!("{why}; the results are whole, and `report` makes it from them");
            report
        }
        Ok(Err(_panic)) => {
            tracing::warn!(report = ?path, "the report was not written, for this program broke over it");
            report
        }
        Err(_given_up) => report,
    }
}

fn write(page: &Path, results: &Path, simulated: bool) -> Result<(), Refusal> {
    let place = PagePlace::plan(page, REPORT, &[results])?;
    let (text, _sum) = page_of(open_all(&[results], &[])?, &[], Some(simulated))?;
    place.write(&text)
}
