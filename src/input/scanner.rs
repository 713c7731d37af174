//! Cuts text into rows: the one place that knows where each row begins and ends, and on which line.

use std::sync::Arc;

use memchr::memchr3;

use super::encoding::Text;
use super::fault::{Fault, ReadError};
use super::source::CHUNK_BYTES;
use super::tables::Gap;

/// The longest row, in bytes. Excel's largest cell has 32,767 characters; a row without end is a quote that was never
/// closed, and must not fill the memory (chosen by us).
const LONGEST_ROW_BYTES: usize = 1024 * 1024;

/// Cuts text into rows.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) text: Text,
    input: Arc<str>,
    delimiter: u8,
    /// Text that was read and is not yet used up: `filled` bytes of it, the current row from `begin` to `end`.
    buffer: Vec<u8>,
    filled: usize,
    begin: usize,
    end: usize,
    /// The next byte to look at, and the line that it is on.
    position: usize,
    line: u64,
    is_first_row: bool,
    /// What stands before the current row. Nothing does before the first.
    pub(super) gap: Gap,
    quotes: QuoteState,
    line_feed: LineFeed,
}

/// Where in a row `position` is.
#[derive(Debug, Clone, Copy)]
enum QuoteState {
    /// Outside quotes.
    Plain,
    /// Behind an opening quote.
    Quoted { opened: u64 },
    /// Behind a closing quote, or a quote that is doubled.
    Closed { opened: u64 },
    /// In a cell that began with blanks and a quote, within that quote or behind it.
    Doubtful(Quote),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Open,
    Shut,
}

/// What a line feed means where the next row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineFeed {
    EndsALine,
    BelongsToCarriageReturn,
}

/// How a step through the text ended.
enum ScanStep {
    GoOn,
    NeedsMore,
    RowEnds,
}

impl Scanner {
    pub(super) fn new(text: Text, input: Arc<str>, delimiter: u8) -> Self {
        Self {
            text,
            input,
            delimiter,
            buffer: Vec::new(),
            filled: 0,
            begin: 0,
            end: 0,
            position: 0,
            line: 1,
            is_first_row: true,
            gap: Gap::None,
            quotes: QuoteState::Plain,
            line_feed: LineFeed::EndsALine,
        }
    }

    /// Finds the next row and says on which line it begins. Lines without a character are no rows.
    pub(super) fn advance(&mut self) -> Result<Option<u64>, ReadError> {
        loop {
            let expected = self.line;
            if !self.find_begin()? {
                return Ok(None);
            }
            let first = self.line;
            self.gap = if first > expected && !self.is_first_row { Gap::BlankLine } else { Gap::None };
            self.find_end()?;
            // The parser takes a byte-order mark off its first row; one that stands there is no text here, either.
            while self.is_first_row && self.row().starts_with(b"\xEF\xBB\xBF") {
                self.begin += 3;
            }
            if self.begin < self.end {
                self.is_first_row = false;
                return Ok(Some(first));
            }
        }
    }

    /// The text of the row, without what ends it.
    pub(super) fn row(&self) -> &[u8] {
        self.buffer.get(self.begin..self.end).unwrap_or_default()
    }

    pub(super) fn malformed(&self, line: u64, fault: Fault) -> ReadError {
        ReadError::Malformed { input: Arc::clone(&self.input), line, fault }
    }

    /// Goes past the end of the row before and past blank lines.
    fn find_begin(&mut self) -> Result<bool, ReadError> {
        self.quotes = QuoteState::Plain;
        loop {
            self.begin = self.position;
            match self.next_byte() {
                None => {
                    if !self.refill()? {
                        return Ok(false);
                    }
                }
                Some(b'\n') => {
                    self.line += u64::from(self.line_feed == LineFeed::EndsALine);
                    self.line_feed = LineFeed::EndsALine;
                    self.position += 1;
                }
                Some(b'\r') => {
                    self.line += 1;
                    self.line_feed = LineFeed::BelongsToCarriageReturn;
                    self.position += 1;
                }
                Some(_) => {
                    self.line_feed = LineFeed::EndsALine;
                    return Ok(true);
                }
            }
        }
    }

    fn find_end(&mut self) -> Result<(), ReadError> {
        let first = self.line;
        loop {
            let step = match self.quotes {
                QuoteState::Plain => self.step_plain(),
                QuoteState::Quoted { opened } => self.step_quoted(opened),
                QuoteState::Closed { opened } => self.step_closed(opened)?,
                QuoteState::Doubtful(quote) => self.step_doubtful(quote)?,
            };
            match step {
                ScanStep::GoOn => {}
                ScanStep::RowEnds => return Ok(()),
                ScanStep::NeedsMore if self.filled - self.begin > LONGEST_ROW_BYTES => {
                    return Err(self.malformed(first, Fault::TooLong { limit: LONGEST_ROW_BYTES }));
                }
                ScanStep::NeedsMore => {
                    if !self.refill()? {
                        return self.end_of_text();
                    }
                }
            }
        }
    }

    fn step_plain(&mut self) -> ScanStep {
        match self.find_quote_or_line_end() {
            None => ScanStep::NeedsMore,
            Some((at, b'"')) => {
                self.quotes = self.state_behind_quote(at);
                ScanStep::GoOn
            }
            Some((at, line_end)) => self.end_row(at, line_end),
        }
    }

    fn step_quoted(&mut self, opened: u64) -> ScanStep {
        match self.find_quote_or_line_end() {
            None => return ScanStep::NeedsMore,
            Some((_, b'"')) => self.quotes = QuoteState::Closed { opened },
            Some((at, b'\n')) if at.checked_sub(1).and_then(|before| self.buffer.get(before)) == Some(&b'\r') => {}
            Some(_) => self.line += 1,
        }
        ScanStep::GoOn
    }

    /// Behind a closing quote may stand blanks, for they change nothing about where the cell ends.
    fn step_closed(&mut self, opened: u64) -> Result<ScanStep, ReadError> {
        let Some(byte) = self.next_byte() else { return Ok(ScanStep::NeedsMore) };
        let at = self.position;
        self.position += 1;
        match byte {
            b'"' if at.checked_sub(1).and_then(|before| self.buffer.get(before)) == Some(&b'"') => {
                self.quotes = QuoteState::Quoted { opened };
            }
            byte if byte == self.delimiter => self.quotes = QuoteState::Plain,
            b'\n' | b'\r' => return Ok(self.end_row(at, byte)),
            b' ' | b'\t' => {}
            _ => return Err(self.malformed(self.line, self.text_behind_quote(at, opened))),
        }
        Ok(ScanStep::GoOn)
    }

    /// Whoever escapes quotes with a backslash leaves one before the quote that seems to close the cell.
    fn text_behind_quote(&self, at: usize, opened: u64) -> Fault {
        let before = self.buffer.get(self.begin..at).unwrap_or_default();
        if before.trim_ascii_end().ends_with(b"\\\"") {
            Fault::BackslashQuote { opened }
        } else {
            Fault::TextBehindQuote { opened }
        }
    }

    /// A quote behind blanks opens a cell for some programs and is text for others. As long as both find the same end
    /// of the cell, either may be right.
    fn step_doubtful(&mut self, quote: Quote) -> Result<ScanStep, ReadError> {
        let Some(byte) = self.next_byte() else { return Ok(ScanStep::NeedsMore) };
        let at = self.position;
        self.position += 1;
        let ends_cell = byte == self.delimiter || matches!(byte, b'\n' | b'\r');
        match (byte, quote) {
            (b'"', Quote::Open) => self.quotes = QuoteState::Doubtful(Quote::Shut),
            (b'"', Quote::Shut) => self.quotes = QuoteState::Doubtful(Quote::Open),
            (_, Quote::Open) if ends_cell => {
                return Err(self.malformed(self.line, Fault::QuoteBehindBlanks));
            }
            (b'\n' | b'\r', Quote::Shut) => return Ok(self.end_row(at, byte)),
            (_, Quote::Shut) if ends_cell => self.quotes = QuoteState::Plain,
            (_, Quote::Open | Quote::Shut) => {}
        }
        Ok(ScanStep::GoOn)
    }

    /// What a quote means that stands outside quotes: the first character of a cell opens it, any other is text.
    fn state_behind_quote(&self, at: usize) -> QuoteState {
        let before = self.buffer.get(self.begin..at).unwrap_or_default();
        let begins_cell = |last: Option<&u8>| last.is_none_or(|byte| *byte == self.delimiter);
        if begins_cell(before.last()) {
            return QuoteState::Quoted { opened: self.line };
        }
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t') && *byte != self.delimiter;
        if begins_cell(before.iter().rev().find(|byte| !is_blank(byte))) {
            return QuoteState::Doubtful(Quote::Open);
        }
        QuoteState::Plain
    }

    fn end_row(&mut self, at: usize, line_end: u8) -> ScanStep {
        self.end = at;
        self.line += 1;
        if line_end == b'\r' {
            self.line_feed = LineFeed::BelongsToCarriageReturn;
        }
        ScanStep::RowEnds
    }

    fn end_of_text(&mut self) -> Result<(), ReadError> {
        self.end = self.filled;
        match self.quotes {
            QuoteState::Plain | QuoteState::Closed { .. } | QuoteState::Doubtful(Quote::Shut) => Ok(()),
            QuoteState::Quoted { opened } => Err(self.malformed(opened, Fault::UnclosedQuote)),
            QuoteState::Doubtful(Quote::Open) => Err(self.malformed(self.line, Fault::QuoteBehindBlanks)),
        }
    }

    fn next_byte(&self) -> Option<u8> {
        self.unseen().first().copied()
    }

    fn unseen(&self) -> &[u8] {
        self.buffer.get(self.position..self.filled).unwrap_or_default()
    }

    /// Goes behind the next quote or line end and returns where it stands.
    fn find_quote_or_line_end(&mut self) -> Option<(usize, u8)> {
        let unseen = self.unseen();
        let found = memchr3(b'"', b'\n', b'\r', unseen).and_then(|offset| Some((offset, *unseen.get(offset)?)));
        match found {
            None => {
                self.position = self.filled;
                None
            }
            Some((offset, byte)) => {
                let at = self.position + offset;
                self.position = at + 1;
                Some((at, byte))
            }
        }
    }

    /// Reads on, behind what there is of the current row; false at the end of the text.
    fn refill(&mut self) -> Result<bool, ReadError> {
        self.buffer.copy_within(self.begin..self.filled, 0);
        self.filled -= self.begin;
        self.position -= self.begin;
        self.begin = 0;
        if self.buffer.len() - self.filled < CHUNK_BYTES / 2 {
            self.buffer.resize(self.filled + CHUNK_BYTES, 0);
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let count = self.text.read(room).map_err(|trouble| trouble.at(&self.input, self.line))?;
        self.filled += count;
        Ok(count > 0)
    }
}
