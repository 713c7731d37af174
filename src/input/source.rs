//! Where the bytes come from: a file that must stay as it is, or a stream that is read once.
//!
//! A file is opened once and every pass reads that same handle, so that a file put in its place cannot slip in between
//! the survey and the run; and it is looked at after every read, so that one that is written to is noticed. By its
//! [`Fingerprint`] it is known again in a later run.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::encoding::Utf8;
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

/// By what an input file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// The SHA-256 of all its bytes.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last written to, where the system knows.
    pub modified: Option<SystemTime>,
}

impl Fingerprint {
    /// The SHA-256 as `sha256sum` shows it.
    pub fn hex(&self) -> String {
        let digits = self.sha256.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    /// Reads a file from beginning to end, and finds out whether every byte of it is UTF-8.
    pub(super) fn take(file: &InputFile) -> Result<(Self, Utf8), ReadError> {
        let mut bytes = file.bytes_from(0)?;
        let mut hash = Sha256::new();
        let mut utf8 = Utf8::Whole;
        let mut buffer = vec![0; CHUNK_BYTES];
        // The beginning of a character that goes on in the next chunk.
        let mut kept = 0;
        loop {
            let room = buffer.get_mut(kept..).unwrap_or_default();
            let count = bytes.read(room).map_err(|trouble| trouble.at(file.name(), 1))?;
            hash.update(room.get(..count).unwrap_or_default());
            if count == 0 {
                break;
            }
            let filled = kept + count;
            let incomplete = incomplete_end(buffer.get(..filled).unwrap_or_default());
            kept = incomplete.filter(|_| utf8 == Utf8::Whole).unwrap_or_else(|| {
                utf8 = Utf8::Broken;
                0
            });
            buffer.copy_within(filled - kept..filled, 0);
        }
        if kept > 0 {
            utf8 = Utf8::Broken;
        }
        let stamp = file.stamp();
        Ok((Self { sha256: hash.finalize().into(), bytes: stamp.bytes, modified: stamp.modified }, utf8))
    }
}

/// How many bytes at the end are the beginning of a character; none where the bytes are not UTF-8.
fn incomplete_end(bytes: &[u8]) -> Option<usize> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Some(0),
        Err(error) => error.error_len().is_none().then(|| bytes.len() - error.valid_up_to()),
    }
}
