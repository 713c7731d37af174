//! Reads the rows of the input one by one, each ready to be sent or with the reason why not. It is made to run in its
//! own thread.

use std::io::{Cursor, Read};
use std::sync::Arc;

use super::ReadingOptions;
use super::blocks::Utf8;
use super::column_check::Suspicion;
use super::dialect::{Extent, LOOKED_AT_ROWS, Sample};
use super::encoding::Decoding;
use super::fault::ReadError;
use super::kinds::refuse_other_kinds;
use super::reading::{InputStart, Reading, Rows};
use super::screen::{Intent, Why};
use super::seen::Seen;
use super::source::{Bytes, CHUNK_BYTES, InputFile, STANDARD_INPUT};
use crate::error::Refusal;
use crate::row::{Layout, Row, Screened, Skip};

/// Reads the rows of the input in their order.
///
/// It returns every row of the input, or of its shard, once, or ends with an error. What follows that place is uncertain and must not be
/// sent, so nothing comes after an error.
#[derive(Debug)]
pub struct RowReader {
    rows: Rows,
    reading: Reading,
    seen: Seen,
    /// Checks the ID column of a stream; a file's was checked by the survey.
    suspicion: Option<Box<Suspicion>>,
    /// How many rows of other shards were passed over.
    passed_over: u64,
    /// The line on which another table begins, once it was reached.
    other_table: Option<u64>,
    has_ended: bool,
}

/// What is known of the rows that fall to other shards.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OtherShards {
    pub(super) rows: u64,
    /// The line on which another table begins, as a row of any shard says.
    pub(super) other_table: Option<u64>,
}

impl RowReader {
    /// Reads a surveyed file again from its beginning, through the handle that the survey opened.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has changed.
    #[expect(clippy::needless_pass_by_value, reason = "a second reader of the same handle would take bytes from it")]
    pub fn from_file(file: InputFile, reading: Reading) -> Result<Self, ReadError> {
        Self::again(&file, reading)
    }

    pub(super) fn again(file: &InputFile, reading: Reading) -> Result<Self, ReadError> {
        let bytes = file.bytes_behind(reading.decoding.mark_bytes)?;
        let rows = Rows::again(bytes, file.name(), &reading)?;
        let seen = Seen::in_file(&reading.duplicated);
        Ok(Self { rows, reading, seen, suspicion: None, passed_over: 0, other_table: None, has_ended: false })
    }

    /// Reads a stream, which has no survey. It waits for two lines with text or for 64 KiB, never for the end.
    ///
    /// It does without what only a survey can know. The encoding is decided row by row if nothing names it. A duplicate
    /// does not name the first line. The layout always has room for cells beyond the header's width. If most cells of
    /// the ID column are not IDs, this may appear only after the first rows were sent; then the reading ends.
    ///
    /// # Errors
    ///
    /// If the beginning cannot be read, is not CSV, or does not have the columns that are asked for.
    pub fn from_stream(mut stream: impl Read + Send + 'static, options: &ReadingOptions) -> Result<Self, Refusal> {
        let input: Arc<str> = STANDARD_INPUT.into();
        let unreadable = |source| Refusal::from(ReadError::Io { input: Arc::clone(&input), source });
        let (beginning, extent) = beginning_of(&mut stream, options.header.first_line_read()).map_err(unreadable)?;
        refuse_other_kinds(&input, &beginning)?;
        let decoding = Decoding::settle(&input, &beginning, options.encoding, Utf8::Unknown)?;
        let from_line = options.header.first_line_read();
        let sample = Sample { text: decoding.preview(&beginning), extent, from_line };
        let text = beginning.get(decoding.mark_bytes..).unwrap_or_default().to_vec();
        let bytes = Bytes::Stream(Box::new(Cursor::new(text).chain(stream)));
        let (mut reading, rows) = InputStart { input: &input, bytes, decoding, sample: &sample, options }.settle()?;
        reading.layout.extra_cells = true;
        let suspicion = look_at_beginning(&input, &sample, &reading)?;
        suspicion.check(&input)?;
        let suspicion = Some(Box::new(suspicion));
        let seen = Seen::in_stream();
        Ok(Self { rows, reading, seen, suspicion, passed_over: 0, other_table: None, has_ended: false })
    }

    /// The layout of the input, which the results repeat.
    pub fn layout(&self) -> &Layout {
        &self.reading.layout
    }

    /// How the input is read.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Whether the rows come from a stream, so that the next one may come much later.
    pub fn is_stream(&self) -> bool {
        matches!(self.seen, Seen::Ids(_))
    }

    /// Goes to the next row of the shard and decides what it asks for. The rows of other shards count for what only all
    /// rows together can tell.
    pub(super) fn advance(&mut self) -> Result<Option<(u64, Intent)>, ReadError> {
        loop {
            let Some((line, intent)) = self.rows.next()? else { return Ok(None) };
            if let Some(suspicion) = &mut self.suspicion {
                suspicion.look(line, intent, self.rows.record());
                if let Some(fault) = suspicion.fault() {
                    return Err(self.rows.malformed(line, fault));
                }
            }
            if let Intent::Skip(Why::OtherTable(begin)) = intent {
                self.other_table = Some(begin);
            }
            if self.rows.falls_to(self.reading.shard, line) {
                let intent = match intent {
                    Intent::Cancel(id) => self.seen.intent(line, id),
                    Intent::Skip(_) => intent,
                };
                return Ok(Some((line, intent)));
            }
            self.passed_over += 1;
        }
    }

    /// What the rows of other shards that were passed over are, as far as it matters.
    pub(super) fn others(&self) -> OtherShards {
        OtherShards { rows: self.passed_over, other_table: self.other_table }
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Reads on until `wanted` duplicates were found.
    pub(super) fn first_duplicates(mut self, wanted: usize) -> Result<Vec<(u64, Skip)>, ReadError> {
        let mut found = Vec::new();
        while found.len() < wanted
            && let Some((line, intent)) = self.advance()?
        {
            if let Intent::Skip(why @ Why::Duplicate(_)) = intent {
                found.push((line, self.rows.screen().skip(why, self.rows.record())));
            }
        }
        Ok(found)
    }

    fn screened(&self, line: u64, intent: Intent) -> Screened {
        let record = self.rows.record();
        let mut cells = csv::ByteRecord::with_capacity(record.as_slice().len(), record.len());
        cells.extend(record);
        let row = Row { line, cells };
        match intent {
            Intent::Cancel(id) => Screened::ToCancel { row, id, effect: self.rows.screen().effect(record) },
            Intent::Skip(why) => Screened::Skipped { row, skip: self.rows.screen().skip(why, record) },
        }
    }
}

impl Iterator for RowReader {
    type Item = Result<Screened, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let before = self.other_table;
        let step = self.advance();
        if !matches!(step, Ok(Some(_))) {
            self.has_ended = true;
        }
        if let Some(line) = self.other_table.filter(|_| before.is_none() && self.is_stream()) {
            tracing::warn!(line, "another table begins, and nothing from there on is sent");
        }
        step.map(|step| step.map(|(line, intent)| self.screened(line, intent))).transpose()
    }
}

/// Reads the beginning of a stream: until there are a header, which is not above `header_line`, and a row, or the stream
/// ends.
fn beginning_of(stream: &mut impl Read, header_line: u64) -> std::io::Result<(Vec<u8>, Extent)> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut filled = 0;
    let mut extent = Extent::InputStart;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match stream.read(room) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
            Ok(0) => {
                extent = Extent::Whole;
                break;
            }
            Ok(count) => filled += count,
        }
        let read = buffer.get(..filled).unwrap_or_default();
        if whole_lines(read) >= 2 && line_ends(read) > header_line {
            break;
        }
    }
    buffer.truncate(filled);
    Ok((buffer, extent))
}

/// Counts the line ends.
fn line_ends(bytes: &[u8]) -> u64 {
    let count = |byte| memchr::memchr_iter(byte, bytes).count();
    let ends = match count(b'\n') {
        0 => count(b'\r'),
        line_feeds => line_feeds,
    };
    u64::try_from(ends).unwrap_or(u64::MAX)
}

/// Counts the complete lines that contain text; a byte-order mark and the zeros of UTF-16 are not text.
fn whole_lines(bytes: &[u8]) -> usize {
    let is_text = |byte: &u8| !matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF);
    let end = memchr::memrchr2(b'\n', b'\r', bytes).unwrap_or(0);
    let lines = bytes.get(..end).unwrap_or_default().split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter(|line| line.iter().any(is_text)).count()
}

/// Checks the beginning of a stream. There is no survey that would find a wrong column, or columns that are not below
/// their names.
fn look_at_beginning(input: &Arc<str>, sample: &Sample, reading: &Reading) -> Result<Suspicion, Refusal> {
    let mut suspicion = Suspicion::of(reading);
    let Ok(mut rows) = Rows::of(sample.reader(reading.layout.delimiter), reading) else { return Ok(suspicion) };
    let mut looked_at = 0;
    while looked_at < LOOKED_AT_ROWS
        && let Ok(Some((line, intent))) = rows.next()
    {
        suspicion.look(line, intent, rows.record());
        looked_at += 1;
    }
    if looked_at > 1 || sample.extent == Extent::Whole {
        rows.widths().check(input, rows.screen())?;
    }
    Ok(suspicion)
}
