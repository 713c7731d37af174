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
use super::counts::{RowCounts, SHOWN_ROWS, SkippedRows};
use super::dialect::{Extent, Sample};
use super::encoding::Decoding;
use super::fault::ReadError;
use super::kinds::refuse_other_kinds;
use super::reader::{OtherShards, RowReader};
use super::reading::{InputStart, Reading, Rows};
use super::screen::{Intent, Why};
use super::source::{Fingerprint, InputFile};
use super::widths::{WidthFinding, Widths};
use crate::config::Sha256Sum;
use crate::error::{Cause, Refusal};
use crate::invitation::InvitationId;
use crate::outcome::Status;
use crate::shard::ShardPart;
use crate::text::quoted;

/// The most IDs for which room is reserved in advance (128 MiB, of which only the used part becomes memory). Chosen by
/// us.
const MOST_RESERVED_IDS: usize = 16 * 1024 * 1024;

/// What the whole input asks for.
#[derive(Debug, Clone)]
pub struct Survey {
    /// How the input is read.
    pub reading: Reading,
    /// All rows that are to have a result: the sum of the four following counts.
    pub rows: u64,
    /// All rows of the input: more than `rows` where others fall to other shards.
    pub input_rows: u64,
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

impl Survey {
    /// Makes the survey from the counts of a shard's rows, and from what is known of the others.
    fn of(counts: RowCounts, reading: Reading, fingerprint: Option<Fingerprint>, others: OtherShards) -> Self {
        let rows = counts.rows();
        Self {
            reading,
            rows,
            input_rows: rows + others.rows,
            eligible: counts.asked,
            invalid: counts.rows_that_are(Status::InvalidId),
            duplicates: counts.rows_that_are(Status::Duplicate),
            filtered: counts.rows_that_are(Status::Filtered),
            first: counts.first,
            last: counts.last,
            samples: counts.samples,
            other_table: others.other_table,
            skipped: counts.skipped.into_iter().map(|(_, group)| group).collect(),
            fingerprint,
        }
    }

    /// Which shard was surveyed, and of how large an input; `None` if all of it was.
    pub fn part(&self) -> Option<ShardPart> {
        self.reading.shard.map(|shard| ShardPart { shard, input_rows: Some(self.input_rows) })
    }

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
    let from_line = options.header.first_line_read();
    let sample = Sample { text: decoding.preview(&beginning), extent, from_line };
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
    counted.refuse_all_invalid(file.name())?;
    let others = counted.others();
    let Counted { reading, mut tally, duplicates, .. } = counted;
    if duplicates > 0 {
        tally.count_duplicates(duplicates, reading.screen.summary(Why::Duplicate(None)));
    }
    Ok((file, Survey::of(tally, reading, Some(fingerprint), others)))
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
    let others = reader.others();
    Ok(Survey::of(tally, reader.reading().clone(), None, others))
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
    /// The counts of the rows that fall to other shards.
    tally_of_others: RowCounts,
    /// Rows that ask for the same invitation as an earlier row. The tally still counts them as rows to cancel.
    pub(super) duplicates: u64,
    /// What follows from the widths of its rows.
    finding: WidthFinding,
    /// The smallest and the largest ID, those of other shards included.
    span: Option<(u64, u64)>,
}

impl Counted {
    /// Whether every row has an ID, all with the same number of digits. The second halves of torn rows begin with text,
    /// or with a number of another length.
    fn is_alike(&self) -> bool {
        let digits = |id: u64| id.checked_ilog10();
        self.tally.has_no_invalid()
            && self.tally_of_others.has_no_invalid()
            && self.span.is_none_or(|(least, most)| digits(least) == digits(most))
    }

    /// Refuses an input in which no row has an ID: a failed export, or the wrong column. A shard without any may be one.
    fn refuse_all_invalid(&self, input: &str) -> Result<(), Refusal> {
        let tallies = [&self.tally, &self.tally_of_others];
        let mut groups = tallies.into_iter().flat_map(|tally| tally.skipped.iter().map(|(_, group)| group));
        let asks = tallies.iter().any(|tally| tally.asked > 0);
        let all_invalid = !asks && groups.clone().all(|group| group.status == Status::InvalidId);
        let (true, Some((line, skip))) = (all_invalid, groups.find_map(|group| group.examples.first())) else {
            return Ok(());
        };
        let cell = quoted(&skip.invitation_id);
        let message = format!("{input} has no row with an invitation ID: line {line} has {cell}, {}", skip.reason);
        let hint = "check whether the export failed, and name the right column with --id-column";
        Err(Refusal::new(Cause::Input, message).hint(hint))
    }

    fn others(&self) -> OtherShards {
        let other_table = self.tally.other_table().or(self.tally_of_others.other_table());
        OtherShards { rows: self.tally_of_others.rows(), other_table }
    }
}

impl Census {
    /// Begins to count a file of `bytes` bytes that begins with `beginning`.
    pub(super) fn new(reading: Reading, beginning: &[u8], bytes: u64) -> Self {
        let lines = memchr::memchr2_iter(b'\n', b'\r', beginning).count() + 1;
        let parts = usize::try_from(bytes).unwrap_or(usize::MAX) / beginning.len().max(1) + 1;
        let shards = reading.shard.map_or(1, |shard| usize::try_from(shard.of()).unwrap_or(usize::MAX));
        let expected = parts.saturating_mul(lines).div_ceil(shards).min(MOST_RESERVED_IDS);
        let mut ids = Vec::new();
        ids.reserve_exact(expected);
        Self { reading, ids }
    }

    /// Counts all rows.
    pub(super) fn take(mut self, rows: &mut Rows, input: &str) -> Result<Counted, Refusal> {
        let (mut tally, mut tally_of_others) = (RowCounts::default(), RowCounts::default());
        let mut span: Option<(u64, u64)> = None;
        let mut suspicion = Suspicion::of(&self.reading);
        while let Some((line, intent)) = rows.next()? {
            if !suspicion.is_settled() {
                suspicion.look(line, intent, rows.record());
                if suspicion.is_settled() {
                    suspicion.check(input)?;
                }
            }
            let is_own = rows.falls_to(self.reading.shard, line);
            if let Intent::Cancel(id) = intent {
                let id = id.get();
                span = Some(span.map_or((id, id), |(least, most)| (least.min(id), most.max(id))));
                if is_own {
                    self.collect(id);
                }
            }
            // Shards of one input have the same columns.
            self.reading.layout.extra_cells |= rows.record().len() > self.reading.layout.columns.len();
            let tally = if is_own { &mut tally } else { &mut tally_of_others };
            tally.count(line, intent, rows);
        }
        suspicion.check(input)?;
        rows.widths().check(input, rows.screen())?;
        let finding = rows.widths().finding(rows.screen());
        self.ids.sort_unstable();
        let (duplicated, duplicates) = duplicated(&self.ids);
        self.reading.duplicated = Arc::new(duplicated);
        Ok(Counted { reading: self.reading, tally, tally_of_others, duplicates, finding, span })
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
