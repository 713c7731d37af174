//! Records the hashes of a file's blocks during the survey, so that every later reading can be compared with them.
//!
//! For each block, it keeps the SHA-256 of all bytes up to the end of that block. So the last of these hashes is the
//! fingerprint of the whole file. To recognise every block costs 32 bytes a block, and no second hash.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The length of every block except the last: large enough that a hash at its end costs nothing measurable, small
/// enough that a change is noticed within a few thousand rows (chosen by us).
pub(super) const BLOCK_BYTES: usize = 64 * 1024;

/// Whether all bytes of an input are UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Utf8 {
    /// All are.
    Whole,
    /// Some are not.
    Broken,
    /// Unknown, because it is a stream.
    Unknown,
}

/// The SHA-256 of a file up to the end of each of its blocks.
#[derive(Debug, Clone)]
pub(super) struct Blocks(Arc<[[u8; 32]]>);

impl Blocks {
    /// The SHA-256 of the whole file.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.0.last().copied().unwrap_or_else(|| Sha256::digest([]).into())
    }

    /// Whether the file begins with these bytes, which are its first block.
    pub(super) fn begins_with(&self, first_block: &[u8]) -> bool {
        self.0.first().copied().unwrap_or_else(|| self.sha256()) == <[u8; 32]>::from(Sha256::digest(first_block))
    }
}

/// Records blocks as they are read, and compares them with the blocks of an earlier reading.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    hash: Sha256,
    taken: Vec<[u8; 32]>,
    utf8: Utf8Check,
    known: Option<Blocks>,
}

impl Ledger {
    /// Begins to read a file whose blocks are `known` from an earlier reading, or not.
    pub(super) fn new(known: Option<Blocks>) -> Self {
        Self { known, ..Self::default() }
    }

    /// Records a block. Returns false if it differs from the known block at this place.
    pub(super) fn add(&mut self, block: &[u8]) -> bool {
        self.hash.update(block);
        let digest = self.hash.clone().finalize().into();
        let is_known = self.known.as_ref().is_none_or(|known| known.0.get(self.taken.len()) == Some(&digest));
        if self.known.is_none() {
            self.utf8.add(block);
        }
        self.taken.push(digest);
        is_known
    }

    /// Whether the file may end here: a known file must have as many blocks as before.
    pub(super) fn may_end(&self) -> bool {
        self.known.as_ref().is_none_or(|known| known.0.len() == self.taken.len())
    }

    /// Returns what was recorded.
    pub(super) fn finish(self) -> (Blocks, Utf8) {
        (Blocks(self.taken.into()), self.utf8.finish())
    }
}

/// Checks whether bytes that come in pieces are UTF-8.
#[derive(Debug, Clone, Default)]
pub(super) struct Utf8Check {
    /// The beginning of a character that continues in the next piece: at most three bytes.
    kept: Vec<u8>,
    is_broken: bool,
}

impl Utf8Check {
    /// Checks the next piece.
    pub(super) fn add(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !self.kept.is_empty() && !self.is_broken {
            let Some((first, behind)) = rest.split_first() else { return };
            self.kept.push(*first);
            rest = behind;
            self.look_at_kept();
        }
        if !self.is_broken {
            match incomplete_end(rest) {
                Some(count) => self.kept.extend(rest.iter().skip(rest.len() - count)),
                None => self.is_broken = true,
            }
        }
    }

    fn look_at_kept(&mut self) {
        match incomplete_end(&self.kept) {
            Some(0) => self.kept.clear(),
            Some(_) => {}
            None => self.is_broken = true,
        }
    }

    /// The result, after all bytes were checked.
    pub(super) fn finish(self) -> Utf8 {
        if self.is_broken || !self.kept.is_empty() { Utf8::Broken } else { Utf8::Whole }
    }
}

/// How many bytes at the end are the beginning of a character; `None` if the bytes are not UTF-8.
fn incomplete_end(bytes: &[u8]) -> Option<usize> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Some(0),
        Err(error) => error.error_len().is_none().then(|| bytes.len() - error.valid_up_to()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8_wherever_it_is_cut() {
        let check = |bytes: &[u8], at: usize, more: usize| {
            let mut check = Utf8Check::default();
            let (first, rest) = bytes.split_at(at);
            let (second, third) = rest.split_at(more);
            for piece in [first, second, third] {
                check.add(piece);
            }
            check.finish()
        };
        let text = "é山𐍈x".as_bytes();
        for at in 0..text.len() {
            for more in 0..text.len() - at {
                assert_eq!(check(text, at, more), Utf8::Whole);
                assert_eq!(check(&text[..text.len() - 2], at.min(3), more.min(3)), Utf8::Broken);
                assert_eq!(check(b"a\xe9bcdefghijkl", at, more), Utf8::Broken);
            }
        }
    }

    #[test]
    fn a_block_is_known_by_its_bytes_and_its_place() {
        let mut survey = Ledger::new(None);
        assert!(survey.add(b"one") && survey.add(b"two"));
        let (blocks, _) = survey.finish();
        assert_eq!(blocks.sha256(), <[u8; 32]>::from(Sha256::digest("onetwo")));
        assert!(blocks.begins_with(b"one") && !blocks.begins_with(b"two"));
        let mut again = Ledger::new(Some(blocks.clone()));
        assert!(again.add(b"one") && !again.may_end());
        assert!(again.add(b"two") && again.may_end());
        assert!(!again.add(b""));
        assert!(!Ledger::new(Some(blocks)).add(b"two"));
    }
}
