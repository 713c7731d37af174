//! Decides how one input is read, once, from its beginning, and keeps that for the second pass.

use std::sync::Arc;

use csv::ByteRecord;
use encoding_rs::{Encoding, UTF_8};

use super::columns::{Choice, Columns, FirstRow, HeaderFinder, IdColumn, cells};
use super::dialect::{Dialect, Sample, SeparatorLine};
use super::encoding::Decoding;
use super::fault::{Fault, ReadError};
use super::filter::ResolvedFilter;
use super::records::Records;
use super::screen::{Form, Intent, Screen, Why};
use super::shape::OneColumn;
use super::source::Bytes;
use super::tables::{HasId, Looked, Place, Tables};
use super::titles;
use super::widths::Widths;
use super::{HeaderOption, ReadingOptions};
use crate::error::{Cause, Refusal};
use crate::invitation::NotAnId;
use crate::row::Layout;
use crate::shard::Shard;

/// How one input is read: what was found and what the operator said.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The encoding of the input.
    pub encoding: &'static Encoding,
    /// The line of the header; `None` if there is none.
    pub header_line: Option<u64>,
    /// The column that holds the ID; `None` if the input has no row.
    pub id_column: Option<IdColumn>,
    /// The layout of the input, which the results repeat.
    pub layout: Layout,
    /// Which rows are read; `None` for all.
    pub shard: Option<Shard>,
    pub(super) decoding: Decoding,
    /// The line with which the reading begins.
    pub(super) from_line: u64,
    /// How many records come before the first row: a `sep=` line, a header.
    pub(super) preamble: usize,
    pub(super) screen: Arc<Screen>,
    /// The IDs that more than one of the rows that are read asks for, sorted; empty if the input was not surveyed.
    pub(super) duplicated: Arc<Vec<u64>>,
}

/// The rows of an input, and what each asks for.
#[derive(Debug)]
pub(super) struct Rows {
    records: Records,
    screen: Arc<Screen>,
    tables: Tables,
    widths: Widths,
    /// Checks that an input of one column has only one.
    one_column: Option<OneColumn>,
    /// The line of a first row that turned out not to be a header; it was read to decide that, and is still to be
    /// returned.
    waiting: Option<u64>,
    record: ByteRecord,
}

/// An input before its first row.
pub(super) struct InputStart<'a> {
    pub(super) input: &'a Arc<str>,
    pub(super) bytes: Bytes,
    pub(super) decoding: Decoding,
    pub(super) sample: &'a Sample,
    pub(super) options: &'a ReadingOptions,
}

impl InputStart<'_> {
    /// Decides how the input is read, and stops before its first row.
    pub(super) fn settle(self) -> Result<(Reading, Rows), Refusal> {
        let Self { input, bytes, decoding, sample, options } = self;
        let dialect = Dialect::settle(input, sample, options)?;
        let mut records = Records::new(bytes, decoding, input, dialect.delimiter);
        let mut record = ByteRecord::new();
        let from_line = options.header.first_line_read();
        records.skip_to(from_line)?;
        let has_separator_line = dialect.separator_line == SeparatorLine::Present;
        if let (HeaderOption::OnLine(_), true, 1) = (options.header, has_separator_line, from_line) {
            let message = format!("{input}, line 1: this is the line with which Excel names the delimiter, no header");
            return Err(Refusal::new(Cause::Input, message)
                .hint("the header is on line 2 or below: name it with --header-line"));
        }
        let separator_lines = usize::from(has_separator_line && from_line == 1);
        for _ in 0..separator_lines {
            records.read(&mut record)?;
        }
        let first_line = records.read(&mut record)?;
        if let HeaderOption::OnLine(wanted) = options.header {
            titles::check_header_line(input, wanted, first_line, sample, dialect.delimiter)?;
        }
        let Some(line) = first_line else {
            let refusal = Refusal::new(Cause::Input, format!("{input} is empty: it has neither a header nor a row"));
            return Err(refusal.hint("check the export that wrote it"));
        };
        let first = cells(&record);
        let below: Vec<_> = sample.records(dialect.delimiter).into_iter().skip(separator_lines + 1).collect();
        let header_below = || titles::header_below(line, sample, options);
        let finder = HeaderFinder { input, line, first: &first, below: &below, header_below: &header_below, options };
        let columns = finder.answer()?;
        let filters = resolve(options, &columns, &finder)?;
        let Columns { names, first_row, id } = columns;
        let form = Form { names: &names, delimiter: dialect.delimiter, first_row };
        let screen = Arc::new(Screen::new(Some(&id), form, filters, options.short_rows));
        if first_row == FirstRow::Header
            && let Some(id) = screen.joined_rows(records.text(), first_row)
        {
            return Err(records.malformed(line, Fault::JoinedRows { id: id.get() }).into());
        }
        let reading = Reading {
            encoding: decoding.encoding,
            header_line: Some(line).filter(|_| first_row == FirstRow::Header),
            id_column: Some(id),
            layout: Layout {
                delimiter: dialect.delimiter,
                byte_order_mark: decoding.mark_bytes > 0 || decoding.encoding != UTF_8,
                columns: names,
                extra_cells: false,
            },
            shard: options.shard,
            decoding,
            from_line,
            preamble: separator_lines + usize::from(first_row == FirstRow::Header),
            screen: Arc::clone(&screen),
            duplicated: Arc::default(),
        };
        let waiting = Some(line).filter(|_| first_row == FirstRow::Data);
        let (tables, widths, one_column) = (Tables::default(), Widths::default(), reading.one_column());
        Ok((reading, Rows { records, screen, tables, widths, one_column, waiting, record }))
    }
}

fn resolve(
    options: &ReadingOptions,
    columns: &Columns,
    finder: &HeaderFinder<'_>,
) -> Result<Vec<ResolvedFilter>, Refusal> {
    options.filters.iter().map(|filter| filter.resolve(&columns.names, finder)).collect()
}

impl Reading {
    /// The check of an input of one column. There is none if the operator has said that the first line is data and
    /// which column holds the ID.
    fn one_column(&self) -> Option<OneColumn> {
        let is_insisted_on =
            self.header_line.is_none() && self.id_column.as_ref().is_some_and(|id| id.choice == Choice::Given);
        (self.layout.columns.len() == 1 && !is_insisted_on).then(OneColumn::default)
    }
}

impl Rows {
    /// Reads an input again from its beginning, as was decided the first time.
    pub(super) fn again(bytes: Bytes, input: &Arc<str>, reading: &Reading) -> Result<Self, ReadError> {
        Self::of(Records::new(bytes, reading.decoding, input, reading.layout.delimiter), reading)
    }

    /// Reads these records as was decided for the input.
    pub(super) fn of(mut records: Records, reading: &Reading) -> Result<Self, ReadError> {
        let mut record = ByteRecord::new();
        records.skip_to(reading.from_line)?;
        for _ in 0..reading.preamble {
            records.read(&mut record)?;
        }
        let (tables, widths) = (Tables::default(), Widths::default());
        let (screen, one_column) = (Arc::clone(&reading.screen), reading.one_column());
        Ok(Self { records, screen, tables, widths, one_column, waiting: None, record })
    }

    /// Goes to the next row. Returns the line on which it begins and what it asks for.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Intent)>, ReadError> {
        let line = match self.waiting.take() {
            Some(line) => line,
            None => match self.records.read(&mut self.record)? {
                Some(line) => line,
                None => return Ok(None),
            },
        };
        if let Some(id) = self.screen.joined_rows(self.records.text(), FirstRow::Data) {
            return Err(self.malformed(line, Fault::JoinedRows { id: id.get() }));
        }
        if let Some(Err(fault)) = self.one_column.as_mut().map(|watch| watch.look(line, &self.record)) {
            return Err(self.malformed(line, fault));
        }
        Ok(Some((line, self.intent(line))))
    }

    /// Decides what the current row asks for.
    fn intent(&mut self, line: u64) -> Intent {
        let id = self.screen.id(&self.record);
        let has_id = match id {
            Err(Why::Short | Why::NotAnId(NotAnId::Empty | NotAnId::Text)) => HasId::No,
            // A damaged number is not the name of a column.
            Ok(_) | Err(_) => HasId::Yes,
        };
        let looked = Looked { record: &self.record, has_id, header: &self.screen.header };
        match self.tables.place(line, self.records.gap(), &looked) {
            Place::HeaderAgain => Intent::Skip(Why::HeaderAgain),
            Place::Beyond(line) => {
                self.widths.pass_by();
                Intent::Skip(Why::OtherTable(line))
            }
            Place::Blank => self.screen.intent(&self.record, id),
            Place::Inside => {
                let intent = self.screen.intent(&self.record, id);
                self.widths.count(line, self.record.len());
                intent
            }
        }
    }

    /// Whether the current row, which begins on this line, falls to `shard`. Nothing but the cell of the ID and the line
    /// decides, so it is the same whatever else is asked of the input.
    pub(super) fn falls_to(&self, shard: Option<Shard>, line: u64) -> bool {
        shard.is_none_or(|shard| match self.screen.id(&self.record) {
            Ok(id) => shard.takes(id),
            Err(_no_id) => shard.takes_line(line),
        })
    }

    /// The widths of the rows read so far that belong to the table below the header.
    pub(super) fn widths(&self) -> &Widths {
        &self.widths
    }

    /// Returns the underlying bytes, after all rows were read.
    pub(super) fn into_bytes(self) -> Bytes {
        self.records.into_bytes()
    }

    /// The cells of the current row.
    pub(super) fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// An error about the row that begins on this line.
    pub(super) fn malformed(&self, line: u64, fault: Fault) -> ReadError {
        self.records.malformed(line, fault)
    }

    pub(super) fn screen(&self) -> &Screen {
        &self.screen
    }
}
