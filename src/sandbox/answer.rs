//! What the simulated API answers, in the shapes and words that iMocha documents.
//!
//! Only writing here. Who gets which answer is decided in [`api`](super::api).

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The documented words for a cancel that is refused, the same ones for every state.
const NOT_CANCELLABLE: &str =
    "Testinvitation state in inprogress, complete, and expired can not be cancelled.";

/// An answer other than success, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    message: Cow<'static, str>,
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message: Cow::Borrowed(message), retry_after_seconds: None }
    }

    /// The call itself is wrong: 400.
    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), retry_after_seconds: None }
    }

    /// The invitation is in a state in which it cannot be cancelled: 400.
    pub(super) fn not_cancellable() -> Self {
        Self::new(StatusCode::BAD_REQUEST, NOT_CANCELLABLE)
    }

    /// No key, or another one: 401.
    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The x-api-key is missing or not valid.")
    }

    /// The key does not reach so far: 403.
    pub(super) fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This key has no permission for the operation on this invitation.",
        )
    }

    /// No such thing: 404.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The resource does not exist.")
    }

    /// The path exists, but not for this method: 405.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "The resource does not take this method.")
    }

    /// More than a call to this API can need: 413.
    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The body of the request is too large.")
    }

    /// Too many calls: 429, with the whole seconds after which another one is let through.
    pub(super) fn too_many(retry_after_seconds: u64) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
        Self { retry_after_seconds: Some(retry_after_seconds), ..refusal }
    }

    /// The server failed: 500.
    pub(super) fn failed() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on the server. Contact support.",
        )
    }

    /// The shape: `{"statusCode":…,"message":…}`.
    pub(super) fn with_status_code(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "statusCode")]
            status_code: u16,
            message: &'a str,
        }
        self.respond(&Body { status_code: self.status.as_u16(), message: &self.message })
    }

    fn respond(&self, body: &impl Serialize) -> Response {
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The invitation is cancelled.
pub(super) fn cancelled(invitation: u64) -> Response {
    #[derive(Serialize)]
    struct Body {
        #[serde(rename = "testInvitationId")]
        test_invitation_id: u64,
        status: &'static str,
    }
    Json(Body { test_invitation_id: invitation, status: "cancelled" }).into_response()
}
