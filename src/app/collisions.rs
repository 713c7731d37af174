//! Whether what a run writes would fall together with what it reads, by whatever names: a path, a link, standard input.

use std::io;
use std::path::Path;

use same_file::Handle;

use super::plan::Input;
use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};
use crate::results::Journal;
use crate::text::quoted_path;

/// Makes sure that nothing that is read is written to. `output` is the results file; `None` is standard output.
///
/// # Errors
///
/// When it would be.
pub(super) fn check(args: &RunArgs, output: Option<&Path>) -> Result<(), Refusal> {
    if let Some(output) = output {
        check_file(args, output)?;
    }
    let Some(stdout) = ordinary(Handle::stdout()) else { return Ok(()) };
    if input_handle(args).is_some_and(|input| input == stdout) {
        let input = if Input::is_standard(args) { "standard input" } else { "the input" };
        return Err(same(&format!("standard output and {input} are the same file")));
    }
    if output.and_then(|output| ordinary(Handle::from_path(output))).is_some_and(|results| results == stdout) {
        return Err(same("standard output is the results file"));
    }
    Ok(())
}

fn check_file(args: &RunArgs, output: &Path) -> Result<(), Refusal> {
    // A link such as /dev/stdout would be replaced by a file.
    if output.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(Refusal::new(Cause::Usage, format!("{} leads to no ordinary file", quoted_path(output)))
            .hint("for results on standard output say --output -"));
    }
    let journal = Journal::path_of(output);
    let input = input_handle(args);
    let is_input = |path: &Path| {
        (!Input::is_standard(args) && path == args.input)
            || input.as_ref().is_some_and(|input| Handle::from_path(path).is_ok_and(|found| found == *input))
    };
    if is_input(output) {
        return Err(same(&format!("output and input are the same file {}", quoted_path(output))));
    }
    if is_input(&journal) {
        return Err(same(&format!(
            "the input is the journal {} of the results, which would be written to",
            quoted_path(&journal)
        )));
    }
    for (flag, file) in [("--api-key-file", &args.api_key_file), ("--ca-file", &args.ca_file)] {
        let Some(file) = file else { continue };
        if [output, &journal].into_iter().any(|written| are_one(written, file)) {
            return Err(same(&format!("output and {flag} are the same file {}", quoted_path(file))));
        }
    }
    Ok(())
}

fn are_one(one: &Path, other: &Path) -> bool {
    one == other || same_file::is_same_file(one, other).unwrap_or(false)
}

fn input_handle(args: &RunArgs) -> Option<Handle> {
    if Input::is_standard(args) { ordinary(Handle::stdin()) } else { Handle::from_path(&args.input).ok() }
}

/// A terminal, a pipe or a device can be read and written at once; a file cannot.
fn ordinary(handle: io::Result<Handle>) -> Option<Handle> {
    let handle = handle.ok()?;
    handle.as_file().metadata().is_ok_and(|metadata| metadata.is_file()).then_some(handle)
}

fn same(message: &str) -> Refusal {
    Refusal::new(Cause::Usage, message).hint("name another file for the results with --output")
}
