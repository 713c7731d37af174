//! Turns outcomes into rows of the results, and names the columns.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use csv::{ByteRecord, QuoteStyle, ReaderBuilder, StringRecord, Terminator, Writer, WriterBuilder};

use crate::error::{Cause, Refusal};
use crate::outcome::Outcome;
use crate::row::{COLLISION_PREFIX, Layout, column_key};
use crate::text::{quoted_path, timestamp};

/// The column for the cells of rows that are longer than the header.
const EXTRA_COLUMN: &str = "input_extra";
/// The columns that say behind the input's own how a row ended.
const END_COLUMNS: [&str; 2] = ["status", "error"];
/// What stands before the header where the input had one.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The most bytes that are read in search of the end of a header: as long as the longest row of an input, and room for
/// quotes and prefixes.
const LONGEST_HEADER: u64 = 4 * 1024 * 1024;
/// Room for a row of ordinary length, so that building one does not allocate again and again.
const ROW_BYTES: usize = 256;

/// Turns outcomes into rows of one results file.
#[derive(Debug, Clone)]
pub struct Format {
    layout: Layout,
    record: ByteRecord,
}

impl Format {
    /// The format of the results for an input of this layout.
    pub fn new(layout: Layout) -> Self {
        Self { layout, record: ByteRecord::with_capacity(ROW_BYTES, Outcome::COLUMNS.len()) }
    }

    /// The format of results that a run has written, as their header shows it.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and when it does not begin as a run writes results.
    pub fn found_in(results: &Path) -> Result<Self, Refusal> {
        let fail = |error: io::Error| {
            Refusal::new(Cause::Input, format!("could not read the results {}", quoted_path(results))).caused_by(error)
        };
        // The kind is looked at first: who opens a pipe waits for somebody at its other end.
        let kind = results.metadata().map_err(fail)?;
        if !kind.is_file() {
            return Err(Refusal::new(Cause::Input, format!("{} is not an ordinary file", quoted_path(results)))
                .hint("name a results file that `run` wrote"));
        }
        let mut start = Vec::new();
        File::open(results).and_then(|file| file.take(LONGEST_HEADER).read_to_end(&mut start)).map_err(fail)?;
        let format = Self::of_start(&start);
        format.ok_or_else(|| {
            Refusal::new(Cause::Input, format!("{} does not begin as results do", quoted_path(results))).hint(
                "name results just as `run` wrote them; a spreadsheet program that has saved them again has changed them",
            )
        })
    }

    fn of_start(start: &[u8]) -> Option<Self> {
        let delimiter = delimiter_of_results(start)?;
        let text = start.strip_prefix(BYTE_ORDER_MARK);
        let byte_order_mark = text.is_some();
        let text = text.unwrap_or(start);
        let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(text);
        let mut names = StringRecord::new();
        if !reader.read_record(&mut names).ok()? {
            return None;
        }
        // The names of the input's columns stand there with their prefixes, so they collide with none any more.
        let columns = names.iter().skip(Outcome::COLUMNS.len()).map(str::to_owned).collect();
        let format = Self::new(Layout { delimiter, byte_order_mark, columns, extra_cells: false });
        let header = format.header().ok()?;
        start.starts_with(&header).then_some(format)
    }

    /// The beginning of the file: a byte-order mark where the input had one, and the header.
    ///
    /// # Errors
    ///
    /// It writes to memory, so none occur; the signature comes from the CSV writer.
    pub fn header(&self) -> csv::Result<Vec<u8>> {
        self.beginning(&self.names())
    }

    /// The beginning of a file of the input's own columns, with how the row ended behind them. It is good input too: what
    /// is in doubt there stays so, for the reader of the input knows the two columns.
    ///
    /// # Errors
    ///
    /// It writes to memory, so none occur.
    pub fn header_with_the_end_behind(&self) -> csv::Result<Vec<u8>> {
        let ours = END_COLUMNS.map(ToOwned::to_owned);
        let inputs = self.input_names(&ours);
        self.beginning(&[inputs, ours.to_vec()].concat())
    }

    fn beginning(&self, names: &[String]) -> csv::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.layout.byte_order_mark {
            bytes.extend_from_slice(BYTE_ORDER_MARK);
        }
        let mut writer = self.csv_writer(&mut bytes);
        writer.write_record(names)?;
        writer.flush()?;
        drop(writer);
        Ok(bytes)
    }

    /// Appends the rows for `outcomes` to `bytes`.
    ///
    /// # Errors
    ///
    /// It writes to memory, so none occur.
    pub fn append(&mut self, outcomes: &[Outcome], bytes: &mut Vec<u8>) -> csv::Result<()> {
        let mut record = std::mem::take(&mut self.record);
        let mut writer = self.csv_writer(bytes);
        for outcome in outcomes {
            self.fill(&mut record, outcome);
            writer.write_byte_record(&record)?;
        }
        writer.flush()?;
        drop(writer);
        self.record = record;
        Ok(())
    }

    fn csv_writer<'a>(&self, bytes: &'a mut Vec<u8>) -> Writer<&'a mut Vec<u8>> {
        WriterBuilder::new()
            .delimiter(self.layout.delimiter)
            .quote_style(QuoteStyle::Necessary)
            .terminator(Terminator::Any(b'\n'))
            .from_writer(bytes)
    }

    /// The byte between two cells.
    pub fn delimiter(&self) -> u8 {
        self.layout.delimiter
    }

    /// Appends one record to `bytes` in the form of a results row.
    ///
    /// # Errors
    ///
    /// It writes to memory, so none occur.
    pub fn encode(&self, record: &ByteRecord, bytes: &mut Vec<u8>) -> csv::Result<()> {
        let mut writer = self.csv_writer(bytes);
        writer.write_byte_record(record)?;
        Ok(writer.flush()?)
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        Outcome::COLUMNS.len() + self.layout.columns.len() + usize::from(self.layout.extra_cells)
    }

    /// All column names: ours, those of the input (with a prefix if they are taken), and the one for extra cells. If
    /// several columns of the input have the same name, they have the same name here too; their position tells them
    /// apart.
    fn names(&self) -> Vec<String> {
        let ours = Outcome::COLUMNS.map(ToOwned::to_owned);
        let inputs = self.input_names(&ours);
        ours.into_iter().chain(inputs).collect()
    }

    /// The names of the input's columns, and the one for extra cells, beside `ours`.
    fn input_names(&self, ours: &[String]) -> Vec<String> {
        let reserved = self.layout.extra_cells.then(|| EXTRA_COLUMN.to_owned());
        let mut taken: HashSet<String> = ours.iter().chain(&reserved).map(|name| column_key(name)).collect();
        let mut prefixes: HashMap<String, String> = HashMap::new();
        let names = self.layout.columns.iter().map(|column| {
            let prefix = prefixes.entry(column_key(column)).or_insert_with_key(|key| free_prefix(key, &mut taken));
            format!("{prefix}{column}")
        });
        let mut names: Vec<String> = names.collect();
        names.extend(reserved);
        names
    }

    /// The names of the columns behind ours, as the header has them.
    pub fn input_columns(&self) -> Vec<String> {
        self.names().split_off(Outcome::COLUMNS.len())
    }

    fn fill(&self, record: &mut ByteRecord, outcome: &Outcome) {
        record.clear();
        let mut number = itoa::Buffer::new();
        record.push_field(number.format(outcome.row.line).as_bytes());
        record.push_field(outcome.invitation_id.as_bytes());
        record.push_field(outcome.status.word().as_bytes());
        match outcome.http_status {
            Some(http_status) => record.push_field(number.format(http_status).as_bytes()),
            None => record.push_field(b""),
        }
        record.push_field(without_formula(&outcome.error).as_bytes());
        record.push_field(number.format(outcome.attempts).as_bytes());
        record.push_field(number.format(outcome.duration.as_millis()).as_bytes());
        record.push_field(timestamp(outcome.finished_at).as_bytes());
        self.push_cells(record, &outcome.row.cells);
    }

    /// Adds the input's own cells: missing ones as empty cells, extra ones together in one cell.
    fn push_cells(&self, record: &mut ByteRecord, cells: &ByteRecord) {
        let width = self.layout.columns.len();
        for index in 0..width {
            record.push_field(cells.get(index).unwrap_or_default());
        }
        if self.layout.extra_cells {
            let extra: Vec<&[u8]> = cells.iter().skip(width).collect();
            record.push_field(&extra.join(&self.layout.delimiter));
        }
    }
}

/// The delimiter of results that begin so; `None` where it is something else.
pub fn delimiter_of_results(start: &[u8]) -> Option<u8> {
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    let delimiter = *start.strip_prefix(b"line")?.first()?;
    let header = [&b"line"[..], b"invitation_id", b"status", b"http_status"].join(&delimiter);
    start.starts_with(&header).then_some(delimiter)
}

/// Whether a file that begins so has the columns that say behind the input's own how a row ended.
pub fn has_the_end_behind(start: &[u8]) -> bool {
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let [status, error] = END_COLUMNS;
    header.strip_suffix(error.as_bytes()).and_then(<[u8]>::split_last).is_some_and(|(&delimiter, rest)| {
        rest.strip_suffix(status.as_bytes()).is_some_and(|rest| rest.last() == Some(&delimiter))
    })
}

/// As many prefixes as a column with this key needs for a name that is not taken; then that is taken too.
fn free_prefix(key: &str, taken: &mut HashSet<String>) -> String {
    let (mut prefix, mut name) = (String::new(), key.to_owned());
    while !taken.insert(name.clone()) {
        prefix.push_str(COLLISION_PREFIX);
        name.insert_str(0, &column_key(COLLISION_PREFIX));
    }
    prefix
}

/// Prevents that a spreadsheet runs a cell as a formula because of how it begins: an apostrophe makes the cell text.
/// Only for our own columns; the input's cells stay as they were.
fn without_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::Status;
    use crate::row::Row;

    fn layout(columns: &[&str]) -> Layout {
        let columns = columns.iter().map(ToString::to_string).collect();
        Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false }
    }

    fn header(layout: Layout) -> String {
        String::from_utf8(Format::new(layout).header().unwrap()).unwrap()
    }

    fn outcome(cells: &[&str]) -> Outcome {
        Outcome {
            row: Row { line: 7, cells: ByteRecord::from(cells.to_vec()) },
            invitation_id: "81".to_owned(),
            status: Status::NotFound,
            http_status: Some(404),
            error: "HTTP 404: no such invitation".to_owned(),
            duration: Duration::from_micros(41_999),
            attempts: 1,
            calls: 1,
            latencies: vec![Duration::from_micros(41_999)],
            finished_at: "2026-01-02T03:04:05.0600001Z".parse().unwrap(),
        }
    }

    fn row(layout: Layout, outcome: Outcome) -> String {
        let mut bytes = Vec::new();
        Format::new(layout).append(&[outcome], &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_row_has_our_columns_and_then_its_own_cells() {
        assert_eq!(
            row(layout(&["id", "name"]), outcome(&["081", "O'Neil, \"May\""])),
            "7,81,not_found,404,HTTP 404: no such invitation,1,41,2026-01-02T03:04:05.060Z,081,\"O'Neil, \"\"May\"\"\"\n"
        );
    }

    #[test]
    fn the_inputs_delimiter_and_byte_order_mark_are_kept() {
        let layout = Layout { delimiter: b';', byte_order_mark: true, ..layout(&["id"]) };
        assert!(header(layout.clone()).starts_with("\u{feff}line;invitation_id;status;"));
        assert!(row(layout, outcome(&["a;b"])).ends_with(";\"a;b\"\n"));
    }

    #[test]
    fn a_column_whose_name_collides_gets_the_prefix_as_often_as_it_takes() {
        let names = header(layout(&["Status", "input_status", "input_input_status", "Name"]));
        assert!(names.ends_with(",input_Status,input_input_status,input_input_input_status,Name\n"), "{names}");
        let names = header(layout(&["input_line", "line"]));
        assert!(names.ends_with(",input_line,input_input_line\n"), "{names}");
    }

    #[test]
    fn columns_that_share_one_name_share_it_in_the_results_however_many_they_are() {
        let names = header(layout(&["Status", "Name", "status", "Name"]));
        assert!(names.ends_with(",finished_at,input_Status,Name,input_status,Name\n"), "{names}");
        let names = header(layout(&vec!["status"; 2_000]));
        assert_eq!(names.matches(",input_status").count(), 2_000);
        assert!(names.len() < 30_000, "{}", names.len());
    }

    #[test]
    fn short_rows_are_filled_up_and_extra_cells_gathered() {
        assert!(row(layout(&["id", "name", "note"]), outcome(&["081"])).ends_with("Z,081,,\n"));
        let wide = Layout { extra_cells: true, ..layout(&["id"]) };
        assert!(header(wide.clone()).ends_with(",id,input_extra\n"));
        assert!(row(wide.clone(), outcome(&["081", "x", "y"])).ends_with("Z,081,\"x,y\"\n"));
        assert!(row(wide, outcome(&["081"])).ends_with("Z,081,\n"));
    }

    #[test]
    fn a_formula_is_made_text_in_our_columns_alone() {
        let mut hostile = outcome(&["=1+1"]);
        hostile.error = "=HYPERLINK(1)".to_owned();
        let text = row(layout(&["id"]), hostile);
        assert!(text.contains(",'=HYPERLINK(1),") && text.ends_with(",=1+1\n"), "{text}");
    }

    #[test]
    fn a_row_that_was_not_sent_shows_its_cell() {
        let row_read = Row { line: 3, cells: ByteRecord::from(vec!["-5"]) };
        let text = row(layout(&["id"]), Outcome::unsent(row_read, "-5".to_owned(), Status::InvalidId, "has a sign"));
        assert!(text.starts_with("3,-5,invalid_id,,has a sign,0,0,"), "{text}");
    }
}
