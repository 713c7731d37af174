//! Surveys the whole input before anything is sent, so that the prompt, the guards, `--dry-run` and the progress bar
//! have the true numbers.
//!
//! For a file, [`Census`] also finds the invitations that more than one row asks for. It collects all IDs in one list,
//! sorts it, and keeps only those that occur more than once. That takes 8 bytes a row until it is done, has no bad
//! case, and is five times as fast as a hash set.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::ReadingOptions;
use super::blocks::BLOCK_BYTES;
use super::column_check::Suspicion;
use super::dialect::{Extent, Sample};
use super::encoding::Decoding;
use super::fault::ReadError;
use super::kinds::refuse_other_kinds;
use super::reader::RowReader;
use super::reading::{InputStart, Reading, Rows};
use super::screen::{Intent, Why};
use super::source::{Fingerprint, InputFile};
use super::widths::{WidthFinding, Widths};
use crate::config::Sha256Sum;
use crate::error::{Cause, Refusal};
use crate::invitation::InvitationId;
use crate::outcome::Status;
use crate::row::Skip;
use crate::text::quoted;

/// How many rows of each kind are shown (chosen by us: one screen).
const SHOWN_ROWS: usize = 3;

/// The most IDs for which room is reserved in advance (128 MiB, of which only the used part becomes memory). Chosen by
/// us.
const MOST_RESERVED_IDS: usize = 16 * 1024 * 1024;

/// What the whole input asks for.
#[derive(Debug, Clone)]
pub struct Survey {
    /// How the input is read.
    pub reading: Reading,
    /// All rows: the sum of the four following counts.
    pub rows: u64,
    /// Invitations to be cancelled.
    pub eligible: u64,
    /// Rows without a valid ID.
    pub invalid: u64,
    /// Rows that ask for the same invitation as an earlier row.
    pub duplicates: u64,
    /// Rows that `--where` leaves out.
    pub filtered: u64,
    /// The ID of the first row that asks for a cancellation.
    pub first: Option<InvitationId>,
    /// The ID of the last row that asks for a cancellation; that row may be a duplicate of an earlier one.
    pub last: Option<InvitationId>,
    /// The first few invitations to be cancelled, each with its line.
    pub samples: Vec<(u64, InvitationId)>,
    /// The rows that will not be sent, by reason.
    pub skipped: Vec<SkippedRows>,
    /// The line on which another table begins; none of its rows is sent.
    pub other_table: Option<u64>,
    /// What identifies the file in a later run; `None` for a stream.
    pub fingerprint: Option<Fingerprint>,
}

/// The rows that will not be sent for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct SkippedRows {
    /// The status in their results.
    pub status: Status,
    /// The reason, for the user.
    pub reason: String,
    /// How many rows there are.
    pub rows: u64,
    /// The first few of them, each with its line. For the duplicates of a file, they are there only after
    /// [`Survey::find_duplicates`].
    pub examples: Vec<(u64, Skip)>,
}

impl Survey {
    /// Finds the first few duplicates of a surveyed file, to show them to the user. It reads the file again up to the
    /// last of them, so a run that shows none does not call it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has changed.
    pub fn find_duplicates(&mut self, file: &InputFile) -> Result<(), ReadError> {
        if let Some(group) = self.skipped.iter_mut().find(|group| group.status == Status::Duplicate) {
            group.examples = RowReader::again(file, self.reading.clone())?.first_duplicates(SHOWN_ROWS)?;
        }
        Ok(())
    }
}

/// Opens a file and surveys it.
///
/// # Errors
///
/// If the file is not the one that is expected, cannot be read, is not CSV, cannot be cut into rows with certainty,
/// changes meanwhile, or does not have the columns that are asked for.
pub fn survey_file(path: &Path, options: &ReadingOptions) -> Result<(InputFile, Survey), Refusal> {
    let mut file = InputFile::open(path)?;
    if let Some(expected) = options.expected {
        // First of all: what is wrong in another file is of no interest.
        check_is_expected(file.name(), file.sha256()?, expected)?;
    }
    let beginning = file.beginning()?;
    refuse_other_kinds(file.name(), &beginning)?;

    let utf8 = file.utf8()?;
    let decoding = Decoding::settle(file.name(), &beginning, options.encoding, utf8)?;
    let extent = if beginning.len() < BLOCK_BYTES { Extent::Whole } else { Extent::InputStart };
    let sample = Sample { text: decoding.preview(&beginning), extent };
    let bytes = file.bytes_behind(decoding.mark_bytes)?;
    let (reading, mut rows) = InputStart { input: file.name(), bytes, decoding, sample: &sample, options }.settle()?;

    let bytes = file.stamp().bytes;
    let counted = Census::new(reading, &beginning, bytes).take(&mut rows, file.name())?;
    let fingerprint = file.keep(rows.into_bytes(), &beginning, utf8)?;
    if let Some(expected) = options.expected {
        // What was surveyed is what will be sent, and what must be the expected file.
        check_is_expected(file.name(), fingerprint.sha256, expected)?;
    }
    let counted = recount(counted, &file, &beginning, bytes)?;
    counted.tally.refuse_all_invalid(file.name())?;
    let Counted { reading, mut tally, duplicates, .. } = counted;
    if duplicates > 0 {
        tally.count_duplicates(duplicates, reading.screen.summary(Why::Duplicate(None)));
    }
    let survey = tally.survey(reading, Some(fingerprint));
    Ok((file, survey))
}

/// Refuses a file that is not the expected one.
fn check_is_expected(input: &str, found: Sha256Sum, expected: Sha256Sum) -> Result<(), Refusal> {
    if found == expected {
        return Ok(());
    }
    let message = format!("{input} is not the file that --expect names: its SHA-256 is {found}, not {expected}");
    Err(Refusal::new(Cause::UnexpectedInput, message)
        .hint("put the file back that was looked at, or look at this one with --dry-run, which prints its fingerprint"))
}

/// Counts again if the first count has shown that whole rows have another number of cells than was assumed. If all rows
/// have too few cells, that number counts as whole, unless the rows may all be torn.
fn recount(counted: Counted, file: &InputFile, beginning: &[u8], bytes: u64) -> Result<Counted, Refusal> {
    let WidthFinding::Whole(whole) = counted.finding else { return Ok(counted) };
    let screen = counted.reading.screen.with_whole(whole);
    let may_be_torn = whole < screen.width && Widths::may_be_torn(whole, &screen);
    let reading = Reading { screen: Arc::new(screen), ..counted.reading.clone() };
    let text = file.bytes_behind(reading.decoding.mark_bytes)?;
    let mut rows = Rows::again(text, file.name(), &reading)?;
    let again = Census::new(reading, beginning, bytes).take(&mut rows, file.name())?;
    Ok(if may_be_torn && !again.is_alike() { counted } else { again })
}

/// Surveys a stream by reading it to its end, for a dry run: it cannot be read again.
///
/// # Errors
///
/// If the stream cannot be read, is not CSV, cannot be cut into rows with certainty, or does not have the columns that
/// are asked for.
pub fn survey_stream(stream: impl Read + Send + 'static, options: &ReadingOptions) -> Result<Survey, Refusal> {
    let mut reader = RowReader::from_stream(stream, options)?;
    let mut tally = RowCounts::default();
    while let Some((line, intent)) = reader.advance()? {
        tally.count(line, intent, reader.rows());
    }
    Ok(tally.survey(reader.reading().clone(), None))
}

/// A count in progress.
#[derive(Debug)]
pub(super) struct Census {
    reading: Reading,
    ids: Vec<u64>,
}

/// A finished count.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) reading: Reading,
    pub(super) tally: RowCounts,
    /// Rows that ask for the same invitation as an earlier row. The tally still counts them as rows to cancel.
    pub(super) duplicates: u64,
    /// What follows from the widths of its rows.
    finding: WidthFinding,
    /// The smallest and the largest ID.
    span: Option<(u64, u64)>,
}

impl Counted {
    /// Whether every row has an ID, all with the same number of digits. The second halves of torn rows begin with text,
    /// or with a number of another length.
    fn is_alike(&self) -> bool {
        let digits = |id: u64| id.checked_ilog10();
        self.tally.has_no_invalid() && self.span.is_none_or(|(least, most)| digits(least) == digits(most))
    }
}

impl Census {
    /// Begins to count a file of `bytes` bytes that begins with `beginning`.
    pub(super) fn new(reading: Reading, beginning: &[u8], bytes: u64) -> Self {
        let lines = memchr::memchr2_iter(b'\n', b'\r', beginning).count() + 1;
        let parts = usize::try_from(bytes).unwrap_or(usize::MAX) / beginning.len().max(1) + 1;
        let expected = parts.saturating_mul(lines).min(MOST_RESERVED_IDS);
        let mut ids = Vec::new();
        ids.reserve_exact(expected);
        Self { reading, ids }
    }

    /// Counts all rows.
    pub(super) fn take(mut self, rows: &mut Rows, input: &str) -> Result<Counted, Refusal> {
        let mut tally = RowCounts::default();
        let mut suspicion = Suspicion::of(&self.reading);
        while let Some((line, intent)) = rows.next()? {
            if !suspicion.is_settled() {
                suspicion.look(line, intent, rows.record());
                if suspicion.is_settled() {
                    suspicion.check(input)?;
                }
            }
            if let Intent::Cancel(id) = intent {
                self.collect(id.get());
            }
            self.reading.layout.extra_cells |= rows.record().len() > self.reading.layout.columns.len();
            tally.count(line, intent, rows);
        }
        suspicion.check(input)?;
        rows.widths().check(input, rows.screen())?;
        let finding = rows.widths().finding(rows.screen());
        self.ids.sort_unstable();
        let span = self.ids.first().copied().zip(self.ids.last().copied());
        let (duplicated, duplicates) = duplicated(&self.ids);
        self.reading.duplicated = Arc::new(duplicated);
        Ok(Counted { reading: self.reading, tally, duplicates, finding, span })
    }

    /// Grows by an eighth, not to double the size, because the list takes most of the memory.
    fn collect(&mut self, id: u64) {
        if self.ids.len() == self.ids.capacity() {
            self.ids.reserve_exact(self.ids.len() / 8 + 1024);
        }
        self.ids.push(id);
    }
}

/// The IDs that occur more than once in a sorted list, and how many of its entries are repetitions.
fn duplicated(ids: &[u64]) -> (Vec<u64>, u64) {
    let mut found = Vec::new();
    let mut too_many = 0;
    for pair in ids.windows(2) {
        if let [first, second] = pair
            && first == second
        {
            too_many += 1;
            if found.last() != Some(first) {
                found.push(*first);
            }
        }
    }
    (found, too_many)
}

/// The counts so far.
#[derive(Debug, Default)]
pub(super) struct RowCounts {
    asked: u64,
    first: Option<InvitationId>,
    last: Option<InvitationId>,
    samples: Vec<(u64, InvitationId)>,
    skipped: Vec<(Why, SkippedRows)>,
}

impl RowCounts {
    /// Counts the current row.
    pub(super) fn count(&mut self, line: u64, intent: Intent, rows: &Rows) {
        match intent {
            Intent::Cancel(id) => self.count_cancel(line, id),
            Intent::Skip(why) => self.count_skip(line, why, rows),
        }
    }

    fn count_cancel(&mut self, line: u64, id: InvitationId) {
        self.asked += 1;
        self.first = self.first.or(Some(id));
        self.last = Some(id);
        if self.samples.len() < SHOWN_ROWS && self.samples.iter().all(|(_, shown)| *shown != id) {
            self.samples.push((line, id));
        }
    }

    fn count_skip(&mut self, line: u64, why: Why, rows: &Rows) {
        let known = self.skipped.iter_mut().position(|(known, _)| known.is_like(why));
        let index = known.unwrap_or_else(|| {
            let reason = rows.screen().summary(why);
            self.skipped.push((why, SkippedRows { status: why.status(), reason, rows: 0, examples: Vec::new() }));
            self.skipped.len() - 1
        });
        if let Some((_, group)) = self.skipped.get_mut(index) {
            group.rows += 1;
            if group.examples.len() < SHOWN_ROWS {
                group.examples.push((line, rows.screen().skip(why, rows.record())));
            }
        }
    }

    fn has_no_invalid(&self) -> bool {
        self.skipped.iter().all(|(why, _)| why.status() != Status::InvalidId)
    }

    /// Refuses an input in which no row has an ID: a failed export, or the wrong column.
    fn refuse_all_invalid(&self, input: &str) -> Result<(), Refusal> {
        let mut groups = self.skipped.iter().map(|(_, group)| group);
        let all_invalid = self.asked == 0 && groups.clone().all(|group| group.status == Status::InvalidId);
        let (true, Some((line, skip))) = (all_invalid, groups.find_map(|group| group.examples.first())) else {
            return Ok(());
        };
        let cell = quoted(&skip.invitation_id);
        let message = format!("{input} has no row with an invitation ID: line {line} has {cell}, {}", skip.reason);
        let hint = "check whether the export failed, and name the right column with --id-column";
        Err(Refusal::new(Cause::Input, message).hint(hint))
    }

    /// Counts rows as duplicates that were counted as rows to cancel before.
    pub(super) fn count_duplicates(&mut self, rows: u64, reason: String) {
        self.asked -= rows;
        let group = SkippedRows { status: Status::Duplicate, reason, rows, examples: Vec::new() };
        self.skipped.push((Why::Duplicate(None), group));
    }

    /// Makes the survey from the counts.
    pub(super) fn survey(self, reading: Reading, fingerprint: Option<Fingerprint>) -> Survey {
        let rows_that_are = |status: Status| {
            let groups = self.skipped.iter().filter(|(_, group)| group.status == status);
            groups.map(|(_, group)| group.rows).sum::<u64>()
        };
        let (invalid, duplicates) = (rows_that_are(Status::InvalidId), rows_that_are(Status::Duplicate));
        let filtered = rows_that_are(Status::Filtered);
        let other_table = self.skipped.iter().find_map(|(why, _)| match why {
            Why::OtherTable(line) => Some(*line),
            _ => None,
        });
        Survey {
            reading,
            rows: self.asked + invalid + duplicates + filtered,
            eligible: self.asked,
            invalid,
            duplicates,
            filtered,
            first: self.first,
            last: self.last,
            samples: self.samples,
            other_table,
            skipped: self.skipped.into_iter().map(|(_, group)| group).collect(),
            fingerprint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_stands_three_times_is_two_too_many() {
        assert_eq!(duplicated(&[1, 1, 3, 5, 5, 5]), (vec![1, 5], 3));
        assert_eq!(duplicated(&[1, 2]), (vec![], 0));
        assert_eq!(duplicated(&[]), (vec![], 0));
    }
}
