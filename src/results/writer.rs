//! Appends rows to the results. A batch counts as recorded once the kernel has it, and is on disk soon after. If a
//! batch cannot be written, no half row remains. If a sync fails, the file is cut at the end of the last successful
//! sync, since what follows may or may not be on disk.

use std::io::{self, Seek, Write};
use std::time::{Duration, Instant};

use crate::error::{Cause, Refusal};
use crate::outcome::Outcome;
use crate::results::disk::DiskFile;
use crate::results::file::{Existing, ResultsFile};
use crate::results::format::Format;
use crate::results::history::History;
use crate::row::Layout;

/// How long a recorded row may wait for a sync: a power cut can lose the rows of this time. Chosen by us: four syncs a
/// second have no measurable cost, and a run at five calls a second loses one row at most.
pub const SYNC_INTERVAL: Duration = Duration::from_millis(250);

/// The open results of one run.
#[derive(Debug)]
pub struct ResultsWriter {
    destination: Destination,
    format: Format,
    bytes: Vec<u8>,
    /// When the file was last synced, and whether nothing was written since.
    synced_at: Instant,
    is_synced: bool,
}

#[derive(Debug)]
enum Destination {
    File {
        file: DiskFile,
        /// The length of the file up to the last whole row.
        length: u64,
        /// The length of the file at the last successful sync.
        synced_length: u64,
    },
    StandardOutput,
}

impl ResultsWriter {
    /// Creates the results file with its header. If this run resumes an earlier one, the new file also gets the old
    /// results rows that are done according to `history`, and replaces the old file.
    ///
    /// # Errors
    ///
    /// Those of [`ResultsFile::create`] and [`History::copy_done`].
    pub fn create(file: &ResultsFile, layout: Layout, history: &History) -> Result<Self, Refusal> {
        let format = Format::new(layout);
        let header = format.header().map_err(|error| unwritable(error.into()))?;
        let file = file.create(&header, |target| match file.existing() {
            Existing::Resume => history.copy_done(file.path(), &format, target),
            Existing::Keep | Existing::Replace => Ok(()),
        })?;
        let length = file.as_file().stream_position().map_err(unwritable)?;
        Ok(Self::new(Destination::File { file, length, synced_length: length }, format))
    }

    /// Begins results on standard output by writing the header.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written.
    pub fn to_standard_output(layout: Layout) -> Result<Self, Refusal> {
        let format = Format::new(layout);
        let mut output = io::stdout().lock();
        let header = format.header().map_err(|error| unwritable(error.into()))?;
        output.write_all(&header).and_then(|()| output.flush()).map_err(unwritable)?;
        Ok(Self::new(Destination::StandardOutput, format))
    }

    fn new(destination: Destination, format: Format) -> Self {
        Self { destination, format, bytes: Vec::new(), synced_at: Instant::now(), is_synced: true }
    }

    /// Writes the rows of `outcomes` to the kernel: from then on, a crash of this process does not lose them.
    ///
    /// # Errors
    ///
    /// If they could not be written. Then none of them is in the results file.
    pub fn append(&mut self, outcomes: &[Outcome]) -> io::Result<()> {
        self.bytes.clear();
        self.format.append(outcomes, &mut self.bytes)?;
        self.is_synced = false;
        match &mut self.destination {
            Destination::File { file, length, .. } => {
                if let Err(error) = file.write_all(&self.bytes) {
                    cut(file, *length);
                    return Err(error);
                }
                *length += u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
            }
            Destination::StandardOutput => {
                let mut output = io::stdout().lock();
                output.write_all(&self.bytes)?;
                output.flush()?;
            }
        }
        Ok(())
    }

    /// When the appended rows have to be synced; `None` if they are.
    pub fn sync_due(&self) -> Option<Instant> {
        if self.is_synced { None } else { Some(self.synced_at + SYNC_INTERVAL) }
    }

    /// Syncs the appended rows: from then on, a power cut does not lose them.
    ///
    /// # Errors
    ///
    /// If the sync fails. Then the file is cut at the last successful sync, and nothing more may be appended, because
    /// the kernel may have dropped any of the bytes since then.
    pub fn sync(&mut self) -> io::Result<()> {
        if let Destination::File { file, length, synced_length } = &mut self.destination {
            if let Err(error) = file.sync_data() {
                cut(file, *synced_length);
                *length = *synced_length;
                self.is_synced = true;
                return Err(error);
            }
            *synced_length = *length;
        }
        self.synced_at = Instant::now();
        self.is_synced = true;
        Ok(())
    }

    /// The rows as they would be in the file, for a caller that saves them elsewhere.
    ///
    /// # Errors
    ///
    /// It writes to memory, so none occur; the signature comes from the CSV writer.
    pub fn rescue(&mut self, outcomes: &[Outcome], with: WithHeader) -> io::Result<Vec<u8>> {
        let mut bytes = match with {
            WithHeader::Yes => self.format.header()?,
            WithHeader::No => Vec::new(),
        };
        self.format.append(outcomes, &mut bytes)?;
        Ok(bytes)
    }
}

/// Removes what must not stay after `length` bytes.
fn cut(file: &mut DiskFile, length: u64) {
    if let Err(error) = file.cut(length) {
        tracing::warn!(
            %error,
            from_byte = length,
            "the end of the results could not be taken back: rows from this byte on may stand there in part, and on \
             standard error too"
        );
    }
}

/// Whether the rows need a header before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithHeader {
    /// They need one.
    Yes,
    /// They do not.
    No,
}

fn unwritable(error: io::Error) -> Refusal {
    Refusal::new(Cause::ResultsUnwritable, "could not begin the results").caused_by(error)
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;
    use crate::outcome::Status;
    use crate::row::Row;

    fn outcome() -> Outcome {
        let row = Row { line: 2, cells: ByteRecord::from(vec!["x"]) };
        Outcome::unsent(row, "9".to_owned(), Status::NotAttempted, "")
    }

    #[test]
    fn a_row_is_in_the_file_at_once_and_due_on_disk_soon() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.csv");
        let columns = vec!["id".to_owned()];
        let layout = Layout { delimiter: b',', byte_order_mark: false, columns, extra_cells: false };
        let file = ResultsFile::plan(path.clone(), Existing::Keep).unwrap();
        let mut writer = ResultsWriter::create(&file, layout, &History::default()).unwrap();
        assert_eq!(writer.sync_due(), None, "the header is on disk");

        writer.append(&[outcome(), outcome()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
        assert!(writer.sync_due().unwrap() <= Instant::now() + SYNC_INTERVAL);
        writer.sync().unwrap();
        assert_eq!(writer.sync_due(), None);

        let rescued = String::from_utf8(writer.rescue(&[outcome()], WithHeader::Yes).unwrap()).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(rescued.lines().next().unwrap()));
        assert_eq!(rescued.lines().count(), 2);
    }
}
