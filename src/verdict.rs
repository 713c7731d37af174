//! Decides what an answer means. One pure function, [`judge`], holds the table of the contract: it gets the reply or
//! failure of one attempt and returns the state of the row. It has no clock, no socket and no file.
//!
//! In doubt, it always assumes the worse. A row counts as cancelled only if an answer names this very invitation and
//! says that it is cancelled. A row counts as not sent only if the call certainly never left this machine.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

use crate::invitation::InvitationId;
use crate::outcome::{Effect, Status, Stop, StopReason};
use crate::reply::{BodyEnd, Failure, Reply, Sent};
use crate::text::Scrubber;

/// The state of a row after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The status of the row, if this is its last attempt.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// One line for the user about the last call that may have left; empty if the invitation was cancelled.
    pub error: String,
    /// Why later calls could not be sent, if there were any.
    pub unsent: Option<String>,
    /// What to do next.
    pub next: Next,
    /// Whether a call for the row, this one or an earlier one, may have taken effect without a confirmation.
    pub effect: Effect,
}

/// The text between the two halves of [`Verdict::text`].
const UNSENT: &str = "; then a call could not be sent: ";

impl Verdict {
    /// What is known about a row that a later run tries again: the status and the error in its results.
    pub fn of_earlier_run(status: Status, http_status: Option<u16>, error: &str) -> Self {
        // That a call could not be sent then no longer matters.
        let error = error.split(UNSENT).next().unwrap_or_default().to_owned();
        Self { status, http_status, error, unsent: None, next: Next::End, effect: status.effect() }
    }

    /// What is known about a row without a result that an earlier run may have sent.
    pub fn in_doubt() -> Self {
        let error = "an earlier run may have cancelled it, so look it up in iMocha";
        Self::of_earlier_run(Status::Unconfirmed, None, error)
    }

    /// What is known about a row whose call was in flight when this program panicked.
    pub fn of_broken_program() -> Self {
        let error = "this program broke after the call was sent: it may be cancelled, so look it up in iMocha";
        Self::of_earlier_run(Status::Unconfirmed, None, error)
    }

    /// The one line for the user.
    pub fn text(&self) -> String {
        match &self.unsent {
            None => self.error.clone(),
            Some(unsent) => format!("{}{UNSENT}{unsent}", self.error),
        }
    }

    /// Makes a verdict on a call, with the effect that its status implies.
    fn new(status: Status, http_status: Option<u16>, error: String, next: Next) -> Self {
        Self { status, http_status, error, unsent: None, next, effect: status.effect() }
    }
}

/// What to do after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The row has ended.
    End,
    /// Try again: another attempt may have another result.
    Again(Setback),
    /// The row has ended, and no further call may be made for any row.
    Stop(Stop),
}

/// Why another attempt makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The API asked for fewer calls (429, or 503 with a time to wait); with the time, if it gave one.
    Limited(Option<Duration>),
    /// The API failed, or gave no answer.
    Failed,
    /// No connection could be made.
    Unreachable,
}

/// Judges one attempt to cancel `id`; `earlier` is the state of the row before it. Text from the server passes through
/// `scrubber`.
///
/// Only 429, 5xx and calls without an answer are tried again: only these are about the moment, not about the call
/// (source: iMocha's documentation, "Error Code"), and a second cancel changes nothing (source: "Cancel Invitation").
pub fn judge(
    id: InvitationId,
    answer: &Result<Reply, Failure>,
    earlier: Option<&Verdict>,
    scrubber: &Scrubber,
) -> Verdict {
    let verdict = match answer {
        Ok(reply) => judge_reply(id, reply, scrubber),
        Err(Failure { sent: Sent::No, what }) => return judge_unsent(scrubber.harmless(what), earlier),
        Err(Failure { sent: Sent::Maybe, what }) => judge_lost(&scrubber.harmless(what), earlier),
    };
    match earlier.map_or(Effect::None, |earlier| earlier.effect) {
        Effect::None => verdict,
        Effect::Possible => in_doubt(verdict),
    }
}

/// Changes a verdict if an earlier attempt may have taken effect. Four statuses stand: they either settle what happened
/// to this invitation or leave the doubt themselves. Any other answer does not: a refusal may be due to our own earlier
/// call, and an answer that is tried again later does not remove the doubt.
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

/// A call that never left does not change the state that earlier calls left.
fn judge_unsent(what: String, earlier: Option<&Verdict>) -> Verdict {
    let next = Next::Again(Setback::Unreachable);
    match earlier.filter(|earlier| earlier.status != Status::Unreachable) {
        Some(earlier) => Verdict { unsent: Some(what), next, ..earlier.clone() },
        None => Verdict::new(Status::Unreachable, None, format!("not sent: {what}"), next),
    }
}

/// A call that may have left but has no answer. The HTTP status is still that of the last call with an answer.
fn judge_lost(what: &str, earlier: Option<&Verdict>) -> Verdict {
    let error = format!("sent, but without an answer ({what}): it may be cancelled, so look it up in iMocha");
    let http_status = earlier.and_then(|earlier| earlier.http_status);
    Verdict::new(Status::Unconfirmed, http_status, error, Next::Again(Setback::Failed))
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
        // Only a busy API says when to try again (source: RFC 9110, section 15.6.4).
        Status::ServerError if reply.http_status == 503 && reply.retry_after.is_some() => {
            Next::Again(Setback::Limited(reply.retry_after))
        }
        Status::ServerError => Next::Again(Setback::Failed),
        _ => Next::End,
    };
    Verdict::new(status, Some(reply.http_status), error, next)
}

/// The message for the user if the server gives none.
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

/// Judges a 2xx: it is a cancellation if it is the documented answer for this very invitation, and in doubt otherwise.
fn judge_success(id: InvitationId, reply: &Reply, scrubber: &Scrubber) -> Verdict {
    let http_status = Some(reply.http_status);
    let Some(doubt) = doubt_about(id, reply, scrubber) else {
        return Verdict::new(Status::Cancelled, http_status, String::new(), Next::End);
    };
    let error = format!("HTTP {}, but {doubt}: it may be cancelled, so look it up in iMocha", reply.http_status);
    Verdict::new(Status::Unconfirmed, http_status, error, Next::End)
}

/// Why a 2xx does not confirm the cancellation of `id`, or `None` if it does.
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

/// The documented answer to a cancellation. A repeated field is an error, so that the second cannot silently replace
/// the first.
#[derive(Deserialize)]
struct Confirmation<'a> {
    #[serde(rename = "testInvitationId", borrow)]
    id: ConfirmedId<'a>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

/// The ID in an answer: the documentation shows a number, but its page on cancelling also allows a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum ConfirmedId<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl<'a> Confirmation<'a> {
    /// Reads the answer, if it is one JSON object with these fields. The brace is checked by hand, because serde would
    /// also read a list into this struct.
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

/// The server's message in a refusal, made harmless, or `None` if it has nothing that helps a person (no body, a
/// gateway's HTML page).
pub fn server_message(reply: &Reply, scrubber: &Scrubber) -> Option<String> {
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
