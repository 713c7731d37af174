//! Results that a verification reads and settles.

use std::path::Path;

use jiff::Timestamp;

use crate::error::{Cause, Refusal};
use crate::results::format::Format;
use crate::results::{Existing, Identity, Journal, ResultsFile, ResultsReader, ResultsRow, Zeros};
use crate::verification::MissingRows;

/// Results that are held against the lists, and by nobody else meanwhile.
#[derive(Debug)]
pub(super) struct HeldResults {
    pub(super) file: ResultsFile,
    pub(super) format: Format,
    /// When the first run over them began, where their journal says so.
    pub(super) first_began_at: Option<Timestamp>,
    /// Why rows may be missing, where they may.
    pub(super) gap: Option<MissingRows>,
    /// What the run was that wrote them, where their journal says so.
    pub(super) identity: Option<Identity>,
    /// The lock; none where nothing is to be written, or where a run holds it itself.
    _lock: Option<Journal>,
}

impl HeldResults {
    /// Opens results of this format, over which the first run began then, as far as that is known, and whose lock, if they
    /// need one, is `lock`.
    pub(super) fn open(
        path: &Path,
        format: Format,
        first_began_at: Option<Timestamp>,
        lock: Option<Journal>,
    ) -> Result<Self, Refusal> {
        // They keep the readers that they have.
        let file = ResultsFile::plan(path.to_owned(), Existing::Resume)?.for_readers_of(path);
        Ok(Self { file, format, first_began_at, gap: None, identity: None, _lock: lock })
    }

    /// Shows each row to `look`, and says whether the end of the results is torn, as a crash leaves it.
    pub(super) fn for_each_row(
        &self,
        mut look: impl FnMut(&ResultsRow<'_>) -> Result<(), Refusal>,
    ) -> Result<bool, Refusal> {
        // Which cells of the input hold zeros is not known; what is not whole for another reason is not read.
        let of_input = |refusal: Refusal| Refusal { cause: Cause::Input, ..refusal };
        let mut reader = ResultsReader::open(self.file.path(), &self.format, Zeros::InCells).map_err(of_input)?;
        while let Some(row) = reader.next_row().map_err(of_input)? {
            look(&row)?;
        }
        Ok(reader.torn_bytes() > 0)
    }
}
