//! Results that a verification reads and settles.

use std::path::Path;

use jiff::Timestamp;

use crate::error::Refusal;
use crate::results::format::Format;
use crate::results::{Existing, Journal, ResultsFile, ResultsReader, ResultsRow, Zeros};

/// Results that are held against the lists, and by nobody else meanwhile.
#[derive(Debug)]
pub(super) struct HeldResults {
    pub(super) file: ResultsFile,
    pub(super) format: Format,
    /// When the first run over them began, where their journal says so.
    pub(super) first_began_at: Option<Timestamp>,
    /// The lock; none where nothing is to be written, or where a run holds it itself.
    _lock: Option<Journal>,
}

impl HeldResults {
    /// Opens results over which the first run began then, as far as that is known, and whose lock, if they need one, is
    /// `lock`.
    pub(super) fn open(path: &Path, first_began_at: Option<Timestamp>, lock: Option<Journal>) -> Result<Self, Refusal> {
        let format = Format::found_in(path)?;
        // They keep the readers that they have.
        let file = ResultsFile::plan(path.to_owned(), Existing::Resume)?.for_readers_of(path);
        Ok(Self { file, format, first_began_at, _lock: lock })
    }

    /// Shows each row to `look`.
    pub(super) fn for_each_row(
        &self,
        mut look: impl FnMut(&ResultsRow<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        // Which cells of the input hold zeros is not known; what is not whole for another reason is not read.
        let mut reader = ResultsReader::open(self.file.path(), &self.format, Zeros::InCells)?;
        while let Some(row) = reader.next_row()? {
            look(&row)?;
        }
        if reader.torn_bytes() > 0 {
            tracing::warn!(
                results = ?self.file.path(),
                from_byte = reader.whole_bytes(),
                "the end of the results is torn, as a crash leaves it: go on with --resume first, then verify"
            );
        }
        Ok(())
    }
}
