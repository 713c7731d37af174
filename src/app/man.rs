//! Writes the manual pages.

use std::fs;
use std::path::Path;

use super::standard_output;
use crate::cli::{Cli, ManArgs};
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;
use crate::ui::{ManualPage, manual_pages};

/// Writes all pages to the directory, or the main page to standard output.
///
/// # Errors
///
/// If they cannot be written there.
pub(super) fn write(args: &ManArgs) -> Result<(), Refusal> {
    let pages = manual_pages(Cli::parser());
    match (&args.directory, pages.first()) {
        (Some(directory), _) => write_all(&pages, directory),
        (None, Some(main)) => standard_output::print(main.text.as_bytes()),
        (None, None) => Ok(()),
    }
}

fn write_all(pages: &[ManualPage], directory: &Path) -> Result<(), Refusal> {
    let unwritable = |path: &Path| Refusal::new(Cause::Usage, format!("could not write {}", quoted_path(path)));
    fs::create_dir_all(directory).map_err(|error| unwritable(directory).caused_by(error))?;
    for page in pages {
        let path = directory.join(&page.file_name);
        fs::write(&path, &page.text).map_err(|error| unwritable(&path).caused_by(error))?;
    }
    Ok(())
}
