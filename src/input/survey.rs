//! The survey: one look at the whole input before anything is sent, so that the prompt, the guards, `--dry-run` and the
//! progress bar know the truth.

use std::io::Read;
use std::path::Path;

use super::ReadingOptions;
use super::census::{Census, Counted};
use super::dialect::{Extent, Sample};
use super::encoding::Decoding;
use super::fault::ReadError;
use super::fingerprint::Fingerprint;
use super::kinds::refuse_other_kinds;
use super::reader::RowReader;
use super::reading::{Beginning, Reading};
use super::screen::Why;
use super::source::{CHUNK_BYTES, InputFile};
use super::tally::Tally;
use crate::error::Refusal;
use crate::invitation::InvitationId;
use crate::outcome::Status;
use crate::row::Skip;

/// What the whole input asks for.
#[derive(Debug, Clone)]
pub struct Survey {
    /// How the input is read.
    pub reading: Reading,
    /// All rows: the sum of the four counts that follow.
    pub rows: u64,
    /// Invitations to be cancelled.
    pub eligible: u64,
    /// Rows whose ID is none.
    pub invalid: u64,
    /// Rows that ask for an invitation which an earlier row asks for.
    pub duplicates: u64,
    /// Rows that `--where` leaves out.
    pub filtered: u64,
    /// The ID on the first row that asks for a cancellation.
    pub first: Option<InvitationId>,
    /// The ID on the last row that asks for a cancellation; that row may be a duplicate of an earlier one.
    pub last: Option<InvitationId>,
    /// The first few invitations to be cancelled, each with its line.
    pub samples: Vec<(u64, InvitationId)>,
    /// The rows that will not be sent, by reason.
    pub skipped: Vec<SkippedRows>,
    /// By what the file is known again; none for a stream.
    pub fingerprint: Option<Fingerprint>,
}

/// The rows that will not be sent for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct SkippedRows {
    /// What their results will say.
    pub status: Status,
    /// The reason, for a person.
    pub reason: String,
    /// How many they are.
    pub rows: u64,
    /// The first few of them, each with its line. For the duplicates of a file they are there once
    /// [`Survey::find_duplicates`] has looked for them.
    pub examples: Vec<(u64, Skip)>,
}

impl Survey {
    /// Finds the first few duplicates of a surveyed file, for a person to look at. It takes another look at the file, up
    /// to the last of them; a run that shows none is spared it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has changed.
    pub fn find_duplicates(&mut self, file: &InputFile) -> Result<(), ReadError> {
        if let Some(group) = self.skipped.iter_mut().find(|group| group.status == Status::Duplicate) {
            group.examples = RowReader::again(file, self.reading.clone())?.first_duplicates()?;
        }
        Ok(())
    }
}

/// Opens a file and surveys it.
///
/// # Errors
///
/// The file cannot be read, is no CSV, cannot be cut into rows with certainty, changes meanwhile, or does not have the
/// columns that are asked for.
pub fn survey_file(path: &Path, options: &ReadingOptions) -> Result<(InputFile, Survey), Refusal> {
    let file = InputFile::open(path)?;
    let mut beginning = vec![0; CHUNK_BYTES];
    let mut bytes = file.bytes_from(0)?;
    let count = bytes.read(&mut beginning).map_err(|trouble| trouble.at(file.name(), 1))?;
    beginning.truncate(count);
    refuse_other_kinds(file.name(), &beginning)?;

    let (fingerprint, utf8) = Fingerprint::take(&file)?;
    let decoding = Decoding::settle(file.name(), &beginning, options.encoding, utf8)?;
    let extent = if u64::try_from(count).ok() == Some(fingerprint.bytes) { Extent::Whole } else { Extent::Beginning };
    let sample = Sample { text: decoding.preview(&beginning), extent };
    let bytes = file.bytes_from(decoding.text_offset())?;
    let (reading, rows) = Beginning { input: file.name(), bytes, decoding, sample: &sample, options }.settle()?;

    let counted = Census::new(reading, &beginning, fingerprint.bytes).take(rows, file.name())?;
    let Counted { reading, mut tally, duplicates } = counted;
    if duplicates > 0 {
        tally.count_duplicates(duplicates, reading.screen.summary(Why::Duplicate(None)));
    }
    let survey = tally.survey(reading, Some(fingerprint));
    Ok((file, survey))
}

/// Surveys a stream by reading it to its end, for a dry run: it cannot be read again.
///
/// # Errors
///
/// The stream cannot be read, is no CSV, cannot be cut into rows with certainty, or does not have the columns that are
/// asked for.
pub fn survey_stream(stream: impl Read + Send + 'static, options: &ReadingOptions) -> Result<Survey, Refusal> {
    let mut reader = RowReader::from_stream(stream, options)?;
    let mut tally = Tally::default();
    while let Some((line, verdict)) = reader.advance()? {
        tally.count(line, verdict, reader.rows());
    }
    Ok(tally.survey(reader.reading().clone(), None))
}
