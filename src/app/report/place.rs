//! Where a page goes. It is written beside its place and renamed, so nobody finds half of one; it never takes the place
//! of anything but an older page; and nobody may read it who may not read all of the results.

use std::io::Write;
use std::path::Path;

use crate::app::own_file;
use crate::app::readers::for_readers_of_all;
use crate::error::{Cause, Refusal};
use crate::results::ResultsFile;
use crate::text::quoted_path;
use crate::ui::PAGE_BEGINNING;

/// The place of a page.
#[derive(Debug)]
pub(super) struct PagePlace<'a> {
    path: &'a Path,
    /// The flag that names it.
    flag: &'static str,
    file: ResultsFile,
}

impl<'a> PagePlace<'a> {
    /// Checks whether a page can go there, without touching it. Those who may read all of these files may read it; where
    /// it is not certain who that is, or there are none, its owner alone.
    ///
    /// # Errors
    ///
    /// If something stands there that is no page, or the directory is missing.
    pub(super) fn plan(path: &'a Path, flag: &'static str, read: &[&Path]) -> Result<Self, Refusal> {
        let (usage, shown) = (|message: String| Refusal::new(Cause::Usage, message), quoted_path(path));
        let another = format!("name another file with {flag}");
        let kind = path.metadata().ok();
        if kind.as_ref().is_some_and(|found| !found.is_file()) {
            let what = if path.is_dir() { "a directory" } else { "not an ordinary file" };
            return Err(usage(format!("{shown} is {what}, so no report can go there")).hint(another));
        }
        let most = u64::try_from(PAGE_BEGINNING.len()).unwrap_or(u64::MAX);
        let is_page = |start: &[u8]| start == PAGE_BEGINNING.as_bytes();
        let file = own_file::plan(path, most, is_page, || {
            Refusal::new(Cause::ResultsExist, format!("the file {shown} is there already, and is no report"))
                .hint(format!("{another}; only a report is replaced"))
        });
        let file = file.map_err(|refusal| match refusal.cause {
            Cause::ResultsExist => refusal,
            _ => refusal.hint(format!("make it, or {another}")),
        })?;
        Ok(Self { path, flag, file: for_readers_of_all(file, read) })
    }

    /// Checks whether a page could be written there now.
    ///
    /// # Errors
    ///
    /// If it could not.
    pub(super) fn try_out(&self) -> Result<(), Refusal> {
        self.file.try_out(PAGE_BEGINNING.as_bytes()).map_err(|refusal| self.unwritable(refusal))
    }

    /// Writes the page, in one durable step.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or something else has appeared there meanwhile.
    pub(super) fn write(&self, page: &str) -> Result<(), Refusal> {
        let (head, rest) = page.split_at_checked(PAGE_BEGINNING.len()).unwrap_or((page, ""));
        let write_rest = |target: &mut dyn Write| {
            target.write_all(rest.as_bytes()).map_err(|error| {
                let message = format!("could not write {}", quoted_path(self.path));
                Refusal::new(Cause::ResultsUnwritable, message).caused_by(error)
            })
        };
        let written = self.file.create(head.as_bytes(), |target| write_rest(target));
        written.map(drop).map_err(|refusal| self.unwritable(refusal))
    }

    fn unwritable(&self, refusal: Refusal) -> Refusal {
        let message = format!("could not write the report {}", quoted_path(self.path));
        let hint = format!("name a file in a directory that you may write to with {}", self.flag);
        Refusal { message, hint: Some(hint), ..refusal }
    }
}
