//! The journal beside the results: what a later run must know to go on. Small, and safe to delete once nobody will.
//!
//! JSON Lines, each line one of
//!
//! ```json
//! {"run":{"format":1,"version":"0.1.0","identity":{"input":"round.csv","bytes":812,"sha256":"9f86…","base_url":"https://…",
//!   "encoding":"UTF-8","delimiter":",","header_line":1,"id_column":1,"filters":[],"short_rows":false},
//!   "started_at":"2026-01-20T02:00:00Z","process":4711,"host":"cron-1","doubt_up_to":0,"in_doubt":[],"clear":[]}}
//! {"sent_up_to":120}
//! {"ended":"finished"}
//! ```
//!
//! A `run` opens each run; the last one counts, and the lines behind it. `sent_up_to` is on disk *before* any row up to
//! that line of the input is sent for the first time in the run: after a crash, what lies beyond it was certainly not
//! sent. `doubt_up_to`, `in_doubt` and `clear` carry on what was known of the rows when the run began: a row without a
//! result may have been sent if it is named in doubt, or lies up to `doubt_up_to` and is not named clear.
//!
//! A last line that was torn by a crash is expected, and counts as not written. The journal is also the lock between two
//! runs over the same results: it dies with its process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// What makes a run the same run: the input, where it goes, and how it is read. Rate, limits and patience may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The input, as the operator named it. It may be named otherwise the next time.
    pub input: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// The API.
    pub base_url: String,
    /// The encoding by which the input is read.
    pub encoding: String,
    /// The character between two cells.
    pub delimiter: char,
    /// The line with the header, if there is one.
    pub header_line: Option<u64>,
    /// The number of the ID column, from 1.
    pub id_column: Option<usize>,
    /// The conditions of `--where`.
    pub filters: Vec<String>,
    /// Whether rows that end early are meant (`--short-rows`). A journal of an older version does not say so.
    #[serde(default)]
    pub short_rows: bool,
}

impl Identity {
    /// Whether a run goes on with another: whatever the input is called.
    pub fn is_same_run(&self, other: &Self) -> bool {
        Self { input: other.input.clone(), ..self.clone() } == *other
    }
}

/// What is known of rows that have no result, when a run begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Rows up to this line may have been sent, but for those that are clear.
    pub doubt_up_to: u64,
    /// Further rows that may have been sent, by line.
    pub in_doubt: Vec<u64>,
    /// Rows that certainly have not taken effect, by line.
    pub clear: Vec<u64>,
}

/// The opening of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    format: u32,
    version: String,
    identity: Identity,
    started_at: String,
    process: u32,
    host: String,
    #[serde(flatten)]
    doubt: Doubt,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Run(Box<Run>),
    SentUpTo(u64),
    Ended(String),
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// With nothing behind it.
    Anew,
    /// With earlier runs behind it, and this known of the rows that have no result.
    GoOn(Doubt),
}

/// What earlier runs left behind.
#[derive(Debug, Clone)]
pub struct Past {
    /// Which run it was.
    pub identity: Identity,
    /// What was known when the last of them began.
    pub doubt: Doubt,
    /// The line up to which it may have sent rows.
    pub sent_up_to: u64,
}

/// The open journal of one run, locked against others.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    past: Option<Past>,
    /// Where the last whole line ends.
    length: u64,
    /// Whether there is nothing in it yet that anybody would miss.
    is_blank: bool,
}

impl Journal {
    /// Where the journal of these results lies.
    pub fn path_of(results: &Path) -> PathBuf {
        let mut name = results.as_os_str().to_owned();
        name.push(".journal");
        name.into()
    }

    /// Opens the journal of these results, makes it if need be, and locks it.
    ///
    /// # Errors
    ///
    /// When another run holds it; when it is damaged, or of a newer version; when it cannot be opened.
    pub fn open(results: &Path) -> Result<Self, Refusal> {
        let path = Self::path_of(results);
        let unusable = |error: io::Error| {
            Refusal::new(Cause::ResultsUnwritable, format!("could not open the journal {}", quoted_path(&path)))
                .caused_by(error)
        };
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(Refusal::new(
                Cause::ResultsUnwritable,
                format!("the journal {} is not an ordinary file", quoted_path(&path)),
            )
            .hint("move it away, or name other results with --output"));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            // It can hold the values of `--where`, which may be people's names.
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&path, &mut file)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        if !is_at(&file, &path).map_err(unusable)? {
            // Whoever held it took it away as we opened it: what we hold is not what the next run will find.
            return Err(Refusal::new(Cause::Locked, "another run over these results has just ended").hint("try again"));
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(unusable)?;
        let (past, length) = read(&path, &text)?;
        Ok(Self { path, file, past, length, is_blank: text.is_empty() })
    }

    /// What earlier runs left behind, if there were any.
    pub fn past(&self) -> Option<&Past> {
        self.past.as_ref()
    }

    /// Opens a run, durably: one that goes on with what earlier runs left, of which `doubt` is carried on, or one that
    /// starts anew, and then what they left is gone.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn begin(&mut self, identity: Identity, opening: Opening) -> io::Result<()> {
        let doubt = match opening {
            Opening::GoOn(doubt) => doubt,
            Opening::Anew => {
                self.length = 0;
                Doubt::default()
            }
        };
        self.is_blank = false;
        // A torn last line goes, too.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.write(&Entry::Run(Box::new(Run {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity,
            started_at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            process: std::process::id(),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            doubt,
        })))?;
        self.file.sync_all()?;
        super::file::sync_directory(super::file::directory_of(&self.path))
    }

    /// Says durably that rows up to this line of the input may be sent from now on.
    ///
    /// # Errors
    ///
    /// When the disk refuses; then none of them may be sent.
    pub fn reserve(&mut self, line: u64) -> io::Result<()> {
        self.write(&Entry::SentUpTo(line))?;
        self.file.sync_data()
    }

    /// Says how the run ended.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn end(&mut self, how: &str) -> io::Result<()> {
        self.write(&Entry::Ended(how.to_owned()))?;
        self.file.sync_data()
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

impl Drop for Journal {
    /// A journal that was made for a run that did not begin goes again, while the lock still holds.
    fn drop(&mut self) {
        if self.is_blank {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Whether this open file is the one that the path leads to.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = same_file::Handle::from_file(file.try_clone()?)?;
    match same_file::Handle::from_path(path) {
        Ok(found) => Ok(found == ours),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads the entries, and where the last whole line ends.
fn read(path: &Path, text: &[u8]) -> Result<(Option<Past>, u64), Refusal> {
    let mut past: Option<Past> = None;
    let mut length = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        check_format(path, line)?;
        let entry = match serde_json::from_slice(line) {
            Ok(entry) => entry,
            // A crash can leave a last line of zeros, with what was to be a line end or without.
            Err(_torn) if length + line.len() == text.len() => break,
            Err(error) => return Err(damaged(path, index + 1).caused_by(error)),
        };
        match (entry, &mut past) {
            (Entry::Run(run), past) => {
                *past = Some(Past { identity: run.identity, doubt: run.doubt, sent_up_to: 0 });
            }
            (Entry::SentUpTo(line), Some(past)) => past.sent_up_to = past.sent_up_to.max(line),
            (Entry::Ended(_), Some(_)) => {}
            (Entry::SentUpTo(_) | Entry::Ended(_), None) => return Err(damaged(path, index + 1)),
        }
        length += line.len();
    }
    Ok((past, u64::try_from(length).unwrap_or(u64::MAX)))
}

/// A newer version may have lines that this one cannot read; that is no damage.
fn check_format(path: &Path, line: &[u8]) -> Result<(), Refusal> {
    let format = serde_json::from_slice::<serde_json::Value>(line)
        .ok()
        .and_then(|entry| entry.get("run")?.get("format")?.as_u64());
    if format.is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(Refusal::new(
            Cause::ResultsExist,
            format!("the journal {} was written by a newer version", quoted_path(path)),
        )
        .hint("go on with that version of imocha-cancel"));
    }
    Ok(())
}

fn damaged(path: &Path, line: usize) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("the journal {} is damaged at its line {line}", quoted_path(path))).hint(
        "it cannot be said any more which rows may have been sent; compare the results with the input, and begin a new run \
         over what is left with another --output",
    )
}

fn held(path: &Path, file: &mut File) -> Refusal {
    let mut text = Vec::new();
    let holder = file.read_to_end(&mut text).ok().and_then(|_bytes| {
        let mut lines = text.split(|&byte| byte == b'\n').rev();
        lines.find_map(|line| run_of(serde_json::from_slice(line).ok()?))
    });
    let who = match holder {
        Some(run) => format!(": process {} on {}, since {}", run.process, run.host, run.started_at),
        None => String::new(),
    };
    Refusal::new(Cause::Locked, format!("another run holds these results{who}"))
        .hint(format!("wait until it has ended, and leave {} where it is", quoted_path(path)))
}

fn run_of(entry: Entry) -> Option<Box<Run>> {
    match entry {
        Entry::Run(run) => Some(run),
        Entry::SentUpTo(_) | Entry::Ended(_) => None,
    }
}

#[cfg(test)]
mod tests;
