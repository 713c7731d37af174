//! What the sandbox can do wrong to one call, and the answers that it gives then.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::sandbox::connection::Hangup;
use crate::sandbox::delivery::Delivery;

/// Something that goes wrong with a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CallFault {
    /// The answer is held back for so long.
    Slow(Duration),
    /// Of the answer's body come only so many bytes, or half of them.
    Truncate(Option<usize>),
    /// Another thing happens than the answer.
    Instead {
        /// What happens.
        instead: Instead,
        /// Whether the call took effect before.
        applied: Applied,
    },
}

/// What happens instead of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Instead {
    /// Another answer.
    Answer(CannedAnswer),
    /// The connection is reset.
    Reset,
    /// The connection is closed.
    Close,
    /// Nothing.
    Hang,
    /// Bytes that are not HTTP, and then the connection is closed.
    Garbage(Vec<u8>),
}

/// Whether a call that goes wrong takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It does, as far as it would have without the fault.
    Yes,
    /// It does not.
    No,
}

/// An answer that is the same for each call but for the ID in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CannedAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body; `{id}` stands for the invitation that the call is for, and `{other_id}` for the one after it.
    pub(super) body: String,
}

impl Instead {
    /// The reply to a call for this invitation.
    pub(crate) fn delivery_to(&self, invitation: u64) -> Delivery {
        match self {
            Self::Answer(answer) => Delivery::Answer(answer.respond(invitation)),
            Self::Reset => Delivery::End(Hangup::Reset),
            Self::Close => Delivery::End(Hangup::Send(Vec::new())),
            Self::Hang => Delivery::Silence,
            Self::Garbage(bytes) => Delivery::End(Hangup::Send(bytes.clone())),
        }
    }
}

impl CannedAnswer {
    /// The answer to a call for this invitation.
    fn respond(&self, invitation: u64) -> Response {
        let other = invitation.checked_add(1).unwrap_or(1);
        let body = self.body.replace("{id}", &invitation.to_string()).replace("{other_id}", &other.to_string());
        let mut response = (self.status, body).into_response();
        *response.headers_mut() = self.headers.clone();
        response
    }
}
