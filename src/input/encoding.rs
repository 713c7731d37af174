//! Decides which encoding the input is in, and decodes it to UTF-8.
//!
//! A byte-order mark decides, even against `--encoding`, as in browsers: no text begins with one by chance. Without
//! either, a file is UTF-8 if all its bytes are, and else windows-1252 (which every byte sequence fits). A stream is
//! not known to its end, so it is read as UTF-8, and each row that is not UTF-8 as windows-1252. If bytes are invalid
//! in the given encoding, the reading ends, because the encoding must be a wrong one.

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, WINDOWS_1252};

use super::blocks::Utf8;
use super::fault::Fault;
use super::source::{Bytes, CHUNK_BYTES, Trouble};
use crate::error::{Cause, Refusal};
use crate::text::quoted;

/// Finds the encoding that `--encoding` names.
///
/// # Errors
///
/// If the label is not one of the WHATWG Encoding Standard, or names an encoding that cannot be decoded.
pub fn parse_encoding(label: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label_no_replacement(label.trim().as_bytes()).ok_or_else(|| {
        format!("unknown encoding {}: use a WHATWG label such as utf-8, windows-1252 or utf-16le", quoted(label))
    })
}

/// How the bytes of one input become text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoding {
    pub(super) encoding: &'static Encoding,
    /// The length in bytes of the byte-order mark, which is not text.
    pub(super) mark_bytes: usize,
    pub(super) way: Way,
}

/// How bytes become UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Not at all: the bytes are known to be UTF-8.
    AsTheyAre,
    /// A decoder converts them as they come.
    Decoded,
    /// They are assumed to be UTF-8, and each row that is not is decoded as windows-1252.
    RowByRow,
}

impl Decoding {
    /// For text that is decoded already, or that is examined before all of it is known.
    pub(super) const PREVIEWED: Self = Self { encoding: UTF_8, mark_bytes: 0, way: Way::RowByRow };

    /// Decides the encoding from the first bytes, the operator's `--encoding`, and whether all other bytes are known to
    /// be UTF-8.
    pub(super) fn settle(
        input: &str,
        sample: &[u8],
        given: Option<&'static Encoding>,
        utf8: Utf8,
    ) -> Result<Self, Refusal> {
        let mark = Encoding::for_bom(sample);
        if mark.is_none()
            && given.is_none()
            && let Some(label) = unmarked_utf_16(sample)
        {
            let message = format!("{input} looks like UTF-16 without a byte-order mark");
            return Err(Refusal::new(Cause::Input, message).hint(format!("say --encoding {label}")));
        }
        let (encoding, mark_bytes) = match (mark, given, utf8) {
            (Some(found), _, _) => found,
            (None, Some(given), _) => (given, 0),
            (None, None, Utf8::Broken) => (WINDOWS_1252, 0),
            (None, None, Utf8::Whole | Utf8::Unknown) => (UTF_8, 0),
        };
        let way = if encoding == UTF_8 && utf8 == Utf8::Whole {
            Way::AsTheyAre
        } else if utf8 == Utf8::Unknown && mark_bytes == 0 && given.is_none() {
            Way::RowByRow
        } else {
            Way::Decoded
        };
        Ok(Self { encoding, mark_bytes, way })
    }

    /// The fault for bytes that are invalid in this encoding. To name another encoding helps only if there is no
    /// byte-order mark, which would overrule it.
    fn undecodable(self) -> Fault {
        let encoding = self.encoding.name();
        if self.mark_bytes > 0 { Fault::BeliedMark { encoding } } else { Fault::Undecodable { encoding } }
    }

    /// Decodes the beginning of an input to examine it. A character that is cut off at its end does not matter.
    pub(super) fn preview(self, sample: &[u8]) -> Vec<u8> {
        let sample = sample.get(self.mark_bytes..).unwrap_or_default();
        match self.way {
            Way::AsTheyAre | Way::RowByRow => sample.to_vec(),
            Way::Decoded => self.encoding.decode_without_bom_handling(sample).0.into_owned().into_bytes(),
        }
    }
}

/// Recognises UTF-16 without a mark: in Latin letters and digits every other byte is zero.
fn unmarked_utf_16(sample: &[u8]) -> Option<&'static str> {
    /// How many pairs of bytes are examined: a header begins with at least this many ASCII characters (chosen by us).
    const PAIRS: usize = 32;
    let pairs: Vec<_> = sample.as_chunks::<2>().0.iter().take(PAIRS).collect();
    let little = pairs.iter().filter(|[first, second]| *first != 0 && *second == 0).count();
    let big = pairs.iter().filter(|[first, second]| *first == 0 && *second != 0).count();
    let most = |count: usize| pairs.len() > 1 && count * 4 > pairs.len() * 3;
    if most(little) {
        Some("utf-16le")
    } else if most(big) {
        Some("utf-16be")
    } else {
        None
    }
}

/// The text of an input as UTF-8, in order.
#[derive(Debug)]
pub(super) struct Text {
    bytes: Bytes,
    decoder: Option<Box<Pending>>,
}

/// Bytes that were read and have to be decoded.
struct Pending {
    decoder: Decoder,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    end: End,
    /// The fault if the bytes are invalid in this encoding.
    undecodable: Fault,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pending").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

/// How far the decoder has read its source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    OfBytes,
    OfText,
    BadBytes,
}

impl Text {
    /// `bytes` must begin after the byte-order mark.
    pub(super) fn new(bytes: Bytes, decoding: Decoding) -> Self {
        let decoder = (decoding.way == Way::Decoded).then(|| {
            let decoder = decoding.encoding.new_decoder_without_bom_handling();
            let undecodable = decoding.undecodable();
            Box::new(Pending { decoder, buffer: vec![0; CHUNK_BYTES], from: 0, to: 0, end: End::NotYet, undecodable })
        });
        Self { bytes, decoder }
    }

    /// Returns the underlying bytes, after the text was read to its end.
    pub(super) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Reads what is available now, but waits for the first character; returns 0 at the end. The buffer needs room for
    /// a few characters.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        match &mut self.decoder {
            None => self.bytes.read(buffer),
            Some(pending) => pending.read(&mut self.bytes, buffer),
        }
    }
}

impl Pending {
    fn read(&mut self, bytes: &mut Bytes, buffer: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            match self.end {
                End::OfText => return Ok(0),
                End::BadBytes => return Err(Trouble::Malformed(self.undecodable)),
                End::NotYet if self.from == self.to => {
                    self.from = 0;
                    self.to = bytes.read(&mut self.buffer)?;
                    self.end = if self.to == 0 { End::OfBytes } else { End::NotYet };
                }
                End::NotYet | End::OfBytes => {}
            }
            let source = self.buffer.get(self.from..self.to).unwrap_or_default();
            let last = self.end == End::OfBytes;
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(source, buffer, last);
            self.from += read;
            match result {
                DecoderResult::Malformed(..) => self.end = End::BadBytes,
                DecoderResult::InputEmpty if last => self.end = End::OfText,
                DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            }
            // Valid text before the invalid bytes is returned first, so that the error can name their line.
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_16BE, UTF_16LE};

    use super::*;

    #[test]
    fn an_encoding_has_its_usual_names_and_no_others() {
        assert_eq!(parse_encoding("latin1"), Ok(WINDOWS_1252));
        assert_eq!(parse_encoding(" UTF-16LE "), Ok(UTF_16LE));
        assert_eq!(parse_encoding("utf-16be"), Ok(UTF_16BE));
        assert!(parse_encoding("utf-7").is_err());
        assert!(parse_encoding("iso-2022-kr").unwrap_err().contains("WHATWG"));
    }

    #[test]
    fn zeros_in_every_other_byte_are_utf_16() {
        assert_eq!(unmarked_utf_16(b"i\0d\0\r\0\n\0"), Some("utf-16le"));
        assert_eq!(unmarked_utf_16(b"\0i\0d\0\r\0\n"), Some("utf-16be"));
        assert_eq!(unmarked_utf_16(b"id\r\n5\0\r\n"), None);
        assert_eq!(unmarked_utf_16(b"i\0"), None);
        assert_eq!(unmarked_utf_16(b""), None);
    }
}
