//! Cuts text into rows. This is the only place that decides where each row begins and ends, and on which line.

use std::sync::Arc;

use memchr::{memchr2, memchr3};

use super::encoding::Text;
use super::fault::{Fault, ReadError};
use super::source::CHUNK_BYTES;
use super::tables::Gap;

/// The longest row, in bytes (chosen by us). Excel's largest cell has 32,767 characters. A longer row means a quote
/// that was never closed, and must not fill the memory.
const LONGEST_ROW_BYTES: usize = 1024 * 1024;

/// Cuts text into rows.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) text: Text,
    input: Arc<str>,
    delimiter: u8,
    /// Text that was read and is still needed: the first `filled` bytes. The current row goes from `begin` to `end`.
    buffer: Vec<u8>,
    filled: usize,
    begin: usize,
    end: usize,
    /// The next byte to examine, and its line.
    position: usize,
    line: u64,
    is_first_row: bool,
    /// What separates the current row from the one before. Nothing before the first row.
    pub(super) gap: Gap,
    quotes: QuoteState,
    line_feed: LineFeed,
}

/// Where `position` is within a row.
#[derive(Debug, Clone, Copy)]
enum QuoteState {
    /// Outside quotes.
    Plain,
    /// After an opening quote.
    Quoted { opened: u64 },
    /// After a closing quote, or after the first half of a doubled quote.
    Closed { opened: u64 },
    /// In a cell that began with blanks and a quote: within that quote or after it.
    Doubtful(Quote),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Open,
    Shut,
}

/// What a line feed means before the next row.
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

    /// Skips the lines above this one. Quotes mean nothing there: a title has them as it likes.
    pub(super) fn skip_to(&mut self, line: u64) -> Result<(), ReadError> {
        while self.find_begin_up_to(line)? && self.line < line {
            let unseen = self.unseen();
            self.position += memchr2(b'\n', b'\r', unseen).unwrap_or(unseen.len());
        }
        Ok(())
    }

    /// Finds the next row and returns the line on which it begins. Empty lines are not rows.
    pub(super) fn advance(&mut self) -> Result<Option<u64>, ReadError> {
        loop {
            let expected = self.line;
            if !self.find_begin()? {
                return Ok(None);
            }
            let first = self.line;
            self.gap = if first > expected && !self.is_first_row { Gap::BlankLine } else { Gap::None };
            self.find_end()?;
            // The parser removes a byte-order mark from its first row, so it is not text here either.
            while self.is_first_row && self.row().starts_with(b"\xEF\xBB\xBF") {
                self.begin += 3;
            }
            if self.begin < self.end {
                self.is_first_row = false;
                return Ok(Some(first));
            }
        }
    }

    /// The text of the row, without its line end.
    pub(super) fn row(&self) -> &[u8] {
        self.buffer.get(self.begin..self.end).unwrap_or_default()
    }

    pub(super) fn malformed(&self, line: u64, fault: Fault) -> ReadError {
        ReadError::Malformed { input: Arc::clone(&self.input), line, fault }
    }

    /// Skips the end of the row before and blank lines.
    fn find_begin(&mut self) -> Result<bool, ReadError> {
        self.find_begin_up_to(u64::MAX)
    }

    /// The same, but not beyond the beginning of this line.
    fn find_begin_up_to(&mut self, line: u64) -> Result<bool, ReadError> {
        self.quotes = QuoteState::Plain;
        while self.line < line {
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
        Ok(true)
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

    /// Blanks may follow a closing quote, because they do not change where the cell ends.
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

    /// The fault for text after a closing quote. If the quote has a backslash before it, the program that wrote the
    /// file escapes quotes in that way.
    fn text_behind_quote(&self, at: usize, opened: u64) -> Fault {
        let before = self.buffer.get(self.begin..at).unwrap_or_default();
        if before.trim_ascii_end().ends_with(b"\\\"") {
            Fault::BackslashQuote { opened }
        } else {
            Fault::TextBehindQuote { opened }
        }
    }

    /// For some programs, a quote after blanks opens a cell; for others it is text. As long as both would end the cell
    /// at the same place, either may be right.
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

    /// What a quote means outside quotes: as the first character of a cell it opens the cell; otherwise it is text.
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

    /// Moves past the next quote or line end, and returns its position.
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

    /// Reads more text after the part of the current row that is here. Returns false at the end of the text.
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
