//! Where the bytes come from: a file that must stay as it is, or a stream that is read once.
//!
//! A file is opened once and every pass reads that same handle, so that a file put in its place cannot slip in between
//! the survey and the run; and it is looked at after every read, so that one that is written to is noticed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::fault::{Fault, ReadError};
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// How many bytes are read at once, and how often a file is looked at again: large enough that neither costs anything
/// measurable, small enough that a change is noticed within a few thousand rows (chosen by us).
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// What messages call standard input.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// An input file, open, and as it was when it was opened.
#[derive(Debug)]
pub struct InputFile {
    file: File,
    name: Arc<str>,
    stamp: Stamp,
}

/// By what a change of the file is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl InputFile {
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        let shown = quoted_path(path);
        let unreadable = |error: io::Error| {
            let refusal = match error.kind() {
                io::ErrorKind::NotFound => Refusal::new(Cause::Input, format!("there is no input file {shown}"))
                    .hint("check the name; a name that is not absolute is looked for in the current directory"),
                io::ErrorKind::PermissionDenied => {
                    Refusal::new(Cause::Input, format!("the input file {shown} may not be read by this user"))
                        .hint("give this user the right to read it")
                }
                _ => Refusal::new(Cause::Input, format!("could not open the input file {shown}")),
            };
            refusal.caused_by(error)
        };
        // Looked at before it is opened, because opening a pipe waits for somebody to write to it.
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            let refusal = Refusal::new(Cause::Input, format!("the input {shown} is a directory, not a file"));
            return Err(refusal.hint("name the CSV file in it"));
        }
        if !metadata.is_file() {
            let refusal = Refusal::new(Cause::Input, format!("the input {shown} is not a file that can be read twice"));
            return Err(refusal.hint("to read a pipe, give - as the input and redirect the pipe to standard input"));
        }
        let file = File::open(path).map_err(unreadable)?;
        let stamp = Stamp::of(&file).map_err(unreadable)?;
        Ok(Self { file, name: shown.into(), stamp })
    }

    /// Makes sure that the file is still as it was when it was opened; for use when some time has passed since.
    ///
    /// # Errors
    ///
    /// The file was written to, or can no longer be looked at.
    pub fn check_unchanged(&self) -> Result<(), Refusal> {
        let checked = check(&self.file, self.stamp).map_err(|trouble| trouble.at(&self.name, 1));
        checked.map_err(Refusal::from)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The bytes of the file from `offset` on. Only one of these can be read at a time: they share the handle.
    pub(super) fn bytes_from(&self, offset: u64) -> Result<Bytes, ReadError> {
        let opened = self.file.try_clone().and_then(|mut file| file.seek(SeekFrom::Start(offset)).map(|_| file));
        let file = opened.map_err(|source| ReadError::Io { input: Arc::clone(&self.name), source })?;
        Ok(Bytes::File { file, stamp: self.stamp })
    }
}

fn check(file: &File, stamp: Stamp) -> Result<(), Trouble> {
    if Stamp::of(file)? == stamp { Ok(()) } else { Err(Trouble::Changed) }
}

/// The bytes of an input, in order.
pub(super) enum Bytes {
    File { file: File, stamp: Stamp },
    Stream(Box<dyn Read + Send>),
}

/// What can go wrong below the level of lines.
#[derive(Debug)]
pub(super) enum Trouble {
    Io(io::Error),
    Changed,
    Malformed(Fault),
}

impl Bytes {
    /// Reads what there is now, waiting for the first byte of it; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            let read = match self {
                Self::File { file, .. } => file.read(buffer),
                Self::Stream(stream) => stream.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Io(error)),
                Ok(count) => {
                    if let Self::File { file, stamp } = self {
                        check(file, *stamp)?;
                    }
                    return Ok(count);
                }
            }
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    /// Adds the place.
    pub(super) fn at(self, input: &Arc<str>, line: u64) -> ReadError {
        let input = Arc::clone(input);
        match self {
            Self::Io(source) => ReadError::Io { input, source },
            Self::Changed => ReadError::Changed { input },
            Self::Malformed(fault) => ReadError::Malformed { input, line, fault },
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::File { .. } => "Bytes::File",
            Self::Stream(_) => "Bytes::Stream",
        })
    }
}
