//! From text to cells: the rows that [`Scanner`] cuts, parsed by the csv crate one at a time.

use std::io::{self, Read};
use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use encoding_rs::WINDOWS_1252;

use super::encoding::{Decoding, Text, Way};
use super::fault::{Fault, ReadError};
use super::scan::Scanner;
use super::source::Bytes;

/// The records of an input, the header and a `sep=` line among them.
#[derive(Debug)]
pub(super) struct Records {
    parser: Reader<OneRow>,
    way: Way,
}

/// Hands the parser the current row and a newline, and not a byte of the next.
#[derive(Debug)]
struct OneRow {
    scanner: Scanner,
    /// How many bytes of the current row were handed over.
    given: usize,
    /// How many bytes were handed over since the beginning.
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
    /// Takes bytes that begin behind the byte-order mark.
    pub(super) fn new(bytes: Bytes, decoding: Decoding, input: &Arc<str>, delimiter: u8) -> Self {
        let scanner = Scanner::new(Text::new(bytes, decoding), Arc::clone(input), delimiter);
        let parser = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(OneRow {
            scanner,
            given: 0,
            total: 0,
        });
        Self { parser, way: decoding.way }
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
        if self.way == Way::RowByRow && record.iter().any(|cell| std::str::from_utf8(cell).is_err()) {
            *record = record.iter().map(|cell| WINDOWS_1252.decode_without_bom_handling(cell).0.into_owned()).collect();
        }
        Ok(Some(line))
    }

    /// The text of the record that was read last, quotes and all.
    pub(super) fn text(&self) -> &[u8] {
        self.parser.get_ref().scanner.row()
    }

    pub(super) fn malformed(&self, line: u64, fault: Fault) -> ReadError {
        self.parser.get_ref().scanner.malformed(line, fault)
    }
}
