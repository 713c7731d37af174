//! Writes the metrics of a run (`--metrics-file`). Whatever fails here is a warning, and changes nothing of how the run
//! ends.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::collisions::metrics_file_is;
use super::watch::Watch;
use crate::cli::RunArgs;
use crate::results::replace_file;
use crate::ui::{Report, are_metrics, last_success};

/// The longest metrics file that is read, in bytes. Ours have some three thousand.
const LONGEST_FILE: u64 = 64 * 1024;

/// Writes the metrics of the run that ends now, if they are wanted. A dry run has none: it is not the run that the metrics
/// are of.
pub(super) fn write(args: &RunArgs, report: &Report, watch: Option<&Watch>) {
    let Some(path) = args.metrics_file.clone().filter(|_| !args.guards.dry_run) else { return };
    // Then the run was refused for that reason.
    if metrics_file_is(args, &path).is_some() {
        return;
    }
    let input = (!args.reads_standard_input()).then(|| args.input.clone());
    let report = report.clone();
    let write = move || {
        if let Err(error) = replace(&path, input, &report) {
            tracing::warn!(%error, metrics_file = ?path, "the metrics could not be written");
        }
    };
    match watch {
        Some(watch) => watch.at_the_end(watch.hurry(), write),
        None => write(),
    }
}

fn replace(path: &Path, input: Option<PathBuf>, report: &Report) -> io::Result<()> {
    let before = before(path)?;
    let text = report.metrics(before.as_deref().and_then(last_success));
    // Where the input is missing, which monitoring has to see, those may read on who could read the metrics before.
    let readers_of = input.map(|input| if input.is_file() { input } else { path.to_owned() });
    replace_file(path, readers_of.as_deref(), text.as_bytes())?;
    if path.extension().is_none_or(|extension| extension != "prom") {
        tracing::warn!(metrics_file = ?path, "node_exporter collects only files whose names end in .prom");
    }
    Ok(())
}

/// The metrics of the run before, if there are any.
///
/// # Errors
///
/// If something else stands there, which must not be replaced.
fn before(path: &Path) -> io::Result<Option<String>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is not an ordinary file")),
        Ok(_file) => {}
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.is_empty() || are_metrics(&text) {
        Ok(Some(text))
    } else {
        Err(io::Error::other("the file that is there holds no metrics of imocha-cancel, and is left as it is"))
    }
}
