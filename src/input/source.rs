//! Reads the bytes of the input: a file that must not change, or a stream that is read once.
//!
//! A file is opened once, and every pass reads the same handle, so that no other file can take its place between the
//! survey and the run. The survey records the hashes of its blocks, and every later reading compares each block with
//! them before it returns a byte of it. Size and time are checked as well, so that a change is noticed early. A later
//! run recognises the file by its [`Fingerprint`].

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::blocks::{BLOCK_BYTES, Blocks, Ledger, Utf8, Utf8Check};
use super::fault::{Fault, ReadError};
use crate::config::Sha256Sum;
use crate::error::{Cause, Refusal};
use crate::text::quoted_path;

/// How many bytes are read at once: large enough that a read costs nothing measurable (chosen by us).
pub(super) const CHUNK_BYTES: usize = BLOCK_BYTES;

/// What messages call standard input.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// An open input file, with its size and time when it was opened.
#[derive(Debug)]
pub struct InputFile {
    file: File,
    name: Arc<str>,
    stamp: Stamp,
    /// What the survey recorded about the bytes.
    blocks: Option<Blocks>,
}

/// What shows that a file was changed.
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

/// Makes sure that a file is there to be read, without a look at what is in it.
///
/// # Errors
///
/// If it is missing, is no ordinary file, or may not be read.
pub fn check_readable(path: &Path) -> Result<(), Refusal> {
    InputFile::open(path).map(drop)
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
        // Check it before opening it, because opening a pipe waits until a process writes to it.
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
        Ok(Self { file, name: shown.into(), stamp, blocks: None })
    }

    /// Makes sure that the file has not changed since it was opened; for use after some time.
    ///
    /// # Errors
    ///
    /// If the file was changed, or can no longer be examined.
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

    /// The first block of the file, or all of a shorter file.
    pub(super) fn beginning(&self) -> Result<Vec<u8>, ReadError> {
        let read = || {
            let mut block = vec![0; BLOCK_BYTES];
            let count = fill(&mut self.rewound()?, &mut block)?;
            block.truncate(count);
            Ok(block)
        };
        read().map_err(|trouble: Trouble| trouble.at(&self.name, 1))
    }

    /// Finds out whether every byte of the file is UTF-8.
    pub(super) fn utf8(&self) -> Result<Utf8, ReadError> {
        let read = || {
            let mut file = self.rewound()?;
            let mut utf8 = Utf8Check::default();
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let count = fill(&mut file, &mut buffer)?;
                utf8.add(buffer.get(..count).unwrap_or_default());
                check(&file, self.stamp)?;
                if count == 0 {
                    return Ok(utf8.finish());
                }
            }
        };
        read().map_err(|trouble: Trouble| trouble.at(&self.name, 1))
    }

    /// The SHA-256 of the file, by a reading of its own.
    pub(super) fn sha256(&self) -> Result<Sha256Sum, ReadError> {
        let read = || {
            let mut file = self.rewound()?;
            let mut hash = Sha256::new();
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let count = fill(&mut file, &mut buffer)?;
                hash.update(buffer.get(..count).unwrap_or_default());
                check(&file, self.stamp)?;
                if count == 0 {
                    return Ok(Sha256Sum(hash.finalize().into()));
                }
            }
        };
        read().map_err(|trouble: Trouble| trouble.at(&self.name, 1))
    }

    /// The bytes of the file after a byte-order mark of this length. Only one such reader can be used at a time,
    /// because they share the handle.
    pub(super) fn bytes_behind(&self, mark_bytes: usize) -> Result<Bytes, ReadError> {
        let open = || {
            let (file, stamp) = (self.rewound()?, self.stamp);
            let ledger = Ledger::new(self.blocks.clone());
            let mut bytes = FileBytes { file, stamp, ledger, block: vec![0; BLOCK_BYTES], from: 0, to: 0 };
            bytes.refill()?;
            bytes.from = mark_bytes.min(bytes.to);
            Ok(Bytes::File(Box::new(bytes)))
        };
        open().map_err(|trouble: Trouble| trouble.at(&self.name, 1))
    }

    /// Keeps what a complete reading has recorded, provided that it saw the same bytes as the earlier checks.
    pub(super) fn keep(&mut self, read: Bytes, beginning: &[u8], utf8: Utf8) -> Result<Fingerprint, ReadError> {
        let changed = || Trouble::Changed.at(&self.name, 1);
        let Bytes::File(read) = read else { return Err(changed()) };
        let (blocks, read_utf8) = read.ledger.finish();
        if read_utf8 != utf8 || !blocks.begins_with(beginning) {
            return Err(changed());
        }
        let fingerprint =
            Fingerprint { sha256: Sha256Sum(blocks.sha256()), bytes: self.stamp.bytes, modified: self.stamp.modified };
        self.blocks = Some(blocks);
        Ok(fingerprint)
    }

    fn rewound(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

fn check(file: &File, stamp: Stamp) -> Result<(), Trouble> {
    if Stamp::of(file)? == stamp { Ok(()) } else { Err(Trouble::Changed) }
}

/// Reads until the buffer is full or the source ends.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match read_some(source, room)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Reads what is available now, and repeats if a signal interrupts.
fn read_some(source: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// The bytes of an input, in order.
pub(super) enum Bytes {
    File(Box<FileBytes>),
    Stream(Box<dyn Read + Send>),
}

/// The bytes of a file, block by block.
pub(super) struct FileBytes {
    file: File,
    stamp: Stamp,
    ledger: Ledger,
    /// The current block; its bytes from `from` to `to` are still to be returned.
    block: Vec<u8>,
    from: usize,
    to: usize,
}

impl FileBytes {
    /// Returns bytes of blocks that have not changed.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        if self.from == self.to {
            self.refill()?;
        }
        let rest = self.block.get(self.from..self.to).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(room), Some(bytes)) = (buffer.get_mut(..count), rest.get(..count)) {
            room.copy_from_slice(bytes);
        }
        self.from += count;
        Ok(count)
    }

    fn refill(&mut self) -> Result<(), Trouble> {
        self.from = 0;
        self.to = fill(&mut self.file, &mut self.block)?;
        check(&self.file, self.stamp)?;
        let block = self.block.get(..self.to).unwrap_or_default();
        let is_as_it_was = if block.is_empty() { self.ledger.may_end() } else { self.ledger.add(block) };
        if is_as_it_was {
            Ok(())
        } else {
            self.to = 0;
            Err(Trouble::Changed)
        }
    }
}

/// What can go wrong below the level of lines.
#[derive(Debug)]
pub(super) enum Trouble {
    Io(io::Error),
    Changed,
    Malformed(Fault),
}

impl Bytes {
    /// Reads what is available now, but waits for the first byte; returns 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stream(stream) => Ok(read_some(stream.as_mut(), buffer)?),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    /// Adds the name of the input and the line.
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
            Self::File(_) => "Bytes::File",
            Self::Stream(_) => "Bytes::Stream",
        })
    }
}

/// What identifies an input file in a later run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// The SHA-256 of all its bytes.
    pub sha256: Sha256Sum,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last changed, if the system knows.
    pub modified: Option<SystemTime>,
}
