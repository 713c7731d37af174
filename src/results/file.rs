//! Creates the results file. The file appears complete with its header, or not at all. It never replaces a file unless
//! the operator said so, and it never writes through a symbolic link to another place.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::disk::{self, DiskFile, sync_directory};
use super::part;
use super::place::directory_of;
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// What to do if the results file exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave the file, and refuse the run.
    Keep,
    /// Replace the file by the new one.
    Replace,
    /// Go on with the run that wrote the file.
    Resume,
}

/// The path of the results, checked to be fit for a new file.
#[derive(Debug, Clone)]
pub struct ResultsFile {
    path: PathBuf,
    existing: Existing,
    /// The input file: users who may read it may read the results, which hold data about the same people. Without it,
    /// only the owner may read them.
    input: Option<PathBuf>,
}

impl ResultsFile {
    /// Checks whether results can go to `path`, without touching it.
    ///
    /// # Errors
    ///
    /// If a file exists that has to be kept, if the path leads to something other than a file, or if the directory is
    /// missing.
    pub fn plan(path: PathBuf, existing: Existing) -> Result<Self, Refusal> {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(Refusal::new(
                    Cause::Usage,
                    format!("{} is a directory, not a file for results", quoted_path(&path)),
                )
                .hint("name a file with --output"));
            }
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                return Err(Refusal::new(Cause::Usage, format!("{} is not an ordinary file", quoted_path(&path)))
                    .hint("for results on standard output say --output -"));
            }
            Ok(_file) if existing == Existing::Keep => return Err(exists(&path)),
            Ok(_file) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(uncreatable(&path, error)),
        }
        let planned = Self { path, existing, input: None };
        if !directory_of(&planned.path).is_dir() {
            return Err(Refusal::new(
                Cause::Usage,
                format!("there is no directory {}", quoted_path(directory_of(&planned.path))),
            )
            .hint("make it, or name another file with --output"));
        }
        Ok(planned)
    }

    /// Lets users read the results who may read `input`, not only the owner.
    #[must_use]
    pub fn for_readers_of(self, input: &Path) -> Self {
        Self { input: Some(input.to_owned()), ..self }
    }

    /// What to do with a file that exists already.
    pub fn existing(&self) -> Existing {
        self.existing
    }

    /// The path, as the operator named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the file with `header` and then whatever `fill` writes, durably: it is written under another name,
    /// synced, and renamed in one step.
    ///
    /// # Errors
    ///
    /// If a file has appeared there since the plan was made, or the disk fails; and the errors of `fill`.
    pub fn create(
        &self,
        header: &[u8],
        fill: impl FnOnce(&mut DiskFile) -> Result<(), Refusal>,
    ) -> Result<DiskFile, Refusal> {
        let fail = |error: io::Error| uncreatable(&self.path, error);
        part::remove_leftovers(directory_of(&self.path));
        let mut file = self.part().map_err(fail)?;
        file.write_all(header).map_err(fail)?;
        fill(file.as_file_mut())?;
        file.as_file().sync_all().map_err(fail)?;
        let file = match self.existing {
            Existing::Replace | Existing::Resume => disk::rename(file, &self.path).map_err(fail)?,
            Existing::Keep => disk::rename_to_free(file, &self.path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(&self.path),
                _ => fail(error),
            })?,
        };
        // This lock belonged to the file while it was a part. From now on the journal's lock protects the results.
        drop(file.as_file().unlock());
        sync_directory(directory_of(&self.path)).map_err(fail)?;
        Ok(file)
    }

    /// Checks whether the file could be created now, by creating one beside it and removing it again.
    ///
    /// # Errors
    ///
    /// If it could not.
    pub fn try_out(&self, header: &[u8]) -> Result<(), Refusal> {
        let tried = self.part().and_then(|mut file| {
            file.write_all(header)?;
            file.as_file().sync_all()?;
            file.close()
        });
        tried.map_err(|error| uncreatable(&self.path, error))
    }

    fn part(&self) -> io::Result<NamedTempFile<DiskFile>> {
        let present = match self.existing {
            // If a file has appeared there since the plan was made, it is not touched.
            Existing::Keep => None,
            Existing::Replace | Existing::Resume => Some(self.path.as_path()),
        };
        part::create(directory_of(&self.path), self.input.as_deref(), present)
    }
}

/// Replaces a file that stands beside the results, such as metrics, in one durable step: whoever reads it sees the old
/// one or the new one, whole. Nobody may read it who may not read `readers_of`; without that, only its owner may.
///
/// # Errors
///
/// If the directory is missing or may not be written to, or the disk fails. Then the old file is as it was.
pub fn replace_file(path: &Path, readers_of: Option<&Path>, content: &[u8]) -> io::Result<()> {
    let directory = directory_of(path);
    part::remove_leftovers(directory);
    let mut file = part::create(directory, readers_of, None)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    drop(disk::rename(file, path)?.as_file().unlock());
    sync_directory(directory)
}

fn exists(path: &Path) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("the results file {} is there already", quoted_path(path)))
        .hint("go on with it with --resume, keep it and name another with --output, or replace it with --overwrite")
}

fn uncreatable(path: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsUnwritable, format!("could not create the results file {}", quoted_path(path)))
        .hint("name a file in a directory that you may write to with --output")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(path: &Path, existing: Existing) -> Result<ResultsFile, Refusal> {
        ResultsFile::plan(path.to_owned(), existing)
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_it_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.csv");
        fs::write(&path, "precious").unwrap();
        assert_eq!(plan(&path, Existing::Keep).unwrap_err().cause, Cause::ResultsExist);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        plan(&path, Existing::Replace).unwrap().create(b"header\n", |_file| Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "header\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_appears_after_the_plan_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.csv");
        let planned = plan(&path, Existing::Keep).unwrap();
        fs::write(&path, "precious").unwrap();
        assert_eq!(planned.create(b"header\n", |_file| Ok(())).unwrap_err().cause, Cause::ResultsExist);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_directory_and_a_missing_directory_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(plan(directory.path(), Existing::Replace).unwrap_err().cause, Cause::Usage);
        let missing = directory.path().join("missing").join("results.csv");
        assert_eq!(plan(&missing, Existing::Keep).unwrap_err().cause, Cause::Usage);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_replaced_and_its_target_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("results.csv"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(plan(&link, Existing::Keep).unwrap_err().cause, Cause::ResultsExist);
        plan(&link, Existing::Replace).unwrap().create(b"header\n", |_file| Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&link).unwrap(), "header\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_no_results_file() {
        assert_eq!(plan(Path::new("/dev/null"), Existing::Replace).unwrap_err().cause, Cause::Usage);
    }
}
