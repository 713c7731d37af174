//! iMocha's own lists of invitations, by state: what a list call asks for, and how its answer is read (source: iMocha's
//! documentation, "Retrieve Invites").
//!
//! A list can be long, so it is read as a stream, and only the numbers of the invitations are kept. A list that is not
//! whole, or not in the documented form, is not used at all.

use std::fmt;
use std::io::{self, Read};

use jiff::Timestamp;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use strum::{IntoStaticStr, VariantArray};
use thiserror::Error;

use crate::invitation::InvitationId;

/// The states by which iMocha lists invitations. There is no list of those that are pending or in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ListedState {
    /// Cancelled, by whoever it was.
    Cancelled,
    /// Completed, left or terminated.
    Completed,
    /// Expired.
    Expired,
}

impl ListedState {
    /// Each of them, in the order in which they are asked for.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word that the call carries.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// The state that an entry's `testStatus` names; `None` where it names none.
    fn of_entry(status: &str) -> Option<EntryState> {
        let letters: String = status.chars().filter(|character| character.is_alphabetic()).collect();
        let word = letters.to_lowercase();
        let word = ["test", "invitation", "link"].iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(&word);
        Some(match word {
            "" => return None,
            "cancelled" | "canceled" => EntryState::Listed(Self::Cancelled),
            "complete" | "completed" | "left" | "terminated" => EntryState::Listed(Self::Completed),
            "expired" => EntryState::Listed(Self::Expired),
            _ => EntryState::Other,
        })
    }
}

/// What an entry says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryState {
    Listed(ListedState),
    /// Another state, such as pending, or a word that nobody knows: it does not belong into this list.
    Other,
}

/// The time for which a list is asked. Which of an invitation's dates has to lie in it is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListingWindow {
    /// The first moment, a whole second.
    pub since: Timestamp,
    /// The last moment, a whole second.
    pub until: Timestamp,
}

impl ListingWindow {
    /// The window from one moment to another, widened to whole seconds: the API takes no others.
    pub fn new(since: Timestamp, until: Timestamp) -> Self {
        let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
        let has_fraction = until.subsec_nanosecond() > 0;
        let until = Timestamp::from_second(until.as_second() + i64::from(has_fraction)).unwrap_or(until);
        Self { since, until }
    }

    /// The part of this window before the other one begins.
    #[must_use]
    pub fn before(self, other: Self) -> Self {
        Self { until: other.since, ..self }
    }

    /// The body of a list call for this window.
    pub fn body(self) -> String {
        format!(r#"{{"StartDateTime":"{}","EndDateTime":"{}"}}"#, second(self.since), second(self.until))
    }
}

/// A moment as the API writes it: `YYYY-MM-ddTHH:mm:ssZ`.
fn second(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The most entries of one list: beyond that, the memory that a list takes would no longer be small (chosen by us:
/// forty times what a large hiring round has).
const MOST_ENTRIES: usize = 2_000_000;

/// The invitations of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The invitations, in order, each once.
    pub ids: Vec<u64>,
    /// How many entries the answer had. One that names a state of another list is among them, and not among `ids`.
    pub entries: u64,
    /// Whether iMocha says that there is no such list (404).
    pub is_absent: bool,
}

/// The longest text in a list, in bytes: a name, an address. Chosen by us: a text without an end must not fill the memory.
const LONGEST_TEXT: usize = 64 * 1024;

/// JSON whose texts are of a bounded length. The parser keeps each text until it ends.
struct BoundedTexts<R> {
    json: R,
    /// How long the present text is so far, and whether its next character is escaped; `None` outside of texts.
    text: Option<(usize, bool)>,
}

impl<R: Read> Read for BoundedTexts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.json.read(buffer)?;
        for &byte in buffer.iter().take(read) {
            self.text = match (self.text, byte) {
                (None, b'"') => Some((0, false)),
                (None, _) | (Some((_, false)), b'"') => None,
                (Some((length, _)), _) if length == LONGEST_TEXT => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a text in it has no end"));
                }
                (Some((length, is_escaped)), byte) => Some((length + 1, byte == b'\\' && !is_escaped)),
            };
        }
        Ok(read)
    }
}

/// Why a list cannot be used.
#[derive(Debug, Error)]
pub enum ListFault {
    /// It ended before it was whole.
    #[error("it was cut off ({0})")]
    Cut(io::Error),
    /// It is not in the documented form.
    #[error("it is not in the documented form ({0})")]
    Malformed(String),
    /// iMocha says why there is no list. Its own words, as they came: to be cleaned before anybody sees them.
    #[error("{0}")]
    Refused(String),
}

impl Listing {
    /// Reads the answer to a call for the list of `state`.
    ///
    /// # Errors
    ///
    /// When the answer is not whole, not in the documented form, or says that there is no list.
    pub fn read(answer: impl Read, state: ListedState) -> Result<Self, ListFault> {
        let answer = io::BufReader::new(BoundedTexts { json: answer, text: None });
        let answer: ListBody = serde_json::from_reader(answer).map_err(ListFault::of)?;
        if let Some(Errors(texts)) = answer.errors.filter(|Errors(texts)| !texts.is_empty()) {
            return Err(ListFault::Refused(texts.join("; ")));
        }
        let Some(Attempts(entries)) = answer.result.map(|result| result.attempts) else {
            return Err(ListFault::Malformed("there is no list in it".to_owned()));
        };
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let belongs = |said: Option<EntryState>| said.is_none_or(|said| said == EntryState::Listed(state));
        let mut ids: Vec<u64> = entries.into_iter().filter(|(_, said)| belongs(*said)).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self { ids, entries: count, is_absent: false })
    }
}

impl ListFault {
    fn of(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(io::ErrorKind::InvalidData) => Self::Malformed(error.to_string()),
            Some(_) => Self::Cut(error.into()),
            None if error.is_eof() => Self::Cut(io::Error::new(io::ErrorKind::UnexpectedEof, "its end is missing")),
            None => Self::Malformed(error.to_string()),
        }
    }
}

/// The documented answer. A field that stands in it twice is an error.
#[derive(Deserialize)]
struct ListBody {
    result: Option<ListResult>,
    errors: Option<Errors>,
}

/// The first texts of the `errors` of an answer.
struct Errors(Vec<String>);

/// The most of them that are kept: more than a person would read.
const MOST_ERRORS: usize = 20;

impl<'de> Deserialize<'de> for Errors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ErrorsVisitor)
    }
}

struct ErrorsVisitor;

impl<'de> Visitor<'de> for ErrorsVisitor {
    type Value = Errors;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of errors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut errors: A) -> Result<Errors, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MOST_ERRORS {
            match errors.next_element::<ErrorEntry>()? {
                Some(error) => kept.push(error.text()),
                None => return Ok(Errors(kept)),
            }
        }
        while errors.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Errors(kept))
    }
}

/// One of the errors: a text, or an object that holds one. Of anything else only that it is there is told.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorEntry {
    Text(String),
    Object { message: String },
    Other(IgnoredAny),
}

impl ErrorEntry {
    fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Object { message: text } => text,
            Self::Other(_) => "an error without a text".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct ListResult {
    #[serde(rename = "testAttempts")]
    attempts: Attempts,
}

/// The entries: of each, its number and what it says of its state.
struct Attempts(Vec<(u64, Option<EntryState>)>);

impl<'de> Deserialize<'de> for Attempts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AttemptsVisitor)
    }
}

struct AttemptsVisitor;

impl<'de> Visitor<'de> for AttemptsVisitor {
    type Value = Attempts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of invitations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Attempts, A::Error> {
        let mut kept = Vec::new();
        while let Some(ListEntry { id: EntryId(id), status }) = entries.next_element()? {
            if kept.len() == MOST_ENTRIES {
                return Err(serde::de::Error::custom(format!("more than {MOST_ENTRIES} entries")));
            }
            kept.push((id, status.as_deref().and_then(ListedState::of_entry)));
        }
        Ok(Attempts(kept))
    }
}

#[derive(Deserialize)]
struct ListEntry {
    #[serde(rename = "testInvitationId")]
    id: EntryId,
    #[serde(rename = "testStatus", default)]
    status: Option<String>,
}

/// The number of an invitation: a number, or the number as a string.
struct EntryId(u64);

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryIdVisitor)
    }
}

struct EntryIdVisitor;

impl Visitor<'_> for EntryIdVisitor {
    type Value = EntryId;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the number of an invitation")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<EntryId, E> {
        let id = InvitationId::new(number).ok_or_else(|| E::custom("a number that is not an invitation's"))?;
        Ok(EntryId(id.get()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EntryId, E> {
        let digits = text.trim();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(E::custom("a text that is not an invitation's number"));
        }
        self.visit_u64(digits.parse().map_err(E::custom)?)
    }
}

#[cfg(test)]
mod tests;
