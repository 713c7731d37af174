//! The command `report`: makes a page about results. A run makes the same page at its end, where it is to.

mod compile;
mod counted;
mod next_step;
mod of_run;
mod place;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::HumanCount;

use self::compile::{open_all, page_of};
pub(super) use self::of_run::{check_place, of_run};
use self::place::PagePlace;
use super::collisions::{Stream, are_one, results_and_journals, spoilt, which_goes};
use super::places::is_dash;
use super::standard_output;
use super::tell::{JsonSummary, finish, finish_without_watch, say_refusal};
use super::watch::{Halt, Watch};
use crate::cli::{ColumnNames, ReportArgs};
use crate::clock::Beginning;
use crate::ending::{Ending, ExitCode};
use crate::error::{Cause, Refusal};
use crate::outcome::{Stop, StopReason, Summary, Tally};
use crate::shutdown::Shutdown;
use crate::text::{plural, quoted_path};
use crate::ui::{Console, Report, Results};

/// The flag that names the page.
const OUTPUT: &str = "--output";

/// Does what `report` was asked, says what came of it, and gives the exit code.
pub(super) fn report(args: ReportArgs) -> ExitCode {
    let shutdown = Shutdown::default();
    let output = if args.output.as_deref().is_some_and(is_dash) { Results::OnStandardOutput } else { Results::InFile };
    let console = Console::new(&args.console, output, shutdown.clone());
    let beginning = Beginning::now();
    let args = Arc::new(args);
    let is_spoilt = |stream| what_is_spoilt(stream, &args).is_some();
    let (result, watch) = match Watch::start(&console, &shutdown) {
        Ok((watch, _threads_of_a_run)) => (perform(&args, &watch), Some(watch)),
        Err(refusal) => (Err(refusal.into()), None),
    };
    let report = match result {
        Ok(report) => report,
        Err(Halt::Refused(refusal)) => {
            say_refusal(&args.summary, is_spoilt, &console, &refusal);
            Report::refused(&refusal)
        }
        Err(Halt::Stopped(stop) | Halt::Midway(stop)) => {
            let stop = stop.with_nothing_to_finish();
            console.error(&format!("stopped: {}; no report was written\n", stop.detail));
            Report::of(Ending::Stopped(stop))
        }
    };
    let results = match args.results.as_slice() {
        [one] => Some(one.clone()),
        _several => None,
    };
    let report = Report { results, ..report }.since(beginning);
    say(&report, &console);
    let json = JsonSummary::of(&args.summary, is_spoilt);
    match watch {
        Some(watch) => finish(json, &console, &report, watch),
        None => finish_without_watch(json, &console, &report, &shutdown),
    }
    report.exit_code()
}

/// Says where the page is, and how much of it somebody has to look at.
fn say(report: &Report, console: &Console) {
    let (Ending::Reported, Some(page)) = (&report.ending, &report.page) else { return };
    let rows = &report.tally.all_runs;
    let attention = rows.need_attention();
    let need = match attention {
        0 => "none needs attention".to_owned(),
        1 => "1 needs attention".to_owned(),
        _ => format!("{} need attention", HumanCount(attention)),
    };
    let (total, noun) = (HumanCount(rows.total()), plural(rows.total(), "row"));
    console.say(&format!("report: {}: {total} {noun}, {need}\n", quoted_path(page)));
}

fn perform(args: &Arc<ReportArgs>, watch: &Watch) -> Result<Report, Halt> {
    let output = output_of(args)?;
    check_flags(args, &output)?;
    let columns = args.columns.as_ref().map_or_else(Vec::new, |ColumnNames(names)| names.clone());
    let for_reading = Arc::clone(args);
    let to = output.clone();
    let read = move || -> Result<(String, Summary), Refusal> {
        let results = open_all(&for_reading.results, &columns)?;
        if let Some(path) = to.file() {
            place(path, &for_reading)?.try_out()?;
        }
        page_of(results, &columns, None)
    };
    // The page is small, so it is made whole before anything is written; up to then it can be given up at any moment.
    let (page, sum) = watch.unless_stopped(read)??;
    let for_writing = Arc::clone(args);
    let to = output.clone();
    let written = watch.to_its_end(move || match to.file() {
        Some(path) => place(path, &for_writing)?.write(&page),
        None => print(&page),
    })?;
    written.map_err(|refusal| {
        Halt::Stopped(Stop { reason: StopReason::ResultsUnwritable, detail: refusal.with_causes() })
    })?;
    let page = output.file().map(Path::to_owned);
    Ok(Report { page, tally: Tally::after(sum), ..Report::of(Ending::Reported) })
}

/// Where the page goes.
#[derive(Debug, Clone)]
enum PageOutput {
    File(PathBuf),
    StandardOutput,
}

impl PageOutput {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::StandardOutput => None,
        }
    }
}

fn output_of(args: &ReportArgs) -> Result<PageOutput, Refusal> {
    match (&args.output, args.results.as_slice()) {
        (Some(output), _) if is_dash(output) => Ok(PageOutput::StandardOutput),
        (Some(output), _) => Ok(PageOutput::File(output.clone())),
        (None, [one]) => Ok(PageOutput::File(beside(one))),
        (None, _) => Err(Refusal::new(Cause::Usage, "a report about several results needs a place")
            .hint("name a file with --output, or - for standard output")),
    }
}

/// The page beside its results: `round-7.results.csv` gives `round-7.results.html`.
fn beside(results: &Path) -> PathBuf {
    let is_csv = results.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let mut name: OsString = if is_csv { results.with_extension("") } else { results.to_owned() }.into_os_string();
    name.push(".html");
    name.into()
}

fn place<'a>(path: &'a Path, args: &ReportArgs) -> Result<PagePlace<'a>, Refusal> {
    let results: Vec<&Path> = args.results.iter().map(PathBuf::as_path).collect();
    PagePlace::plan(path, OUTPUT, &results)
}

/// Flags that cannot be meant together.
fn check_flags(args: &ReportArgs, output: &PageOutput) -> Result<(), Refusal> {
    let usage = |message: String, hint: &str| Err(Refusal::new(Cause::Usage, message).hint(hint));
    if args.console.quiet && args.console.verbose {
        return usage("--quiet and --verbose contradict each other".to_owned(), "leave one of them out");
    }
    for stream in [Stream::Output, Stream::Error] {
        if let Some(what) = what_is_spoilt(stream, args) {
            return Err(spoilt(stream, &what));
        }
    }
    for (index, path) in args.results.iter().enumerate() {
        if args.results.iter().take(index).any(|other| are_one(other, path)) {
            return usage(format!("the results {} are named twice", quoted_path(path)), "name each results file once");
        }
    }
    match output {
        PageOutput::File(path) => {
            for (what, other) in files_read(args) {
                if are_one(&other, path) {
                    return usage(format!("--output and {what} are the same file"), "name another file with --output");
                }
            }
            Ok(())
        }
        PageOutput::StandardOutput if args.summary.json => usage(
            "the report and the --json summary cannot both go to standard output".to_owned(),
            "name a file with --output",
        ),
        PageOutput::StandardOutput if standard_output::is_lost() => {
            usage("standard output is closed, so nobody would get the report".to_owned(), "name a file with --output")
        }
        PageOutput::StandardOutput => Ok(()),
    }
}

/// The results with their journals, each in words.
fn files_read(args: &ReportArgs) -> Vec<(String, PathBuf)> {
    let results: Vec<&Path> = args.results.iter().map(PathBuf::as_path).collect();
    results_and_journals(&results)
}

/// The file of this command that a stream leads into, in words.
fn what_is_spoilt(stream: Stream, args: &ReportArgs) -> Option<String> {
    which_goes(stream, &files_read(args))
}

/// Writes the page to standard output. If its reader is gone, nobody wants the rest.
fn print(page: &str) -> Result<(), Refusal> {
    let mut output = io::stdout().lock();
    match output.write_all(page.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Refusal::new(Cause::ResultsUnwritable, "could not write the report to standard output")
                .caused_by(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_lies_beside_its_results() {
        for (results, page) in [
            ("round-7.results.csv", "round-7.results.html"),
            ("a/DONE.CSV", "a/DONE.html"),
            ("results", "results.html"),
            ("results.txt", "results.txt.html"),
        ] {
            assert_eq!(beside(Path::new(results)), Path::new(page));
        }
    }
}
