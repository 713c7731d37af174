//! The lines of a journal: how they are written, and what is read from them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Cause, Refusal};
use crate::results::doubt::Doubt;
use crate::text::quoted_path;

/// The format that this version writes, and the newest that it reads. In format 1 a `run` says of rows that are to be
/// tried again only whether they are in doubt.
const FORMAT: u32 = 2;

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

/// What the last run over the results left in the journal.
#[derive(Debug, Clone)]
pub struct LastRun {
    /// Which run it was.
    pub identity: Identity,
    /// What is known of the rows that the results do not have.
    pub doubt: Doubt,
    /// When the first run over the results began, if that can be read.
    pub first_began_at: Option<Timestamp>,
    /// Whether the last run said that it had ended.
    pub has_ended: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Run(Box<Run>),
    SentUpTo(u64),
    Ended(String),
    /// Who holds the journal, and has not begun a run.
    Held(Held),
}

/// The opening of one run.
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
    // Format 1 has these in its place.
    #[serde(default, skip_serializing)]
    doubt_up_to: u64,
    #[serde(default, skip_serializing)]
    in_doubt: BTreeSet<u64>,
    #[serde(default, skip_serializing)]
    clear: BTreeSet<u64>,
}

impl Run {
    /// The opening of a run of this process, now.
    pub(super) fn now(identity: Identity, doubt: Doubt) -> Self {
        let Held { process, host, since: started_at } = Held::now();
        Self {
            format: FORMAT,
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
        let first_began_at = before.map_or_else(|| self.started_at.parse().ok(), |before| before.first_began_at);
        let of_format_1 = || Doubt::of_format_1(self.doubt_up_to, self.in_doubt, self.clear);
        let doubt = self.doubt.unwrap_or_else(of_format_1);
        LastRun { identity: self.identity, doubt, first_began_at, has_ended: false }
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
    /// Where the last whole line ends.
    pub(super) length: u64,
    /// Whether there is nothing in it that anybody would miss.
    pub(super) is_blank: bool,
}

/// How journals begin: with a run, or with who holds it before there was one.
const BEGINNINGS: [&[u8]; 2] = [br#"{"run":{"format":"#, br#"{"held":{"process":"#];
/// Enough to tell a journal from another file, which may be of any size.
const BEGINNING_BYTES: u64 = 64;

/// The beginning of a journal: enough to know that it is one.
pub(super) fn beginning_of(
    path: &Path,
    file: &mut File,
    unusable: impl Fn(io::Error) -> Refusal,
) -> Result<Vec<u8>, Refusal> {
    let mut beginning = Vec::new();
    file.by_ref().take(BEGINNING_BYTES).read_to_end(&mut beginning).map_err(unusable)?;
    refuse_others(path, &beginning)?;
    Ok(beginning)
}

fn refuse_others(path: &Path, text: &[u8]) -> Result<(), Refusal> {
    if begins_as_a_journal(text) {
        return Ok(());
    }
    // Zeros before other bytes are what is left of a file that lost its beginning: who knows of which one.
    Err(if text.starts_with(b"\0") { damaged(path, 1) } else { foreign(path) })
}

/// What to write behind a journal of `length` bytes to say that this process holds it.
pub(super) fn note_behind(journal: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let mut note = Vec::new();
    if length > 0 {
        let mut last = [0];
        journal.seek(SeekFrom::Start(length - 1))?;
        journal.read_exact(&mut last)?;
        if last != *b"\n" {
            // What stands there is torn, and stays apart.
            note.push(b'\n');
        }
    }
    note.extend(serde_json::to_vec(&Entry::Held(Held::now()))?);
    note.push(b'\n');
    Ok(note)
}

/// A journal without the last line, if that says who held it: a process that was killed before its run began left it.
fn without_note(text: &[u8]) -> Option<&[u8]> {
    let before = text.strip_suffix(b"\n")?;
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |line_end| line_end + 1);
    let is_note = matches!(serde_json::from_slice(before.get(start..)?), Ok(Entry::Held(_)));
    if is_note { text.get(..start) } else { None }
}

/// Whether a text begins as a journal does, or is the beginning of one as far as a crash let it reach the disk: where
/// it did not, there are zeros.
fn begins_as_a_journal(text: &[u8]) -> bool {
    let arrived = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let arrived = text.get(..arrived).unwrap_or_default();
    BEGINNINGS.iter().any(|beginning| beginning.starts_with(arrived) || arrived.starts_with(beginning))
}

/// Reads the entries, and where the last whole line ends.
pub(super) fn read(path: &Path, mut text: &[u8]) -> Result<Found, Refusal> {
    refuse_others(path, text)?;
    while let Some(before) = without_note(text) {
        text = before;
    }
    let mut last_run: Option<LastRun> = None;
    let mut length = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_last = length + line.len() == text.len();
        check_format(path, line)?;
        match (whole(line), &mut last_run) {
            (Ok(Entry::Run(run)), last_run) => *last_run = Some(run.left(last_run.as_ref())),
            (Ok(Entry::SentUpTo(line)), Some(run)) => run.doubt.sent_up_to(line),
            (Ok(Entry::Ended(_)), Some(run)) => run.has_ended = true,
            (Ok(Entry::Held(_)), _) => {}
            (Err(_torn), last_run) if is_last && (last_run.is_some() || !is_changed(line)) => break,
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

/// Whether a line that makes no sense cannot come from a crash: it has its end, and no zeros where bytes are missing.
fn is_changed(line: &[u8]) -> bool {
    line.ends_with(b"\n") && !line.contains(&0)
}

/// A newer version may have lines that this one cannot read; that is no damage.
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

/// The refusal for a run whose results another one holds, which says who that is.
pub(super) fn held(path: &Path, file: &mut File) -> Refusal {
    let mut text = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_start| file.read_to_end(&mut text));
    let who = match read.ok().and_then(|_bytes| holder(&text)) {
        Some(Held { process, host, since }) => format!(": process {process} on {host}, since {since}"),
        None => String::new(),
    };
    Refusal::new(Cause::Locked, format!("another run holds these results{who}"))
        .hint(format!("wait until it has ended, and leave {} where it is", quoted_path(path)))
}

/// Who holds a journal that is held: whoever said so last, if no line says that his run has ended.
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
