//! What earlier runs did, read from their results and their journal: which rows are done, and which of the others may
//! have been sent.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use csv::{ByteRecord, ReaderBuilder, Terminator};
use fixedbitset::FixedBitSet;
use jiff::Timestamp;

use super::format::Format;
use super::journal::{Doubt, Past};
use crate::error::{Cause, Refusal};
use crate::outcome::{Effect, Outcome, Status, Summary};
use crate::text::quoted_path;

/// How a row stands before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The results hold its end.
    Done,
    /// It is to be tried, with what earlier runs did.
    Open(Earlier),
}

/// What earlier runs did for a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The calls that they made.
    pub attempts: u64,
    /// Whether one of them may have taken effect without saying so.
    pub effect: Effect,
    /// What their results say of the row, if they tried it.
    pub result: Option<Box<EarlierResult>>,
}

/// What the results of an earlier run say of a row that was tried, and is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierResult {
    /// How it ended then.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// The line for a person.
    pub error: String,
    /// From the first call to the last answer.
    pub duration: Duration,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What earlier runs did.
#[derive(Debug, Default)]
pub struct History {
    /// The lines of rows that are done. A bit for each line.
    done: FixedBitSet,
    /// The rows that are to be tried again, by line.
    tried: HashMap<u64, Earlier>,
    sent_up_to: u64,
    doubt_up_to: u64,
    in_doubt: HashSet<u64>,
    clear: HashSet<u64>,
    /// The counts of the rows that are done.
    summary: Summary,
}

impl History {
    /// Reads what earlier runs left: their results, if there are any, and what their journal says.
    ///
    /// # Errors
    ///
    /// When the results cannot be read, are others than `format` writes, or are damaged before their last row.
    pub fn read(results: &Path, format: &Format, past: &Past) -> Result<Self, Refusal> {
        let doubt = &past.doubt;
        let mut history = Self {
            sent_up_to: past.sent_up_to,
            doubt_up_to: doubt.doubt_up_to,
            in_doubt: doubt.in_doubt.iter().copied().collect(),
            clear: doubt.clear.iter().copied().collect(),
            ..Self::default()
        };
        if results.exists() {
            for_each_row(results, format, |row, _record| {
                history.take(row);
                Ok(())
            })?;
        }
        Ok(history)
    }

    /// How the row on this line stands.
    pub fn of(&self, line: u64) -> Standing {
        if usize::try_from(line).is_ok_and(|line| self.done.contains(line)) {
            return Standing::Done;
        }
        let without_result = || Earlier { effect: self.effect_without_result(line), ..Earlier::default() };
        Standing::Open(self.tried.get(&line).cloned().unwrap_or_else(without_result))
    }

    /// The counts of the rows that are done.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// How many invitations are done, of those that were to be cancelled.
    pub fn settled_invitations(&self) -> u64 {
        self.summary.settled()
    }

    /// What the journal of the next run is to carry on.
    pub fn doubt(&self) -> Doubt {
        let doubt_up_to = self.doubt_up_to.max(self.sent_up_to);
        let tried = |wanted: Effect| self.tried.iter().filter(move |(_, earlier)| earlier.effect == wanted);
        let unresolved = |line: &u64| matches!(self.of(*line), Standing::Open(_));
        let mut in_doubt: Vec<u64> =
            self.in_doubt.iter().copied().filter(|line| unresolved(line) && !self.tried.contains_key(line)).collect();
        in_doubt.extend(tried(Effect::Possible).map(|(line, _)| line));
        let mut clear: Vec<u64> = self
            .clear
            .iter()
            .copied()
            .filter(|line| *line > self.sent_up_to && unresolved(line) && !self.tried.contains_key(line))
            .collect();
        clear.extend(tried(Effect::None).map(|(line, _)| line).filter(|line| **line <= doubt_up_to));
        in_doubt.sort_unstable();
        clear.sort_unstable();
        Doubt { doubt_up_to, in_doubt, clear }
    }

    /// Writes the rows that are done to `target`, in their order, behind the header.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and when they cannot be written.
    pub fn copy_done(results: &Path, format: &Format, target: &mut File) -> Result<(), Refusal> {
        let mut target = BufWriter::new(target);
        if results.exists() {
            for_each_row(
                results,
                format,
                |row, bytes| {
                    if row.status.is_tried_again() { Ok(()) } else { target.write_all(bytes) }
                },
            )?;
        }
        target.flush().map_err(|error| unreadable(results, error))
    }

    fn take(&mut self, row: ResultsRow) {
        if row.status.is_tried_again() {
            self.tried.insert(row.line, row.into_earlier());
        } else if let Ok(line) = usize::try_from(row.line) {
            self.done.grow(line + 1);
            self.done.insert(line);
            self.summary.add_unsent(row.status, 1);
        }
    }

    fn effect_without_result(&self, line: u64) -> Effect {
        let carried = self.in_doubt.contains(&line) || (line <= self.doubt_up_to && !self.clear.contains(&line));
        if carried || line <= self.sent_up_to { Effect::Possible } else { Effect::None }
    }
}

/// What a row of the results says.
#[derive(Debug, Clone)]
struct ResultsRow {
    line: u64,
    attempts: u64,
    status: Status,
    result: EarlierResult,
}

impl ResultsRow {
    fn of(record: &ByteRecord) -> Option<Self> {
        let cell = |name: &str| {
            let index = Outcome::COLUMNS.iter().position(|&column| column == name)?;
            std::str::from_utf8(record.get(index)?).ok()
        };
        let status = Status::from_word(cell("status")?)?;
        let http_status = cell("http_status")?;
        Some(Self {
            line: cell("line")?.parse().ok()?,
            attempts: cell("attempts")?.parse().ok()?,
            status,
            result: EarlierResult {
                status,
                http_status: if http_status.is_empty() { None } else { Some(http_status.parse().ok()?) },
                error: cell("error")?.to_owned(),
                duration: Duration::from_millis(cell("duration_ms")?.parse().ok()?),
                finished_at: cell("finished_at")?.parse().ok()?,
            },
        })
    }

    /// What the row means for a run that tries it again. One that no run came to has no result that is worth keeping.
    fn into_earlier(self) -> Earlier {
        let result = (self.status != Status::NotAttempted).then(|| Box::new(self.result));
        Earlier { attempts: self.attempts, effect: self.status.effect(), result }
    }
}

/// Goes through the rows of the results, each with its bytes. A last row that was torn by a crash is left out; it is
/// found by comparing it with what the writer would have written, since a cell can hold line ends.
fn for_each_row(
    results: &Path,
    format: &Format,
    mut take: impl FnMut(ResultsRow, &[u8]) -> io::Result<()>,
) -> Result<(), Refusal> {
    let fail = |error: io::Error| unreadable(results, error);
    let file = File::open(results).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut reader = ReaderBuilder::new()
        .delimiter(format.delimiter())
        .terminator(Terminator::Any(b'\n'))
        .has_headers(false)
        .flexible(true)
        .from_reader(BufReader::new(file));
    let (mut record, mut bytes, mut width) = (ByteRecord::new(), Vec::new(), None);
    loop {
        let start = reader.position().byte();
        if !reader.read_byte_record(&mut record).map_err(|error| fail(error.into()))? {
            return Ok(());
        }
        let end = reader.position().byte();
        bytes.clear();
        format.encode(&record, &mut bytes).map_err(|error| fail(error.into()))?;
        // A tear can leave as many bytes as a whole row has, so the last row is compared byte by byte.
        let is_whole = u64::try_from(bytes.len()).is_ok_and(|length| length == end - start)
            && (end < length || ends_with(results, start, &bytes).map_err(fail)?);
        let Some(width) = width else {
            let header = format.header().map_err(|error| fail(error.into()))?;
            // The reader leaves a byte-order mark out, the position does not.
            if !header.ends_with(&bytes) || end != u64::try_from(header.len()).unwrap_or(u64::MAX) {
                return Err(foreign(results));
            }
            width = Some(record.len());
            continue;
        };
        match ResultsRow::of(&record).filter(|_| is_whole && record.len() == width) {
            Some(row) => take(row, &bytes).map_err(fail)?,
            None if end == length => return Ok(()),
            None => return Err(damaged(results, start)),
        }
    }
}

/// Whether the file holds these bytes, and nothing else, from `start` on.
fn ends_with(results: &Path, start: u64, bytes: &[u8]) -> io::Result<bool> {
    let mut file = File::open(results)?;
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut tail)?;
    Ok(tail == bytes)
}

fn unreadable(results: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("could not read the results {}", quoted_path(results))).caused_by(error)
}

fn foreign(results: &Path) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("the header of {} is not the one of these results", quoted_path(results)))
        .hint("name the results of the run that is to be resumed with --output")
}

fn damaged(results: &Path, byte: u64) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("the results {} are damaged at byte {byte}", quoted_path(results)))
        .hint("they were changed since the run; put the file that the run wrote back")
}
