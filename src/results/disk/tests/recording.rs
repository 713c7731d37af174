//! Keeps a log of the steps that are taken in a directory, and lets some of them fail.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A file by its number: a name may lead to one file now and to another later.
pub(crate) type FileNumber = usize;

/// A step on the disk, in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Create {
        name: String,
        file: FileNumber,
    },
    Write {
        file: FileNumber,
        at: usize,
        bytes: Vec<u8>,
    },
    Cut {
        file: FileNumber,
        length: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    Sync {
        file: FileNumber,
    },
    SyncNames,
    /// A sync that failed: what it was for may be lost, and no later sync tells.
    FailSync {
        file: FileNumber,
    },
    FailSyncNames,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This sync fails, counted from 1.
    Sync(usize),
    /// This sync and all later ones fail.
    SyncsFrom(usize),
    /// There is no room for this step of those that need some, counted from 1. Half of what is to be written finds room.
    Room(usize),
    /// There is no room for this step and all later ones that need some.
    RoomFrom(usize),
}

/// The log of a directory. It is kept until this value is dropped.
#[derive(Debug)]
pub(crate) struct Recording {
    log: SharedLog,
    /// What stood in the directory before, durably.
    pub(crate) before: BTreeMap<String, Vec<u8>>,
}

type SharedLog = Arc<Mutex<Log>>;

#[derive(Debug)]
struct Log {
    directory: PathBuf,
    steps: Vec<(Instant, Step)>,
    /// Where the names lead now.
    names: BTreeMap<String, FileNumber>,
    files: FileNumber,
    fault: Option<Fault>,
    syncs: usize,
    growths: usize,
}

/// The directories that are watched.
static WATCHED: Mutex<Vec<SharedLog>> = Mutex::new(Vec::new());

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The log of a directory, if it is watched.
fn log_of(directory: &Path) -> Option<SharedLog> {
    lock(&WATCHED).iter().find(|log| lock(log).directory == directory).map(Arc::clone)
}

impl Recording {
    /// Begins to watch `directory`, and lets this go wrong.
    pub(crate) fn start(directory: &Path, fault: Option<Fault>) -> Self {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let content = |entry: fs::DirEntry| (name_of(&entry.path()), fs::read(entry.path()).unwrap());
        let before: BTreeMap<String, Vec<u8>> = entries.map(content).collect();
        let names = before.keys().cloned().enumerate().map(|(file, name)| (name, file)).collect();
        let (directory, files) = (directory.to_owned(), before.len());
        let log = Log { directory, steps: Vec::new(), names, files, fault, syncs: 0, growths: 0 };
        let log = Arc::new(Mutex::new(log));
        lock(&WATCHED).push(Arc::clone(&log));
        Self { log, before }
    }

    /// The steps so far, and when each was taken: a sync when it was over, any other when it began.
    pub(crate) fn steps(&self) -> Vec<(Instant, Step)> {
        let mut log = lock(&self.log);
        log.notice_removals();
        log.steps.clone()
    }

    /// How many syncs there were, and how many steps that need room.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let log = lock(&self.log);
        (log.syncs, log.growths)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        lock(&WATCHED).retain(|log| !Arc::ptr_eq(log, &self.log));
    }
}

impl Log {
    fn take(&mut self, step: Step) {
        self.notice_removals();
        self.steps.push((Instant::now(), step));
    }

    /// A temporary file that gets no name removes itself without a word, so each step looks for those that are gone.
    fn notice_removals(&mut self) {
        let Self { directory, steps, names, .. } = self;
        names.retain(|name, _| {
            let is_there = directory.join(name).exists();
            if !is_there {
                steps.push((Instant::now(), Step::Remove { name: name.clone() }));
            }
            is_there
        });
    }

    /// Whether this sync fails.
    fn is_broken(&mut self) -> bool {
        self.syncs += 1;
        match self.fault {
            Some(Fault::Sync(broken)) => self.syncs == broken,
            Some(Fault::SyncsFrom(broken)) => self.syncs >= broken,
            Some(Fault::Room(_) | Fault::RoomFrom(_)) | None => false,
        }
    }

    /// Whether there is no room for this step.
    fn is_full(&mut self) -> bool {
        self.growths += 1;
        match self.fault {
            Some(Fault::Room(full)) => self.growths == full,
            Some(Fault::RoomFrom(full)) => self.growths >= full,
            Some(Fault::Sync(_) | Fault::SyncsFrom(_)) | None => false,
        }
    }
}

/// What the log knows of an open file; nothing of a file in a directory that nobody watches.
#[derive(Debug)]
pub(crate) struct Watched(Option<(SharedLog, FileNumber)>);

impl Watched {
    /// A file is about to be opened, or created.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let Some(shared) = path.parent().and_then(log_of) else { return Ok(Self(None)) };
        let mut log = lock(&shared);
        let name = name_of(path);
        let known = log.names.get(&name).copied();
        if known.is_none() && log.is_full() {
            return Err(no_room());
        }
        let file = known.unwrap_or_else(|| {
            let file = log.files;
            log.files += 1;
            log.take(Step::Create { name: name.clone(), file });
            log.names.insert(name, file);
            file
        });
        drop(log);
        Ok(Self(Some((shared, file))))
    }

    /// These bytes are about to be written.
    pub(crate) fn write(&self, mut target: &File, bytes: &[u8]) -> io::Result<()> {
        let Self(Some((log, file))) = self else { return Ok(()) };
        let mut log = lock(log);
        let (file, at) = (*file, target.stream_position()?.try_into().unwrap());
        if log.is_full() {
            let half = &bytes[..bytes.len() / 2];
            log.take(Step::Write { file, at, bytes: half.to_vec() });
            target.write_all(half)?;
            return Err(no_room());
        }
        log.take(Step::Write { file, at, bytes: bytes.to_vec() });
        Ok(())
    }

    /// The file is about to be cut.
    pub(crate) fn cut(&self, length: u64) {
        let Self(Some((log, file))) = self else { return };
        lock(log).take(Step::Cut { file: *file, length: length.try_into().unwrap() });
    }

    /// The file has been synced.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let Self(Some((log, file))) = self else { return Ok(()) };
        let (mut log, file) = (lock(log), *file);
        if log.is_broken() {
            log.take(Step::FailSync { file });
            return Err(broken());
        }
        log.take(Step::Sync { file });
        Ok(())
    }
}

/// A file is about to be renamed.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let Some(log) = to.parent().and_then(log_of) else { return Ok(()) };
    let (mut log, from, to) = (lock(&log), name_of(from), name_of(to));
    if log.is_full() {
        return Err(no_room());
    }
    log.take(Step::Rename { from: from.clone(), to: to.clone() });
    if let Some(file) = log.names.remove(&from) {
        log.names.insert(to, file);
    }
    Ok(())
}

/// A file is about to be removed.
pub(crate) fn remove(path: &Path) {
    let Some(log) = path.parent().and_then(log_of) else { return };
    let (mut log, name) = (lock(&log), name_of(path));
    log.take(Step::Remove { name: name.clone() });
    log.names.remove(&name);
}

/// A directory has been synced.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    let Some(log) = log_of(directory) else { return Ok(()) };
    let mut log = lock(&log);
    if log.is_broken() {
        log.take(Step::FailSyncNames);
        return Err(broken());
    }
    log.take(Step::SyncNames);
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn no_room() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

fn broken() -> io::Error {
    io::Error::other("I/O error")
}
