//! What can go wrong with one call on purpose, and the answers that the sandbox then gives.
//!
//! This file owns the faults themselves. Which calls they are for is decided in [`rule`](super::rule), and `api`
//! carries them out.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::call_subject::CallSubject;
use crate::sandbox::connection::Hangup;
use crate::sandbox::delivery::Delivery;

/// Something that goes wrong with a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CallFault {
    /// The answer is held back for this time.
    Slow(Duration),
    /// The answer's body ends after this many bytes, or after half of them where no number is given.
    Truncate(Option<usize>),
    /// Something else comes in place of the answer.
    Instead {
        /// What comes.
        instead: Instead,
        /// Whether the call takes effect.
        applied: Applied,
    },
}

/// What comes in place of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Instead {
    /// Another answer.
    Answer(CannedAnswer),
    /// A TCP RST.
    Reset,
    /// A TCP FIN.
    Close,
    /// Nothing, and the connection stays open.
    Hang,
    /// These bytes, which are not HTTP, and then a TCP FIN.
    Garbage(Vec<u8>),
}

/// Whether a call that does not get its answer takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It takes effect, unless it would not have without the fault either.
    Yes,
    /// It does not.
    No,
}

/// An answer from the file of faults. It is the same for each call, except for the IDs in its body where the call is
/// for an invitation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CannedAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body; `{id}` stands for the invitation that a cancel call is for, and `{other_id}` for the next number.
    pub(super) body: String,
}

impl Instead {
    /// What the caller gets to see when the call is for this.
    pub(crate) fn delivery_to(&self, subject: CallSubject) -> Delivery {
        match self {
            Self::Answer(answer) => Delivery::Answer(answer.respond(subject)),
            Self::Reset => Delivery::End(Hangup::Reset),
            Self::Close => Delivery::End(Hangup::Send(Vec::new())),
            Self::Hang => Delivery::Silence,
            Self::Garbage(bytes) => Delivery::End(Hangup::Send(bytes.clone())),
        }
    }
}

impl CannedAnswer {
    /// The answer to a call for this.
    fn respond(&self, subject: CallSubject) -> Response {
        let body = match subject {
            CallSubject::Invitation(invitation) => self.body_for(invitation),
            CallSubject::List(_) => self.body.clone(),
        };
        let mut response = (self.status, body).into_response();
        *response.headers_mut() = self.headers.clone();
        response
    }

    fn body_for(&self, invitation: u64) -> String {
        let other = invitation.checked_add(1).unwrap_or(1);
        self.body.replace("{id}", &invitation.to_string()).replace("{other_id}", &other.to_string())
    }
}
