//! Reads the rows of a results file, and the bytes of each, up to the last whole row.
//!
//! A crash tears the last row. A power cut can also leave zeros where a block never reached the disk, followed by rows
//! that did. Reading ends before the first row that is not whole; the journal tells what may have happened after it. If
//! a row is neither whole nor torn, somebody has changed the file, and nothing in it can be trusted.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use csv::{ByteRecord, ReaderBuilder, Terminator};
use jiff::Timestamp;

use super::format::Format;
use crate::error::{Cause, Refusal};
use crate::outcome::{Outcome, Status};
use crate::text::quoted_path;

/// What zero bytes mean in a row of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// They are part of cells: the input has zero bytes too.
    InCells,
    /// The input has none, so a part of the row was lost.
    Lost,
}

/// What a row of the results says.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultsRow<'a> {
    /// The line of the input on which the row begins.
    pub line: u64,
    /// The ID as it was sent, or the cell as it was if it is not an ID.
    pub invitation_id: &'a str,
    /// How the row ended.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// The message for the user.
    pub error: &'a str,
    /// Calls made for the row.
    pub attempts: u64,
    /// From the first call to the last answer.
    pub duration: Duration,
    /// When the row ended.
    pub finished_at: Timestamp,
    /// The row as it stands in the file, its line end included.
    pub bytes: &'a [u8],
    /// Its cells.
    record: &'a ByteRecord,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Its new status.
    pub status: Status,
    /// Its new line for a person.
    pub error: String,
}

impl<'a> ResultsRow<'a> {
    /// The input's own cells, and behind them how the row ended.
    pub fn with_the_end_behind(&self) -> ByteRecord {
        let own = self.record.iter().skip(Outcome::COLUMNS.len());
        own.chain([self.status.word().as_bytes(), self.error.as_bytes()]).collect()
    }

    /// The cells of the row once it is settled so.
    pub fn settled(&self, settlement: &Settlement) -> ByteRecord {
        let new = |index: usize| match Outcome::COLUMNS.get(index) {
            Some(&"status") => Some(settlement.status.word().as_bytes()),
            Some(&"error") => Some(settlement.error.as_bytes()),
            Some(_) | None => None,
        };
        self.record.iter().enumerate().map(|(index, cell)| new(index).unwrap_or(cell)).collect()
    }

    /// The cell of one of the input's own columns, counted from 0; empty where there is none.
    pub fn input_cell(&self, index: usize) -> &'a [u8] {
        self.record.get(Outcome::COLUMNS.len() + index).unwrap_or_default()
    }

    fn of(record: &'a ByteRecord, bytes: &'a [u8]) -> Option<Self> {
        let cell = |name: &str| {
            let index = Outcome::COLUMNS.iter().position(|&column| column == name)?;
            std::str::from_utf8(record.get(index)?).ok()
        };
        let http_status = cell("http_status")?;
        Some(Self {
            line: cell("line")?.parse().ok()?,
            invitation_id: cell("invitation_id")?,
            status: Status::from_word(cell("status")?)?,
            http_status: if http_status.is_empty() { None } else { Some(http_status.parse().ok()?) },
            error: cell("error")?,
            // No row has more than four billion calls.
            attempts: cell("attempts")?.parse::<u32>().ok()?.into(),
            duration: Duration::from_millis(cell("duration_ms")?.parse().ok()?),
            finished_at: cell("finished_at")?.parse().ok()?,
            bytes,
            record,
        })
    }
}

/// Reads a results file from its first to its last whole row.
#[derive(Debug)]
pub struct ResultsReader<'a> {
    path: &'a Path,
    format: &'a Format,
    zeros: Zeros,
    rows: csv::Reader<BufReader<File>>,
    record: ByteRecord,
    bytes: Vec<u8>,
    /// The length of the file in bytes.
    length: u64,
    /// The length of its header in bytes: the rows begin there.
    header_bytes: u64,
    /// The offsets at which the last row read begins and ends.
    row_start: u64,
    whole_bytes: u64,
    tail: Tail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Whole,
    /// What follows the rows that were read is torn.
    Torn,
}

impl<'a> ResultsReader<'a> {
    /// Opens results that have this format.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has another header.
    pub fn open(path: &'a Path, format: &'a Format, zeros: Zeros) -> Result<Self, Refusal> {
        let fail = |error: io::Error| unreadable(path, error);
        let mut file = File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let header = format.header().map_err(|error| fail(error.into()))?;
        let header_bytes = bytes_of(&header);
        let mut found = Vec::new();
        file.by_ref().take(header_bytes).read_to_end(&mut found).map_err(fail)?;
        let tail = if found == header {
            Tail::Whole
        } else if is_torn(&found, &header) {
            Tail::Torn
        } else {
            return Err(foreign(path));
        };
        let rows = ReaderBuilder::new()
            .delimiter(format.delimiter())
            .terminator(Terminator::Any(b'\n'))
            .has_headers(false)
            .flexible(true)
            .from_reader(BufReader::new(file));
        let whole_bytes = if tail == Tail::Whole { header_bytes } else { 0 };
        let (record, bytes, row_start) = (ByteRecord::new(), Vec::new(), 0);
        Ok(Self { path, format, zeros, rows, record, bytes, length, header_bytes, row_start, whole_bytes, tail })
    }

    /// Reads the next whole row; `None` means that there are no more.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or was changed since it was written.
    pub fn next_row(&mut self) -> Result<Option<ResultsRow<'_>>, Refusal> {
        let path = self.path;
        let fail = |error: csv::Error| unreadable(path, error.into());
        if self.tail == Tail::Torn || !self.rows.read_byte_record(&mut self.record).map_err(fail)? {
            return Ok(None);
        }
        self.row_start = self.whole_bytes;
        let end = self.header_bytes + self.rows.position().byte();
        self.bytes.clear();
        self.format.encode(&self.record, &mut self.bytes).map_err(fail)?;
        if self.is_whole(end).map_err(|error| unreadable(path, error))?
            && let Some(row) = ResultsRow::of(&self.record, &self.bytes)
        {
            self.whole_bytes = end;
            return Ok(Some(row));
        }
        let is_torn = end >= self.length || self.has_zeros_behind().map_err(|error| unreadable(path, error))?;
        if !is_torn {
            return Err(self.damaged());
        }
        self.tail = Tail::Torn;
        Ok(None)
    }

    /// Whether the file holds the row exactly as the writer writes it. The row is written again in memory and the
    /// lengths are compared; that is enough, since the length includes line ends and quotes. The last row of the file
    /// is compared byte by byte, because a torn row can have the same length as a whole one.
    fn is_whole(&self, end: u64) -> io::Result<bool> {
        let has_lost_bytes = self.zeros == Zeros::Lost && memchr::memchr(0, &self.bytes).is_some();
        Ok(self.record.len() == self.format.width()
            && bytes_of(&self.bytes) == end - self.row_start
            && !has_lost_bytes
            && (end < self.length || self.rest()? == self.bytes))
    }

    /// The bytes of the file from the current row to the end.
    fn rest(&self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::with_capacity(self.bytes.len());
        self.file_at_row()?.read_to_end(&mut rest)?;
        Ok(rest)
    }

    fn has_zeros_behind(&self) -> io::Result<bool> {
        has_zeros(self.file_at_row()?, 1)
    }

    fn file_at_row(&self) -> io::Result<File> {
        let mut file = File::open(self.path)?;
        file.seek(SeekFrom::Start(self.row_start))?;
        Ok(file)
    }

    /// How many bytes of the file are whole: the header and the rows read so far.
    pub fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// How many bytes after the last whole row are torn. Known when there are no more rows.
    pub fn torn_bytes(&self) -> u64 {
        match self.tail {
            Tail::Whole => 0,
            Tail::Torn => self.length.saturating_sub(self.whole_bytes),
        }
    }

    /// The refusal for the row that was read last: this run cannot have written it.
    pub fn damaged(&self) -> Refusal {
        let (path, byte) = (quoted_path(self.path), self.row_start);
        Refusal::new(Cause::ResultsExist, format!("the results {path} are damaged at byte {byte}"))
            .hint("they were changed since the run; put the file that the run wrote back")
    }
}

/// How many bytes are read at once when searching for zeros.
const CHUNK_BYTES: usize = 64 * 1024;

/// Whether a text contains a zero character; its characters have `width` bytes.
///
/// # Errors
///
/// If the text cannot be read.
pub fn has_zeros(mut text: impl Read, width: usize) -> io::Result<bool> {
    let zero = vec![0; width];
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    loop {
        chunk.clear();
        // Only the last chunk can be shorter, so no character is split between two.
        if text.by_ref().take(CHUNK_BYTES.try_into().unwrap_or(u64::MAX)).read_to_end(&mut chunk)? == 0 {
            return Ok(false);
        }
        let found = if width == 1 {
            memchr::memchr(0, &chunk).is_some()
        } else {
            chunk.chunks_exact(width).any(|character| character == zero)
        };
        if found {
            return Ok(true);
        }
    }
}

/// Whether these bytes are the header as far as it reached the disk.
fn is_torn(found: &[u8], header: &[u8]) -> bool {
    found.iter().zip(header).all(|(found, byte)| found == byte || *found == 0)
}

fn bytes_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn unreadable(results: &Path, error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("could not read the results {}", quoted_path(results))).caused_by(error)
}

fn foreign(results: &Path) -> Refusal {
    Refusal::new(Cause::ResultsExist, format!("the header of {} is not the one of these results", quoted_path(results)))
        .hint("name the results of the run that is to be resumed with --output")
}
