//! The answers of the simulated API, in the shapes and words that iMocha documents.
//!
//! This file only writes them. [`api`](super::api) decides who gets which.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::invitations::InvitationState;

/// What iMocha says, as documented, when it refuses to cancel: the same for every state.
const NOT_CANCELLABLE: &str = "Testinvitation state in inprogress, complete, and expired can not be cancelled.";

/// The IDs of the tests that the sandbox's account has. They are invented.
const TESTS: [u64; 3] = [1001, 1002, 1003];

const GIVEN_NAMES: [&str; 8] = ["Asha", "Bruno", "Chen", "Dalia", "Emeka", "Freya", "Goran", "Hana"];
const FAMILY_NAMES: [&str; 8] = ["Ito", "Kowalski", "Larsen", "Mehta", "Nkosi", "Okafor", "Petrov", "Quispe"];

/// An answer that reports an error. The call that it answers decides which of two shapes it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorAnswer {
    status: StatusCode,
    message: Cow<'static, str>,
    retry_after: Option<HeaderValue>,
}

impl ErrorAnswer {
    fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message: Cow::Borrowed(message), retry_after: None }
    }

    /// The call itself is wrong: 400.
    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), retry_after: None }
    }

    /// The invitation is in a state in which it cannot be cancelled: 400.
    pub(super) fn not_cancellable() -> Self {
        Self::new(StatusCode::BAD_REQUEST, NOT_CANCELLABLE)
    }

    /// The key is missing or wrong: 401.
    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The x-api-key is missing or not valid.")
    }

    /// The key has no permission for this: 403.
    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "This key has no permission for the operation on this invitation.")
    }

    /// The path, or the invitation in it, does not exist: 404.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "The resource does not exist.")
    }

    /// The path exists, but does not take this method: 405.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "The resource does not take this method.")
    }

    /// The body is longer than any call to this API needs: 413.
    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The body of the request is too large.")
    }

    /// Too many calls: 429, with this as `Retry-After`.
    pub(super) fn too_many(retry_after: Option<HeaderValue>) -> Self {
        let answer = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests.");
        Self { retry_after, ..answer }
    }

    /// The server failed: 500.
    pub(super) fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server. Contact support.")
    }

    /// The shape of most calls: `{"statusCode":…,"message":…}`.
    pub(super) fn with_status_code(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "statusCode")]
            status_code: u16,
            message: &'a str,
        }
        self.respond(&Body { status_code: self.status.as_u16(), message: &self.message })
    }

    /// The shape of the lists: `{"result":null,"errors":[…]}`.
    pub(super) fn with_errors(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            result: (),
            errors: [&'a str; 1],
        }
        self.respond(&Body { result: (), errors: [&self.message] })
    }

    fn respond(&self, body: &impl Serialize) -> Response {
        let mut response = (self.status, Json(body)).into_response();
        if let Some(retry_after) = &self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after.clone());
        }
        response
    }
}

/// The header that marks an answer as simulated.
const SIMULATED: HeaderName = HeaderName::from_static("x-simulated");

/// The same answer, marked as simulated.
pub(super) fn simulated(mut response: Response) -> Response {
    response.headers_mut().insert(SIMULATED, HeaderValue::from_static("imocha-cancel sandbox"));
    response
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

/// A list of these invitations, which are in these states.
pub(super) fn list(invitations: Vec<(u64, InvitationState)>) -> Response {
    #[derive(Serialize)]
    struct Body {
        result: TestAttempts,
        errors: (),
    }
    #[derive(Serialize)]
    struct TestAttempts {
        #[serde(rename = "testAttempts")]
        test_attempts: Vec<TestAttempt>,
    }
    let test_attempts = invitations.into_iter().map(|(invitation, state)| TestAttempt::of(invitation, state)).collect();
    Json(Body { result: TestAttempts { test_attempts }, errors: () }).into_response()
}

/// One invitation in a list. The candidate is invented: the ID alone decides name and address.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestAttempt {
    test_invitation_id: u64,
    test_id: u64,
    name: String,
    email: String,
    #[serde(rename = "invitationtype")]
    invitation_type: &'static str,
    test_status: &'static str,
}

impl TestAttempt {
    fn of(invitation: u64, state: InvitationState) -> Self {
        let given = pick(&GIVEN_NAMES, invitation);
        let family = pick(&FAMILY_NAMES, invitation / 8);
        Self {
            test_invitation_id: invitation,
            test_id: pick(&TESTS, invitation),
            name: format!("{given} {family}"),
            email: format!("candidate.{invitation}@example.com"),
            invitation_type: "api",
            test_status: match state {
                InvitationState::Pending => "Pending",
                InvitationState::InProgress => "In Progress",
                InvitationState::Complete => "Completed",
                InvitationState::Expired => "Expired",
                InvitationState::Canceled => "Cancelled",
                InvitationState::TestLeft => "Test Left",
                InvitationState::Terminated => "Terminated",
            },
        }
    }
}

/// A page of the account's tests (from 1), and how many tests there are on all pages together.
pub(super) fn tests(page: usize, page_size: usize) -> Response {
    #[derive(Serialize)]
    struct Body {
        tests: Vec<Test>,
        count: usize,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Test {
        test_id: u64,
        test_name: String,
    }
    let first = page.saturating_sub(1).saturating_mul(page_size);
    let tests = TESTS.iter().skip(first).take(page_size);
    let tests = tests.map(|id| Test { test_id: *id, test_name: format!("Sandbox test {id}") }).collect();
    Json(Body { tests, count: TESTS.len() }).into_response()
}

/// One of the choices: the same one each time for the same number.
fn pick<T: Copy + Default>(choices: &[T], number: u64) -> T {
    let index = u64::try_from(choices.len()).ok().and_then(|length| number.checked_rem(length));
    let choice = index.and_then(|index| choices.get(usize::try_from(index).ok()?));
    choice.copied().unwrap_or_default()
}
