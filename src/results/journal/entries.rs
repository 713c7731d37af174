//! Writes and reads the lines of a journal.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Cause, Refusal};
use crate::results::doubt::Doubt;
use crate::shard::ShardPart;
use crate::text::quoted_path;

/// The newest format, which a run of a shard has: a version that does not know shards must not go on with it, for it
/// would take the rows of all shards. Other runs have the format before it, [`FORMAT_OF_WHOLE`].
const FORMAT: u32 = 3;
/// The format of a run over a whole input. In format 1, a `run` says about rows to be tried again only whether they are
/// in doubt.
const FORMAT_OF_WHOLE: u32 = 2;

/// What must be the same for a run to go on with an earlier one: the input, its destination, and how it is read. The
/// rate, limits and waiting times may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The input, as the operator named it. Its name may differ the next time.
    pub input: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// The address of the API.
    pub base_url: String,
    /// The encoding in which the input is read.
    pub encoding: String,
    /// The character between two cells.
    pub delimiter: char,
    /// The line with the header, if there is one.
    pub header_line: Option<u64>,
    /// The number of the ID column, counted from 1.
    pub id_column: Option<usize>,
    /// The conditions of `--where`.
    pub filters: Vec<String>,
    /// Whether rows with fewer cells than the header are accepted (`--short-rows`). Journals of older versions do not
    /// say.
    #[serde(default)]
    pub short_rows: bool,
    /// Which shard of the input it takes (`--shard`); `None` for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardPart>,
    /// What a reader of the journal is told of the run; it makes no other run of it. Journals of older versions do not
    /// say it.
    #[serde(default)]
    pub notes: RunNotes,
}

/// What the journal says of a run for those who read about it later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNotes {
    /// How many rows the results have when they are whole; `None` for an input that was not surveyed.
    pub rows: Option<u64>,
    /// The command that goes on with the run; `None` where none can.
    pub going_on: Option<String>,
}

impl Identity {
    /// Whether both are shards of the same input, split among as many runs and read in the same way.
    pub fn is_of_same_shards(&self, other: &Self) -> bool {
        let are_split_alike = |(one, two): (ShardPart, ShardPart)| one.shard.of() == two.shard.of();
        self.shard.zip(other.shard).is_some_and(are_split_alike)
            && Self { shard: self.shard, ..other.clone() }.is_same_run(self)
    }

    /// Whether both are the same run. The name of the input and the notes do not matter.
    pub fn is_same_run(&self, other: &Self) -> bool {
        Self { input: other.input.clone(), notes: other.notes.clone(), ..self.clone() } == *other
    }
}

/// What the last run over the results left in the journal.
#[derive(Debug, Clone)]
pub struct LastRun {
    /// Which run it was.
    pub identity: Identity,
    /// What is known about rows without a results row.
    pub doubt: Doubt,
    /// When the first run over the results began, if that can be read.
    pub first_began_at: Option<Timestamp>,
    /// When the last one began, if that can be read.
    pub began_at: Option<Timestamp>,
    /// The version of this program that it was.
    pub version: String,
    /// The word with which the last run said that it had ended, if it did.
    pub ended: Option<String>,
}

impl LastRun {
    /// Whether the last run said that it had ended.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Run(Box<Run>),
    SentUpTo(u64),
    Ended(String),
    /// The process that holds the journal and has not begun its run.
    Held(Held),
}

/// The first line of a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    format: u32,
    version: String,
    identity: Identity,
    started_at: String,
    process: u32,
    host: String,
    doubt: Option<Doubt>,
    // Format 1 has these fields instead of `doubt`.
    #[serde(default, skip_serializing)]
    doubt_up_to: u64,
    #[serde(default, skip_serializing)]
    in_doubt: BTreeSet<u64>,
    #[serde(default, skip_serializing)]
    clear: BTreeSet<u64>,
}

impl Run {
    /// The first line of a run that this process begins now.
    pub(super) fn now(identity: Identity, doubt: Doubt) -> Self {
        let Held { process, host, since: started_at } = Held::now();
        Self {
            format: if identity.shard.is_some() { FORMAT } else { FORMAT_OF_WHOLE },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity,
            started_at,
            process,
            host,
            doubt: Some(doubt),
            doubt_up_to: 0,
            in_doubt: BTreeSet::new(),
            clear: BTreeSet::new(),
        }
    }

    /// What the run leaves when nothing has been sent in it.
    fn left(self, before: Option<&LastRun>) -> LastRun {
        let began_at = self.started_at.parse().ok();
        let first_began_at = before.map_or(began_at, |before| before.first_began_at);
        let of_format_1 = || Doubt::of_format_1(self.doubt_up_to, self.in_doubt, self.clear);
        let doubt = self.doubt.unwrap_or_else(of_format_1);
        LastRun { identity: self.identity, doubt, first_began_at, began_at, version: self.version, ended: None }
    }
}

/// Who holds a journal.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    process: u32,
    host: String,
    since: String,
}

impl Held {
    /// This process, now.
    fn now() -> Self {
        Self {
            process: std::process::id(),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            since: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

/// What a journal holds.
pub(super) struct Found {
    pub(super) last_run: Option<LastRun>,
    /// The offset at which the last whole line ends.
    pub(super) length: u64,
    /// Whether nothing in it is worth keeping.
    pub(super) is_blank: bool,
}

/// How a journal begins: with a run, or with the process that holds it before its first run.
const BEGINNINGS: [&[u8]; 2] = [br#"{"run":{"format":"#, br#"{"held":{"process":"#];
/// How many bytes are read first: enough to recognise a journal. Another file may be of any size.
const BEGINNING_BYTES: u64 = 64;

/// Reads the beginning of the file, and refuses a file that is not a journal.
pub(super) fn beginning_of(
    path: &Path,
    file: &File,
    unusable: impl Fn(io::Error) -> Refusal,
) -> Result<Vec<u8>, Refusal> {
    let mut beginning = Vec::new();
    file.take(BEGINNING_BYTES).read_to_end(&mut beginning).map_err(unusable)?;
    refuse_others(path, &beginning)?;
    Ok(beginning)
}

fn refuse_others(path: &Path, text: &[u8]) -> Result<(), Refusal> {
    if begins_as_a_journal(text) {
        return Ok(());
    }
    // Zeros before other bytes mean that the file has lost its beginning. It may have been a journal.
    Err(if text.starts_with(b"\0") { damaged(path, 1) } else { foreign(path) })
}

/// What to append to a journal of `length` bytes to name this process as its holder.
pub(super) fn note_behind(mut journal: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut note = Vec::new();
    if length > 0 {
        let mut last = [0];
        journal.seek(SeekFrom::Start(length - 1))?;
        journal.read_exact(&mut last)?;
        if last != *b"\n" {
            // The last line is torn, so the new one needs a line of its own.
            note.push(b'\n');
        }
    }
    note.extend(serde_json::to_vec(&Entry::Held(Held::now()))?);
    note.push(b'\n');
    Ok(note)
}

/// The journal without its last line, if that line names a holder: a process left it that was killed before its run
/// began.
fn without_note(text: &[u8]) -> Option<&[u8]> {
    let before = text.strip_suffix(b"\n")?;
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |line_end| line_end + 1);
    let is_note = matches!(serde_json::from_slice(before.get(start..)?), Ok(Entry::Held(_)));
    if is_note { text.get(..start) } else { None }
}

/// Whether a text begins as a journal does, or as the part of one that reached the disk before a crash. In the latter
/// case, zeros stand for the missing bytes, or the line that begins like that is short, and a holder is named behind it.
fn begins_as_a_journal(mut text: &[u8]) -> bool {
    let begins = |text: &[u8]| BEGINNINGS.iter().any(|beginning| begins_as(beginning, text));
    while !begins(text) {
        let (first, behind) = text.split_at(memchr::memchr(b'\n', text).unwrap_or(0));
        if first.is_empty() || !begins(first) {
            return false;
        }
        text = behind.get(1..).unwrap_or_default();
    }
    true
}

/// Whether this text begins as that one does, as far as it goes, and but for zeros.
fn begins_as(beginning: &[u8], text: &[u8]) -> bool {
    text.iter().zip(beginning).all(|(found, byte)| found == byte || *found == 0)
}

/// Reads the entries, and finds the end of the last whole line.
pub(super) fn read(path: &Path, mut text: &[u8]) -> Result<Found, Refusal> {
    refuse_others(path, text)?;
    while let Some(before) = without_note(text) {
        text = before;
    }
    let mut last_run: Option<LastRun> = None;
    let mut length = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let behind = text.get(length + line.len()..).unwrap_or_default();
        check_format(path, line)?;
        match (whole(line), &mut last_run) {
            (Ok(Entry::Run(run)), last_run) => *last_run = Some(run.left(last_run.as_ref())),
            (Ok(Entry::SentUpTo(line)), Some(run)) => run.doubt.sent_up_to(line),
            (Ok(Entry::Ended(how)), Some(run)) => run.ended = Some(how),
            (Ok(Entry::Held(_)), _) => {}
            (Err(_torn), last_run) if !has_entries(behind) && (last_run.is_some() || !is_foreign(line)) => break,
            (Ok(Entry::SentUpTo(_) | Entry::Ended(_)), None) => return Err(damaged(path, index + 1)),
            (Err(error), _) => return Err(damaged(path, index + 1).caused_by(error)),
        }
        length += line.len();
    }
    Ok(Found { last_run, length: u64::try_from(length).unwrap_or(u64::MAX), is_blank: text.is_empty() })
}

/// The entry on a line, if the line is whole.
fn whole(line: &[u8]) -> io::Result<Entry> {
    if line.ends_with(b"\n") { Ok(serde_json::from_slice(line)?) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Whether an unreadable first line is of another file: no line of ours has control characters, but for the zeros of a
/// crash.
fn is_foreign(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    text.iter().any(|&byte| byte < b' ' && byte != 0)
}

/// Whether there is a whole entry in the lines behind one that cannot be read. Then it is not torn: the next entry is
/// written in its place. But holders may have been noted behind it, and be torn themselves.
fn has_entries(behind: &[u8]) -> bool {
    let mut entries = behind.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    entries.any(|entry| !matches!(entry, Entry::Held(_)))
}

/// Refuses a journal of a newer version. It may have lines that this version cannot read, and is not damaged.
fn check_format(path: &Path, line: &[u8]) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Opening {
        run: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        format: u64,
    }
    let opening = serde_json::from_slice(line);
    if opening.is_ok_and(|Opening { run }| run.format > u64::from(FORMAT)) {
        return Err(Refusal::new(
            Cause::ResultsExist,
            format!("the journal {} was written by a newer version", quoted_path(path)),
        )
        .hint("go on with that version of imocha-cancel"));
    }
    Ok(())
}

fn foreign(path: &Path) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("{} is not a journal, and stands in the place of one", quoted_path(path)))
        .hint("move it away, or name other results with --output")
}

fn damaged(path: &Path, line: usize) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("the journal {} is damaged at its line {line}", quoted_path(path))).hint(
        "it cannot be said any more which rows may have been sent; compare the results with the input, and begin a new run \
         over what is left with another --output",
    )
}

/// The refusal for a run whose results another run holds. It names that run.
pub(super) fn held(path: &Path, mut file: &File) -> Refusal {
    let mut text = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_start| file.read_to_end(&mut text));
    let who = match read.ok().and_then(|_bytes| holder(&text)) {
        Some(Held { process, host, since }) => format!(": process {process} on {host}, since {since}"),
        None => String::new(),
    };
    Refusal::new(Cause::Locked, format!("another run holds these results{who}"))
        .hint(format!("wait until it has ended, and leave {} where it is", quoted_path(path)))
}

/// The process that holds a locked journal: the last one named in it, unless a later line says that its run has ended.
fn holder(text: &[u8]) -> Option<Held> {
    let lines = text.split(|&byte| byte == b'\n').rev();
    for entry in lines.filter_map(|line| serde_json::from_slice(line).ok()) {
        match entry {
            Entry::Held(held) => return Some(held),
            Entry::Run(run) => return Some(Held { process: run.process, host: run.host, since: run.started_at }),
            Entry::Ended(_) => return None,
            Entry::SentUpTo(_) => {}
        }
    }
    None
}
