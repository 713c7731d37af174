//! What an answer means. One pure function, [`judge`], holds the table of the contract: it sees one attempt's reply or
//! failure and says how the row stands. It has no clock, no socket and no file.
//!
//! The direction of doubt is fixed: only an answer that names this very invitation and says that it is cancelled counts
//! as a cancellation, and only what certainly never left this machine counts as not sent.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use thiserror::Error;

use crate::invitation::InvitationId;
use crate::outcome::{Effect, Status, Stop, StopReason};
use crate::text::Scrubber;

/// An answer of the API to one attempt.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub http_status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether that is all of the body.
    pub body_end: BodyEnd,
    /// How long the server asked to wait, if it did so in a way that can be read.
    pub retry_after: Option<Duration>,
}

/// How the reading of an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end.
    Complete,
    /// It was longer than what is read of any answer.
    TooLong,
    /// The connection broke, or the time was up, before its end.
    Lost,
}

/// An attempt that brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct Failure {
    /// Whether the request can have reached the API.
    pub sent: Sent,
    /// What happened, as a lowercase fragment. It can hold text from outside, and is cleaned before it is shown.
    pub what: String,
}

/// Whether a request can have left this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Certainly not.
    No,
    /// It may have, so it may have taken effect.
    Maybe,
}

/// How a row stands after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The status of the row, should this have been its last attempt.
    pub status: Status,
    /// The HTTP status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// One line for a person; empty when the invitation was cancelled.
    pub error: String,
    /// What comes next.
    pub next: Next,
    /// Whether a call for the row may have taken effect without saying so: this one or an earlier one.
    pub effect: Effect,
}

/// What comes after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The row has ended.
    End,
    /// Another attempt may bring another answer.
    Again(Setback),
    /// The row has ended, and no further call may be made for any row.
    Stop(Stop),
}

/// Why another attempt is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The API asked for fewer calls (429), and perhaps for how long.
    Limited(Option<Duration>),
    /// The API failed, or was not there.
    Failed,
}

/// Judges one attempt to cancel `id`, when an `earlier` one may have taken effect without saying so. Text from the
/// server passes through `scrubber`.
///
/// Tried again are 429, 5xx and calls without an answer, and nothing else: only these speak of the moment and not of the
/// call (source: iMocha's documentation, "Error Code"), and a second cancel changes nothing (source: "Cancel
/// Invitation").
pub fn judge(id: InvitationId, answer: &Result<Reply, Failure>, earlier: Effect, scrubber: &Scrubber) -> Verdict {
    let verdict = match answer {
        Ok(reply) => judge_reply(id, reply, scrubber),
        Err(failure) => judge_failure(failure, scrubber),
    };
    match earlier {
        Effect::None => verdict,
        Effect::Possible => in_doubt(verdict),
    }
}

/// A verdict on an attempt after one that may have been sent. Answers that settle it for this invitation stand; a refusal
/// may be our own doing, and what is tried again later does not lift the doubt.
fn in_doubt(verdict: Verdict) -> Verdict {
    let stands = match verdict.status {
        Status::Cancelled | Status::NotFound | Status::Unconfirmed | Status::ServerError => true,
        Status::NotCancellable
        | Status::Forbidden
        | Status::Unauthorized
        | Status::RateLimited
        | Status::Unreachable
        | Status::UnexpectedResponse
        | Status::InvalidId
        | Status::Duplicate
        | Status::Filtered
        | Status::NotAttempted => false,
    };
    if stands {
        return Verdict { effect: Effect::Possible, ..verdict };
    }
    let error =
        format!("an earlier call may have cancelled it, so look it up in iMocha; the last answer: {}", verdict.error);
    Verdict { status: Status::Unconfirmed, error, effect: Effect::Possible, ..verdict }
}

fn judge_failure(failure: &Failure, scrubber: &Scrubber) -> Verdict {
    let what = scrubber.harmless(&failure.what);
    let (status, error) = match failure.sent {
        Sent::No => (Status::Unreachable, format!("not sent: {what}")),
        Sent::Maybe => (
            Status::Unconfirmed,
            format!("sent, but without an answer ({what}): it may be cancelled, so look it up in iMocha"),
        ),
    };
    Verdict { status, http_status: None, error, next: Next::Again(Setback::Failed), effect: status.effect() }
}

fn judge_reply(id: InvitationId, reply: &Reply, scrubber: &Scrubber) -> Verdict {
    let status = match reply.http_status {
        200..=299 => return judge_success(id, reply, scrubber),
        400 => Status::NotCancellable,
        401 => Status::Unauthorized,
        403 => Status::Forbidden,
        404 => Status::NotFound,
        429 => Status::RateLimited,
        500..=599 => Status::ServerError,
        _ => Status::UnexpectedResponse,
    };
    let message = server_message(reply, scrubber).unwrap_or_else(|| meaning(status).to_owned());
    let error = format!("HTTP {}: {message}", reply.http_status);
    let next = match status {
        Status::Unauthorized => {
            let detail = format!("iMocha rejected the API key ({error})");
            Next::Stop(Stop { reason: StopReason::Unauthorized, detail })
        }
        Status::RateLimited => Next::Again(Setback::Limited(reply.retry_after)),
        Status::ServerError => Next::Again(Setback::Failed),
        _ => Next::End,
    };
    Verdict { status, http_status: Some(reply.http_status), error, next, effect: status.effect() }
}

/// How long a `Retry-After` asks to wait, seen at `now`: a number of seconds or a date (source: RFC 9110, section
/// 10.2.3). `None` for anything else; a date that is over asks for no wait.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than can be counted are still a number: it asks to wait for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

/// What to tell a person when the server gives no message of its own.
fn meaning(status: Status) -> &'static str {
    match status {
        Status::NotCancellable => "iMocha refused; usually the invitation is no longer pending",
        Status::Unauthorized => "the API key is not valid, or the subscription has expired",
        Status::Forbidden => "the API key may not cancel this invitation",
        Status::NotFound => "there is no such invitation",
        Status::RateLimited => "too many calls, or the quota is used up",
        Status::ServerError => "iMocha failed; it may or may not have cancelled",
        Status::Cancelled
        | Status::Unreachable
        | Status::Unconfirmed
        | Status::UnexpectedResponse
        | Status::InvalidId
        | Status::Duplicate
        | Status::Filtered
        | Status::NotAttempted => "an answer that iMocha does not document",
    }
}

/// A 2xx: a cancellation if it is the documented answer for this very invitation, and in doubt otherwise.
fn judge_success(id: InvitationId, reply: &Reply, scrubber: &Scrubber) -> Verdict {
    let http_status = Some(reply.http_status);
    let Some(doubt) = doubt_about(id, reply, scrubber) else {
        let error = String::new();
        return Verdict { status: Status::Cancelled, http_status, error, next: Next::End, effect: Effect::None };
    };
    let error = format!("HTTP {}, but {doubt}: it may be cancelled, so look it up in iMocha", reply.http_status);
    Verdict { status: Status::Unconfirmed, http_status, error, next: Next::End, effect: Effect::Possible }
}

/// Why a 2xx does not confirm the cancellation of `id`, or `None` when it does.
fn doubt_about(id: InvitationId, reply: &Reply, scrubber: &Scrubber) -> Option<String> {
    if reply.http_status != 200 {
        return Some("only 200 confirms a cancellation".to_owned());
    }
    match reply.body_end {
        BodyEnd::Complete => {}
        BodyEnd::TooLong => return Some("the answer is too long to be the documented one".to_owned()),
        BodyEnd::Lost => return Some("the rest of the answer was lost".to_owned()),
    }
    let Some(confirmation) = Confirmation::parse(&reply.body) else {
        return Some("the answer is not the documented one".to_owned());
    };
    if !confirmation.names(id) {
        return Some("the answer does not name this invitation".to_owned());
    }
    let status = confirmation.status.trim();
    if !status.eq_ignore_ascii_case("cancelled") && !status.eq_ignore_ascii_case("canceled") {
        return Some(format!("its status is \"{}\"", scrubber.harmless(status)));
    }
    None
}

/// The documented answer to a cancellation. A field that stands twice is an error, so that the second cannot quietly
/// overrule the first.
#[derive(Deserialize)]
struct Confirmation<'a> {
    #[serde(rename = "testInvitationId", borrow)]
    id: ConfirmedId<'a>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// The ID in an answer: the documentation shows a number, the page on cancelling leaves room for a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum ConfirmedId<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl<'a> Confirmation<'a> {
    /// Reads the answer, if it is one JSON object with these fields. The brace is checked by hand because serde would
    /// take a list for a struct.
    fn parse(body: &'a [u8]) -> Option<Self> {
        let text = without_byte_order_mark(body).trim_ascii_start();
        if text.starts_with(b"{") { serde_json::from_slice(text).ok() } else { None }
    }

    fn names(&self, id: InvitationId) -> bool {
        match &self.id {
            ConfirmedId::Number(number) => *number == id.get(),
            ConfirmedId::Text(text) => text.trim() == id.to_string(),
        }
    }
}

/// An error's body, in any of the documented shapes.
#[derive(Deserialize)]
struct ErrorBody {
    message: Option<String>,
    errors: Option<Vec<serde_json::Value>>,
}

/// What the server says in a refusal, harmless, or `None` where it says nothing that a person could use (no body, a
/// gateway's HTML page).
fn server_message(reply: &Reply, scrubber: &Scrubber) -> Option<String> {
    let body: ErrorBody = serde_json::from_slice(without_byte_order_mark(&reply.body)).ok()?;
    let message = body.message.or_else(|| {
        let errors: Vec<String> = body.errors?.iter().filter_map(error_text).collect();
        Some(errors.join("; "))
    })?;
    Some(scrubber.harmless(&message)).filter(|message| !message.is_empty())
}

/// One entry of an `errors` list: a string, or an object with a message.
fn error_text(error: &serde_json::Value) -> Option<String> {
    error.as_str().or_else(|| error.get("message")?.as_str()).map(str::to_owned)
}

fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
mod tests;
