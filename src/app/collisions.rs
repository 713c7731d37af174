//! Checks that a run does not write to a file that it reads, whatever name leads there: a path, a link, or standard
//! input.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use same_file::Handle;

use crate::cli::{ConnectionArgs, RunArgs, VerifyArgs};
use crate::error::{Cause, Refusal};
use crate::results::Journal;
use crate::text::quoted_path;

/// The flags that name files beside the results.
pub(super) const FAILED: &str = "--failed";
pub(super) const REPORT: &str = "--report";
const METRICS_FILE: &str = "--metrics-file";

/// Makes sure that the run does not write to a file that it reads, and that nothing else writes to the files of the
/// run. `output` is the results file; `None` means standard output.
///
/// # Errors
///
/// If one of these would happen.
pub(super) fn check(args: &RunArgs, output: Option<&Path>) -> Result<(), Refusal> {
    if let Some(output) = output {
        check_file(args, output)?;
    }
    if let Some(metrics) = &args.metrics_file
        && let Some(what) = metrics_file_is(args, metrics)
    {
        return Err(Refusal::new(Cause::Usage, format!("--metrics-file and {what} are the same file"))
            .hint("name another file with --metrics-file"));
    }
    for stream in [Stream::Output, Stream::Error] {
        if let Some(what) = what_a_stream_goes_into(stream, args, output) {
            return Err(spoilt(stream, &what));
        }
    }
    Ok(())
}

/// Whether a stream of this process leads into a file that the run reads or writes. Then nothing may be written to the
/// stream, not even why the run is refused.
pub(super) fn would_spoil(stream: Stream, args: &RunArgs) -> bool {
    let output = args.results_path();
    what_a_stream_goes_into(stream, args, output.as_deref()).is_some()
}

/// A stream that this process can write to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Stream {
    fn handle(self) -> io::Result<Handle> {
        match self {
            Self::Output => Handle::stdout(),
            Self::Error => Handle::stderr(),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Output => "standard output",
            Self::Error => "standard error",
        })
    }
}

/// Which other file of the run the metrics would replace, in words.
pub(super) fn metrics_file_is(args: &RunArgs, metrics: &Path) -> Option<String> {
    what_is_at(metrics, METRICS_FILE, args).or_else(|| {
        let is_metrics = |stream: &Stream| ordinary(stream.handle()).is_some_and(|it| file_at(metrics) == Some(it));
        [Stream::Output, Stream::Error].iter().find(|stream| is_metrics(stream)).map(ToString::to_string)
    })
}

/// The file of this run that a stream leads into, in words.
fn what_a_stream_goes_into(stream: Stream, args: &RunArgs, output: Option<&Path>) -> Option<String> {
    let written = ordinary(stream.handle())?;
    if input_handle(args).is_some_and(|input| input == written) {
        return Some(if args.reads_standard_input() { "standard input" } else { "the input" }.to_owned());
    }
    let mut files = files_of(output.as_slice(), &args.connection);
    // One that leads into the metrics is refused for their sake.
    files.extend(files_beside_results(args).into_iter().filter(|(flag, _)| flag != METRICS_FILE));
    which_goes(stream, &files)
}

/// What else of the run stands at the path that `flag` names for a file beside the results, in words.
pub(super) fn what_is_at(path: &Path, flag: &str, args: &RunArgs) -> Option<String> {
    if is_input(path, args) {
        return Some("the input".to_owned());
    }
    let output = args.results_path();
    let mut others = files_of(output.as_deref().as_slice(), &args.connection);
    others.extend(files_beside_results(args).into_iter().filter(|(other, _)| other != flag));
    others.into_iter().find(|(_, other)| are_one(path, other)).map(|(what, _)| what)
}

/// What a run writes besides its results, each by the flag that names it.
fn files_beside_results(args: &RunArgs) -> Vec<(String, PathBuf)> {
    let files = [(FAILED, &args.results.failed), (REPORT, &args.report), (METRICS_FILE, &args.metrics_file)];
    files.into_iter().filter_map(|(flag, path)| Some((flag.to_owned(), path.clone()?))).collect()
}

fn is_input(path: &Path, args: &RunArgs) -> bool {
    (!args.reads_standard_input() && path == args.input)
        || input_handle(args).is_some_and(|input| file_at(path).is_some_and(|found| found == input))
}

/// The files of a verification that a stream leads into, in words.
pub(super) fn what_is_spoilt(stream: Stream, args: &VerifyArgs) -> Option<String> {
    let results: Vec<&Path> = args.results.iter().chain(&args.output).map(PathBuf::as_path).collect();
    which_goes(stream, &files_of(&results, &args.connection))
}

/// Results with their journals and what else a command reads, each in words.
pub(super) fn files_of(results: &[&Path], connection: &ConnectionArgs) -> Vec<(String, PathBuf)> {
    let results = results_and_journals(results);
    let read = [("--api-key-file", &connection.api_key_file), ("--ca-file", &connection.ca_file)];
    let read = read.into_iter().filter_map(|(flag, path)| Some((flag.to_owned(), path.clone()?)));
    results.into_iter().chain(read).collect()
}

/// Results with their journals, each in words.
pub(super) fn results_and_journals(results: &[&Path]) -> Vec<(String, PathBuf)> {
    let both = results.iter().flat_map(|&results| {
        let journal = Journal::path_of(results);
        [
            (format!("the results {}", quoted_path(results)), results.to_owned()),
            (format!("the journal {}", quoted_path(&journal)), journal),
        ]
    });
    both.collect()
}

/// Which of these files a stream leads into, in words.
pub(super) fn which_goes(stream: Stream, files: &[(String, PathBuf)]) -> Option<String> {
    let written = ordinary(stream.handle())?;
    let is_written = |path: &Path| file_at(path).is_some_and(|found| found == written);
    files.iter().find(|(_, path)| is_written(path)).map(|(what, _)| what.clone())
}

/// The refusal for a stream that leads into a file of the command.
pub(super) fn spoilt(stream: Stream, what: &str) -> Refusal {
    Refusal::new(Cause::Usage, format!("{stream} and {what} are the same file"))
        .hint(format!("redirect {stream} to another file"))
}

fn check_file(args: &RunArgs, output: &Path) -> Result<(), Refusal> {
    // The results would replace a link such as /dev/stdout by a file.
    if output.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(Refusal::new(Cause::Usage, format!("{} leads to no ordinary file", quoted_path(output)))
            .hint("for results on standard output say --output -"));
    }
    let journal = Journal::path_of(output);
    if is_input(output, args) {
        return Err(same(&format!("output and input are the same file {}", quoted_path(output))));
    }
    if is_input(&journal, args) {
        return Err(same(&format!(
            "the input is the journal {} of the results, which would be written to",
            quoted_path(&journal)
        )));
    }
    for (flag, file) in [("--api-key-file", &args.connection.api_key_file), ("--ca-file", &args.connection.ca_file)] {
        let Some(file) = file else { continue };
        if [output, &journal].into_iter().any(|written| are_one(written, file)) {
            return Err(same(&format!("output and {flag} are the same file {}", quoted_path(file))));
        }
    }
    Ok(())
}

/// Whether two paths lead to one file, or would once it is there.
pub(super) fn are_one(one: &Path, other: &Path) -> bool {
    let are_equal = |one: Option<Handle>, other: Option<Handle>| one.is_some() && one == other;
    one == other
        || are_equal(file_at(one), file_at(other))
        || (one.file_name() == other.file_name() && are_equal(directory_at(one), directory_at(other)))
}

/// The directory in which a file is or would be.
fn directory_at(path: &Path) -> Option<Handle> {
    let directory = path.parent()?;
    Handle::from_path(if directory.as_os_str().is_empty() { Path::new(".") } else { directory }).ok()
}

fn input_handle(args: &RunArgs) -> Option<Handle> {
    if args.reads_standard_input() { ordinary(Handle::stdin()) } else { file_at(&args.input) }
}

/// The file at a path, if it is an ordinary one. This is checked before it is opened, because opening a pipe waits for
/// a process at its other end.
fn file_at(path: &Path) -> Option<Handle> {
    path.metadata().is_ok_and(|metadata| metadata.is_file()).then(|| Handle::from_path(path).ok()).flatten()
}

/// The handle, if it is of an ordinary file. A terminal, a pipe or a device can safely be read and written at the same
/// time; a file cannot.
fn ordinary(handle: io::Result<Handle>) -> Option<Handle> {
    let handle = handle.ok()?;
    handle.as_file().metadata().is_ok_and(|metadata| metadata.is_file()).then_some(handle)
}

fn same(message: &str) -> Refusal {
    Refusal::new(Cause::Usage, message).hint("name another file for the results with --output")
}
