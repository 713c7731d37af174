//! Turns text into cells, in two steps. `scanner` alone decides where each row begins and ends, and on which line. Then
//! the csv crate parses one of its rows at a time.
//!
//! A CSV parser accepts wrong quotes, and joins rows in doing so. Here the text is first cut into rows, strictly: a
//! newline ends a row unless it is between an opening quote (the first character of a cell) and its closing quote. If
//! the quotes do not match, the reading ends. The parser then gets one row at a time and cannot join any.

use std::io::{self, Read};
use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use encoding_rs::WINDOWS_1252;

use super::encoding::{Decoding, Text, Way};
use super::fault::{Fault, ReadError};
use super::scanner::Scanner;
use super::source::Bytes;
use super::tables::Gap;

/// The most cells of a row: as many as Excel has columns. Each cell takes memory even if it is empty: a row of nothing
/// but delimiters would take nine times its length.
const MOST_CELLS: usize = 16 * 1024;

/// How many bytes the parser gets at once. The standard library's buffer clears all its room for each row, so it is no
/// larger than most rows; a longer row comes in parts.
const PARSER_BYTES: usize = 1024;

/// The records of an input, including the header and a `sep=` line.
#[derive(Debug)]
pub(super) struct Records {
    parser: Reader<OneRow>,
    way: Way,
}

/// Gives the parser the current row and a newline, and not a byte of the next row.
#[derive(Debug)]
struct OneRow {
    scanner: Scanner,
    /// How many bytes of the current row the parser got.
    given: usize,
    /// How many bytes the parser got since the beginning.
    total: u64,
}

impl Read for OneRow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.scanner.row().get(self.given..);
        let mut row_then_newline = rest.map(|rest| rest.chain(&b"\n"[..]));
        let Some(bytes) = &mut row_then_newline else { return Ok(0) };
        let mut count = bytes.read(buffer)?;
        count += bytes.read(buffer.get_mut(count..).unwrap_or_default())?;
        self.given += count;
        self.total += u64::try_from(count).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl Records {
    /// `bytes` must begin after the byte-order mark.
    pub(super) fn new(bytes: Bytes, decoding: Decoding, input: &Arc<str>, delimiter: u8) -> Self {
        let scanner = Scanner::new(Text::new(bytes, decoding), Arc::clone(input), delimiter);
        let parser = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(PARSER_BYTES)
            .delimiter(delimiter)
            .from_reader(OneRow { scanner, given: 0, total: 0 });
        Self { parser, way: decoding.way }
    }

    /// Skips the lines above this one, whatever stands there. For use before the first record.
    pub(super) fn skip_to(&mut self, line: u64) -> Result<(), ReadError> {
        self.parser.get_mut().scanner.skip_to(line)
    }

    /// Reads the next record and returns the line on which it begins.
    pub(super) fn read(&mut self, record: &mut ByteRecord) -> Result<Option<u64>, ReadError> {
        let row = self.parser.get_mut();
        let Some(line) = row.scanner.advance()? else { return Ok(None) };
        row.given = 0;
        let parsed = self.parser.read_byte_record(record);
        let row = self.parser.get_ref();
        let whole = row.given == row.scanner.row().len() + 1 && self.parser.position().byte() == row.total;
        if !matches!(parsed, Ok(true)) || !whole {
            return Err(self.malformed(line, Fault::UncertainEnd));
        }
        if record.len() > MOST_CELLS {
            return Err(self.malformed(line, Fault::TooManyCells { limit: MOST_CELLS }));
        }
        if self.way == Way::RowByRow && record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
            *record = record.iter().map(|cell| WINDOWS_1252.decode_without_bom_handling(cell).0.into_owned()).collect();
        }
        Ok(Some(line))
    }

    /// The text of the record that was read last, including its quotes.
    pub(super) fn text(&self) -> &[u8] {
        self.parser.get_ref().scanner.row()
    }

    /// Returns the underlying bytes, after all records were read.
    pub(super) fn into_bytes(self) -> Bytes {
        self.parser.into_inner().scanner.text.into_bytes()
    }

    /// What separates the record that was read last from the one before it.
    pub(super) fn gap(&self) -> Gap {
        self.parser.get_ref().scanner.gap
    }

    pub(super) fn malformed(&self, line: u64, fault: Fault) -> ReadError {
        self.parser.get_ref().scanner.malformed(line, fault)
    }
}
