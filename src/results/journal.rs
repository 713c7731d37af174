//! The journal, a file beside the results: what a later run needs to resume this one. It is small, and safe to delete
//! when no run will resume.
//!
//! Its format is JSON Lines. Each line is one of these:
//!
//! ```json
//! {"run":{"format":3,"version":"0.1.0","identity":{"input":"round.csv","bytes":812,"sha256":"9f86…",
//!   "base_url":"https://…","encoding":"UTF-8","delimiter":",","header_line":1,"id_column":1,"filters":[],
//!   "short_rows":false,"shard":{"shard":"2/8","input_rows":1000},
//!   "notes":{"rows":120,"going_on":"imocha-cancel run round.csv --resume"}},
//!   "started_at":"2026-01-20T02:00:00Z","process":4711,"host":"cron-1",
//!   "doubt":{"up_to":0,"further":[],"clear":[],"tried":[]}}}
//! {"sent_up_to":120}
//! {"ended":"finished"}
//! {"held":{"process":4712,"host":"cron-1","since":"2026-01-21T02:00:00Z"}}
//! ```
//!
//! `shard` is there for a run with `--shard`, whose format is 3; that of others is 2.
//!
//! Each run starts with a `run` line. Only the last `run` and the lines after it count. `sent_up_to` is on disk
//! *before* the run sends any row up to that line of the input for the first time. So after a crash, rows beyond that
//! line were certainly not sent. [`doubt`](super::doubt) explains what a `run` carries on from earlier runs.
//!
//! The journal is also the lock between two runs over the same results; the lock ends with its process. A process that
//! takes the lock says so in a last line `held`. That line goes when its run begins or is refused. If the process is
//! killed before, the line stays, and later runs ignore it.
//!
//! The last line may be torn by a crash, and so may lines `held` behind it; they then count as not written. If a file
//! does not begin as a journal does, it is not touched, and the run is refused.

mod entries;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use self::entries::{Entry, Run};
pub use self::entries::{Identity, LastRun, RunNotes};
use super::disk::{self, DiskFile, sync_directory};
use super::doubt::Doubt;
use super::place::{directory_of, is_at};
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// The open journal of one run, locked against others.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: DiskFile,
    last_run: Option<LastRun>,
    /// Where the last whole line ends.
    length: u64,
    hold: Hold,
}

/// Whether the run that holds the journal has begun.
#[derive(Debug)]
enum Hold {
    /// Not yet. The file had `found` bytes; after them stands the line that says who holds the journal.
    Held { found: u64 },
    /// Not yet, and the file had nothing in it worth keeping.
    Blank,
    /// The run has begun.
    Begun,
}

impl Journal {
    /// The path of the journal of these results.
    pub fn path_of(results: &Path) -> PathBuf {
        let mut name = results.as_os_str().to_owned();
        name.push(".journal");
        name.into()
    }

    /// Opens the journal of these results and locks it. Creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// If another run holds it; if it is damaged, of a newer version, or not a journal; or if it cannot be opened.
    pub fn open(results: &Path) -> Result<Self, Refusal> {
        let path = Self::path_of(results);
        let unusable = |error: io::Error| unusable_journal(&path, error);
        let file = open_file(&path, unusable)?;
        match file.as_file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(entries::held(&path, file.as_file())),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        if !is_at(file.as_file(), &path).map_err(unusable)? {
            // Another run held this file and removed it while we opened it. The next run would not find it, so our lock
            // would not stop that run.
            return Err(Refusal::new(Cause::Locked, "another run over these results has just ended").hint("try again"));
        }
        let found = file.as_file().metadata().map_err(unusable)?.len();
        let beginning = entries::beginning_of(&path, file.as_file(), unusable)?;
        let mut journal = Self { path, file, last_run: None, length: 0, hold: Hold::Held { found } };
        journal.say_who_holds_it(found);
        let text = journal.rest(beginning, found).map_err(|error| unusable_journal(&journal.path, error))?;
        let read = entries::read(&journal.path, &text)?;
        if read.is_blank {
            journal.hold = Hold::Blank;
        }
        (journal.last_run, journal.length) = (read.last_run, read.length);
        Ok(journal)
    }

    /// What the last run over these results left in their journal, without taking the lock; `None` where there is no
    /// journal, or nothing in it. Another run may be at it at this moment.
    ///
    /// # Errors
    ///
    /// When it is damaged, of a newer version, or not a journal; when it cannot be read.
    pub fn look(results: &Path) -> Result<Option<LastRun>, Refusal> {
        let path = Self::path_of(results);
        let unreadable = |error: io::Error| {
            Refusal::new(Cause::Input, format!("could not read the journal {}", quoted_path(&path))).caused_by(error)
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        // Before the rest, which may be a file of any size that is not a journal.
        let mut text = entries::beginning_of(&path, &file, unreadable)?;
        file.read_to_end(&mut text).map_err(unreadable)?;
        Ok(entries::read(&path, &text)?.last_run)
    }

    /// Whether another process holds these results at this moment.
    pub fn is_held(results: &Path) -> bool {
        // The lock that this takes ends with the file.
        let file = File::open(Self::path_of(results));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// What the last run left behind, if there was one.
    pub fn last_run(&self) -> Option<&LastRun> {
        self.last_run.as_ref()
    }

    /// Begins a run that starts anew, durably; what earlier runs left is deleted.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn begin_anew(&mut self, identity: Identity) -> io::Result<()> {
        self.file.cut(0)?;
        // Or else a power cut could leave lines of theirs behind a part of the new one.
        self.file.sync_data()?;
        self.length = 0;
        self.hold = Hold::Blank;
        self.go_on(identity, Doubt::default())
    }

    /// Begins a run that goes on with what earlier runs left, durably; `doubt` is what it carries on from them.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn go_on(&mut self, identity: Identity, doubt: Doubt) -> io::Result<()> {
        let before = self.length;
        let begun = self.begin(identity, doubt);
        if begun.is_err() {
            self.length = before;
        }
        self.hold = match begun {
            Ok(()) => Hold::Begun,
            Err(_) if before == 0 => Hold::Blank,
            Err(_) => Hold::Held { found: before },
        };
        begun
    }

    fn begin(&mut self, identity: Identity, doubt: Doubt) -> io::Result<()> {
        self.keep_private();
        self.file.as_file().seek(SeekFrom::Start(self.length))?;
        // Write first, and cut off the rest afterwards: then the lines of the run before are at no time the last ones,
        // and a run that is refused meanwhile does not name the wrong holder.
        self.write(&Entry::Run(Box::new(Run::now(identity, doubt))))?;
        self.file.cut(self.length)?;
        self.file.sync_all()?;
        sync_directory(directory_of(&self.path))
    }

    /// Lets only the operator read the journal. A journal that existed before can have had other rights.
    fn keep_private(&self) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let rights = self.file.as_file().metadata().map(|metadata| metadata.permissions().mode() & 0o777);
            if !matches!(rights, Ok(0o600))
                && let Err(error) = self.file.as_file().set_permissions(fs::Permissions::from_mode(0o600))
            {
                tracing::warn!(%error, journal = ?self.path, "others may read the journal");
            }
        }
    }

    /// Appends a line that names this process as the holder, for the message of another run that is refused because of
    /// it. If that fails, the run goes on: a disk that takes no bytes fails again, with a message, when the run begins.
    fn say_who_holds_it(&mut self, found: u64) {
        let said = entries::note_behind(self.file.as_file(), found).and_then(|note| self.file.write_all(&note));
        if let Err(error) = said {
            tracing::debug!(%error, "the journal does not say who holds it");
            drop(self.file.cut(found));
        }
    }

    /// The first `found` bytes of the file; `beginning` holds the part that was read already.
    fn rest(&self, mut beginning: Vec<u8>, found: u64) -> io::Result<Vec<u8>> {
        let read = u64::try_from(beginning.len()).unwrap_or(u64::MAX);
        let mut file = self.file.as_file();
        file.seek(SeekFrom::Start(read))?;
        file.take(found.saturating_sub(read)).read_to_end(&mut beginning)?;
        Ok(beginning)
    }

    /// Records durably that rows up to this line of the input may be sent from now on.
    ///
    /// # Errors
    ///
    /// If the disk fails; then none of these rows may be sent.
    pub fn reserve(&mut self, line: u64) -> io::Result<()> {
        self.write_durably(&Entry::SentUpTo(line))
    }

    /// Records how the run ended.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn end(&mut self, how: &str) -> io::Result<()> {
        self.write_durably(&Entry::Ended(how.to_owned()))
    }

    fn write_durably(&mut self, entry: &Entry) -> io::Result<()> {
        let before = self.length;
        self.write(entry)?;
        self.file.sync_data().inspect_err(|_| {
            // Nobody can say any more what of the line the disk will keep, so the next line takes its place.
            drop(self.file.cut(before));
            self.length = before;
        })
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // A torn line must not remain before the next one.
            drop(self.file.cut(self.length));
            return Err(error);
        }
        self.length += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

impl Drop for Journal {
    /// If the run did not begin, restores the journal as it was: a journal created for this run is removed, while the
    /// lock still holds.
    fn drop(&mut self) {
        match self.hold {
            Hold::Begun => {}
            Hold::Held { found } => drop(self.file.cut(found)),
            Hold::Blank => drop(disk::remove(&self.path)),
        }
    }
}

fn unusable_journal(path: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsUnwritable, format!("could not open the journal {}", quoted_path(path)))
        .hint("name results in a directory that you may write to with --output")
        .caused_by(error)
}

fn open_file(path: &Path, unusable: impl Fn(io::Error) -> Refusal) -> Result<DiskFile, Refusal> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Refusal::new(
            Cause::ResultsUnwritable,
            format!("the journal {} is not an ordinary file", quoted_path(path)),
        )
        .hint("move it away, or name other results with --output"));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        // The journal can hold the values of `--where`, which may be people's names, and iMocha's messages about them.
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    DiskFile::open(path, &options).map_err(unusable)
}

#[cfg(test)]
mod tests;
