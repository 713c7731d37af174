//! iMocha's own lists of invitations, by state: what a list call asks for, and how its answer is read (source: iMocha's
//! documentation, "Retrieve Invites").
//!
//! A list can be long, so it is read as a stream, and only the numbers of the invitations are kept. A list that is not
//! whole, or not in the documented form, is not used at all.

use std::fmt;
use std::io::{self, Read};

use jiff::{SignedDuration, Timestamp};
use serde::de::{SeqAccess, Visitor};
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

    /// The state that an entry's `testStatus` names, if it names one of these.
    fn of_entry(status: &str) -> Option<EntryState> {
        let key: String = status.chars().filter(|character| character.is_alphabetic()).collect();
        Some(match key.to_lowercase().as_str() {
            "cancelled" | "canceled" => EntryState::Listed(Self::Cancelled),
            "complete" | "completed" | "testleft" | "terminated" => EntryState::Listed(Self::Completed),
            "expired" => EntryState::Listed(Self::Expired),
            "pending" | "inprogress" => EntryState::Open,
            _ => return None,
        })
    }
}

/// What an entry says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryState {
    Listed(ListedState),
    /// Pending or in progress: it is in no list, and does not belong into this one.
    Open,
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

    /// How long it is.
    pub fn length(self) -> SignedDuration {
        self.until.duration_since(self.since)
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
}

/// Why a list cannot be used.
#[derive(Debug, Error)]
pub enum ListFault {
    /// It ended before it was whole.
    #[error("it was cut off")]
    Cut(#[source] io::Error),
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
        let answer: ListBody = serde_json::from_reader(answer).map_err(ListFault::of)?;
        if let Some(errors) = answer.errors.filter(|errors| !errors.is_empty()) {
            let texts: Vec<String> = errors.iter().map(error_text).collect();
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
        Ok(Self { ids, entries: count })
    }
}

impl ListFault {
    fn of(error: serde_json::Error) -> Self {
        if error.is_io() || error.is_eof() { Self::Cut(error.into()) } else { Self::Malformed(error.to_string()) }
    }
}

/// One entry of the `errors` of an answer: a text, or an object that holds one.
fn error_text(error: &serde_json::Value) -> String {
    let text = error.as_str().or_else(|| error.get("message")?.as_str());
    text.map_or_else(|| error.to_string(), str::to_owned)
}

/// The documented answer. A field that stands in it twice is an error.
#[derive(Deserialize)]
struct ListBody {
    result: Option<ListResult>,
    errors: Option<Vec<serde_json::Value>>,
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
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Listing, ListFault> {
        Listing::read(text.as_bytes(), ListedState::Cancelled)
    }

    fn ids(entries: &str) -> Vec<u64> {
        read(&format!(r#"{{"errors":null,"result":{{"testAttempts":[{entries}]}},"more":[1]}}"#)).unwrap().ids
    }

    #[test]
    fn numbers_are_kept_in_order_and_once() {
        assert_eq!(ids(""), [0_u64; 0]);
        assert_eq!(
            ids(
                r#"{"testInvitationId":7,"name":"May \"x\"","testId":1},{"testInvitationId":" 3 "},{"testInvitationId":7}"#
            ),
            [3, 7]
        );
    }

    #[test]
    fn an_entry_that_names_another_state_is_not_evidence() {
        let entry = |id: u64, status: &str| format!(r#"{{"testInvitationId":{id},"testStatus":"{status}"}}"#);
        let entries = [
            entry(1, "Cancelled"),
            entry(2, "canceled"),
            entry(3, "Pending"),
            entry(4, "In progress"),
            entry(5, "Test Left"),
            entry(6, "Expired"),
            entry(7, "Withdrawn"),
        ];
        assert_eq!(ids(&entries.join(",")), [1, 2, 7], "a word that nobody knows speaks against nothing");
    }

    #[test]
    fn an_answer_in_any_other_form_is_not_used() {
        for text in [
            "{}",
            "null",
            "[]",
            "\"ok\"",
            r#"{"result":null,"errors":null}"#,
            r#"{"result":[],"errors":null}"#,
            r#"{"result":{"testAttempts":null}}"#,
            r#"{"result":{"testAttempts":{}}}"#,
            r#"{"result":{"attempts":[]}}"#,
            r#"{"result":{"testAttempts":[1]}}"#,
            r#"{"result":{"testAttempts":[{"id":1}]}}"#,
            r#"{"result":{"testAttempts":[{"testInvitationId":0}]}}"#,
            r#"{"result":{"testAttempts":[{"testInvitationId":-1}]}}"#,
            r#"{"result":{"testAttempts":[{"testInvitationId":1.5}]}}"#,
            r#"{"result":{"testAttempts":[{"testInvitationId":"+1"}]}}"#,
            r#"{"result":{"testAttempts":[{"testInvitationId":"12a"}]}}"#,
            r#"{"result":{"testAttempts":[{"testInvitationId":9223372036854775808}]}}"#,
            r#"{"result":{"testAttempts":[]},"result":{"testAttempts":[]}}"#,
            r#"{"result":{"testAttempts":[]}} trailing"#,
            "<html>busy</html>",
        ] {
            assert!(matches!(read(text), Err(ListFault::Malformed(_))), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn a_list_that_is_cut_anywhere_is_not_used() {
        let whole = r#"{"result":{"testAttempts":[{"testInvitationId":12,"testStatus":"Cancelled"}]},"errors":null}"#;
        assert_eq!(read(whole).unwrap().ids, [12]);
        for length in 0..whole.len() {
            let cut = Listing::read(&whole.as_bytes()[..length], ListedState::Cancelled);
            assert!(matches!(cut, Err(ListFault::Cut(_))), "{length}");
        }
    }

    #[test]
    fn errors_say_why_there_is_no_list() {
        let refused = |text| match read(text) {
            Err(ListFault::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            refused(r#"{"result":null,"errors":["too long a window",{"message":"sorry"}]}"#),
            "too long a window; sorry"
        );
        assert_eq!(refused(r#"{"result":{"testAttempts":[]},"errors":[{"code":7}]}"#), r#"{"code":7}"#);
    }

    #[test]
    fn a_window_is_whole_seconds_and_lies_around_its_moments() {
        let window =
            ListingWindow::new("2026-01-02T03:04:05.9Z".parse().unwrap(), "2026-01-02T03:04:06.1Z".parse().unwrap());
        assert_eq!(window.body(), r#"{"StartDateTime":"2026-01-02T03:04:05Z","EndDateTime":"2026-01-02T03:04:07Z"}"#);
        let exact =
            ListingWindow::new("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(exact.since, exact.until);
    }
}
