//! The first look at a whole file: its SHA-256, and whether every byte of it is UTF-8.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::encoding::Utf8;
use super::fault::ReadError;
use super::source::{CHUNK_BYTES, InputFile};

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

    /// Reads the file from beginning to end.
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
