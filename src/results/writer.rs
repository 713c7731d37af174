//! Appends rows to the results. Each batch is in the hands of the kernel before it counts as recorded, and on disk soon
//! after; a batch that cannot be written leaves no half row behind. When the disk fails to keep what it was given, the
//! file ends where it last did keep it: what is behind may be there or not.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use crate::error::{Cause, Refusal};
use crate::outcome::Outcome;
use crate::results::file::{Existing, ResultsFile};
use crate::results::format::Format;
use crate::results::history::History;
use crate::row::Layout;

/// How long a recorded row may wait for the disk: the most that a power cut can take. Chosen by us: four syncs a second
/// cost nothing that can be measured, and a run at five calls a second loses one row at the most.
pub const SYNC_INTERVAL: Duration = Duration::from_millis(250);

/// The open results of one run.
#[derive(Debug)]
pub struct ResultsWriter {
    destination: Destination,
    format: Format,
    bytes: Vec<u8>,
    /// When the disk was last told to keep what it was given, and whether it was given anything since.
    synced_at: Instant,
    is_synced: bool,
}

#[derive(Debug)]
enum Destination {
    File {
        file: Box<dyn Disk>,
        /// Its length up to the last row that was written whole.
        length: u64,
        /// Its length up to the last row that the disk has said it keeps.
        synced_length: u64,
    },
    StandardOutput,
}

/// What results are written to: a file. Unit tests put one in its place that fails.
pub(crate) trait Disk: Write + fmt::Debug + Send {
    /// Has everything that was written kept.
    fn sync(&mut self) -> io::Result<()>;
    /// Takes away what lies behind `length`.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Disk for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }
}

impl ResultsWriter {
    /// Creates the results file, header included. Results of an earlier run that this one goes on with are put in
    /// order: the rows that are done, as `history` knows, stay, in a file that takes the place of the old one.
    ///
    /// # Errors
    ///
    /// As [`ResultsFile::create`] and [`History::copy_done`].
    pub fn create(file: &ResultsFile, layout: Layout, history: &History) -> Result<Self, Refusal> {
        let format = Format::new(layout);
        let header = format.header().map_err(|error| unwritable(error.into()))?;
        let mut file = file.create(&header, |target| match file.existing() {
            Existing::Resume => history.copy_done(file.path(), &format, target),
            Existing::Keep | Existing::Replace => Ok(()),
        })?;
        let length = file.stream_position().map_err(unwritable)?;
        Ok(Self::on(Box::new(file), length, format))
    }

    /// Goes on with a file that is kept up to `length`.
    pub(crate) fn on(file: Box<dyn Disk>, length: u64, format: Format) -> Self {
        Self::new(Destination::File { file, length, synced_length: length }, format)
    }

    /// Begins results on standard output with their header.
    ///
    /// # Errors
    ///
    /// When standard output takes nothing.
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

    /// Writes the rows for `outcomes` through to the kernel: a crash of this process does not lose them any more.
    ///
    /// # Errors
    ///
    /// When they could not be written: then none of them stands in a results file.
    pub fn append(&mut self, outcomes: &[Outcome]) -> io::Result<()> {
        self.bytes.clear();
        self.format.append(outcomes, &mut self.bytes)?;
        self.is_synced = false;
        match &mut self.destination {
            Destination::File { file, length, .. } => {
                if let Err(error) = file.write_all(&self.bytes) {
                    cut(file.as_mut(), *length);
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

    /// When the rows that were appended have to be on disk; `None` when they are.
    pub fn sync_due(&self) -> Option<Instant> {
        if self.is_synced { None } else { Some(self.synced_at + SYNC_INTERVAL) }
    }

    /// Has the disk keep what was appended: a power cut does not lose it any more.
    ///
    /// # Errors
    ///
    /// When the disk cannot. Then nothing that was appended since the last time stands in the file, and nothing more is
    /// to be appended: the kernel may have dropped any of it.
    pub fn sync(&mut self) -> io::Result<()> {
        if let Destination::File { file, length, synced_length } = &mut self.destination {
            if let Err(error) = file.sync() {
                cut(file.as_mut(), *synced_length);
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

    /// The rows as they would have been written, with the header: for whoever else can keep them.
    ///
    /// # Errors
    ///
    /// None on memory; the signature is the CSV writer's.
    pub fn rescue(&mut self, outcomes: &[Outcome], with: WithHeader) -> io::Result<Vec<u8>> {
        let mut bytes = match with {
            WithHeader::Yes => self.format.header()?,
            WithHeader::No => Vec::new(),
        };
        self.format.append(outcomes, &mut bytes)?;
        Ok(bytes)
    }
}

/// Takes back what is not to stand behind `length`.
fn cut(file: &mut dyn Disk, length: u64) {
    if let Err(error) = file.cut(length) {
        tracing::warn!(
            %error,
            from_byte = length,
            "the end of the results could not be taken back: rows from this byte on may stand there in part, and on \
             standard error too"
        );
    }
}

/// Whether a header goes before the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithHeader {
    /// It does.
    Yes,
    /// It does not.
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
