//! Finds the delimiter: the operator's, else that of Excel's `sep=` line, else the one under which the first rows make
//! most sense.

use std::io::Cursor;
use std::sync::Arc;

use csv::ByteRecord;

use super::encoding::Decoding;
use super::records::Records;
use super::source::Bytes;
use super::{ReadingOptions, columns};
use crate::error::{Cause, Refusal};
use crate::text::quoted;

/// The delimiters that are tried, the likelier ones first.
pub(super) const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many rows are examined (chosen by us): under a wrong delimiter, this many rows rarely have the same number of
/// cells.
pub(super) const LOOKED_AT_ROWS: usize = 100;

/// Reads the value of `--delimiter`: one character of ASCII, `tab` or `\t`.
///
/// # Errors
///
/// If the text is more than one character, or a character that is not ASCII or that occurs in numbers, words or quotes.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    let byte = match (text, text.as_bytes()) {
        ("tab" | "TAB" | "\\t", _) => Some(b'\t'),
        (_, [byte]) => Some(*byte),
        _ => None,
    };
    byte.filter(|byte| is_usable(*byte)).ok_or_else(|| {
        format!("{} cannot be a delimiter: use one character such as , ; or |, or the word tab", quoted(text))
    })
}

fn is_usable(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\'' | b'\r' | b'\n' | 0)
}

/// The form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) separator_line: SeparatorLine,
}

/// Whether the first line is Excel's `sep=;`, which is not a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeparatorLine {
    Present,
    Absent,
}

/// The beginning of the input as text.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) text: Vec<u8>,
    pub(super) extent: Extent,
    /// The line with which the rows begin, counted from 1; what stands above it is skipped.
    pub(super) from_line: u64,
}

/// Whether a sample is the whole input or only its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    InputStart,
}

impl Sample {
    /// The first records that are whole in the sample, up to the first that cannot be cut out.
    pub(super) fn records(&self, delimiter: u8) -> Vec<(u64, ByteRecord)> {
        let mut records = self.reader(delimiter);
        let mut found = Vec::new();
        let mut record = ByteRecord::new();
        while found.len() <= LOOKED_AT_ROWS
            && let Ok(Some(line)) = records.read(&mut record)
        {
            found.push((line, record.clone()));
        }
        found
    }

    /// Reads the records that are whole in the sample.
    pub(super) fn reader(&self, delimiter: u8) -> Records {
        let whole_lines = match self.extent {
            Extent::Whole => self.text.len(),
            Extent::InputStart => memchr::memrchr2(b'\n', b'\r', &self.text).map_or(0, |end| end + 1),
        };
        let bytes = Cursor::new(self.text.get(..whole_lines).unwrap_or_default().to_vec());
        let bytes = Bytes::Stream(Box::new(bytes));
        let mut records = Records::new(bytes, Decoding::PREVIEWED, &Arc::from("the sample"), delimiter);
        // It is read from memory, so this cannot fail.
        drop(records.skip_to(self.from_line));
        records
    }
}

impl Dialect {
    /// Decides the dialect.
    pub(super) fn settle(input: &str, sample: &Sample, options: &ReadingOptions) -> Result<Self, Refusal> {
        let Some(named) = separator_line(&sample.text) else {
            let delimiter = options.delimiter.unwrap_or_else(|| likeliest(sample, options));
            return Ok(Self { delimiter, separator_line: SeparatorLine::Absent });
        };
        let delimiter = options.delimiter.map_or_else(|| parse_delimiter(named).map_err(|_unusable| named), Ok);
        let delimiter = delimiter.map_err(|named| refuse_separator_line(input, named))?;
        Ok(Self { delimiter, separator_line: SeparatorLine::Present })
    }
}

/// The delimiter that Excel's first line names.
fn separator_line(text: &[u8]) -> Option<&str> {
    let end = memchr::memchr2(b'\r', b'\n', text).unwrap_or(text.len());
    let line = std::str::from_utf8(text.get(..end)?).ok()?;
    let line = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).unwrap_or(line);
    let (word, named) = line.split_once('=')?;
    word.eq_ignore_ascii_case("sep").then_some(named)
}

/// Refuses a `sep=` line that names no delimiter.
fn refuse_separator_line(input: &str, named: &str) -> Refusal {
    let message =
        format!("{input}, line 1: sep= names {} as the delimiter, which is not one usable character", quoted(named));
    Refusal::new(Cause::Input, message).hint("take the line out, or name the delimiter with --delimiter")
}

/// The candidate under which the first rows make most sense. What counts first is whether a column for the ID appears,
/// then how many rows have the same number of cells, then how many cells there are.
fn likeliest(sample: &Sample, options: &ReadingOptions) -> u8 {
    let sense = |delimiter: u8| {
        let records = sample.records(delimiter);
        let (_, first) = records.first()?;
        if first.len() == 1 {
            // This may be a title: the rows below show which delimiter separates the cells.
            let wide = records.iter().filter(|(_, record)| record.len() > 1).count();
            return (wide * 2 > records.len()).then_some((false, 0, wide));
        }
        let alike = records.iter().filter(|(_, record)| record.len() == first.len()).count();
        let names_id = columns::names_id(&columns::cells(first), options);
        Some((names_id, alike * 100 / records.len(), first.len()))
    };
    let mut best = (b',', None);
    for delimiter in CANDIDATES {
        let found = sense(delimiter);
        if found > best.1 {
            best = (delimiter, found);
        }
    }
    best.0
}
