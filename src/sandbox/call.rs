//! A request that was received, and what was decided about it.
//!
//! [`api`](super::api) makes the decisions; both together are what the record has to know.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::HeaderName;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::answer::ErrorAnswer;
use super::connection::Connection;
use super::delivery::Delivery;
use super::invitations::InvitationState;
use super::rate_gate::Passage;
use super::record::{Arrival, FaultDone, SentKey};

/// A request that was received completely.
pub(super) struct Call {
    pub(super) when: Instant,
    pub(super) head: Parts,
    pub(super) body: Bytes,
    pub(super) key: SentKey,
    /// What it holds while it is in flight, once it was let through.
    pub(super) passage: OnceLock<Passage>,
}

impl Call {
    /// The body as a JSON object, or the answer that says why it is none. The header `Content-Type` must say that it is
    /// JSON.
    pub(super) fn json_object(&self) -> Result<Map<String, Value>, ErrorAnswer> {
        let content_type = self.header(&CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(ErrorAnswer::malformed("The Content-Type must be application/json."));
        }
        let object = serde_json::from_slice(&self.body);
        object.map_err(|error| ErrorAnswer::malformed(format!("The body must be a JSON object: {error}.")))
    }

    /// The parameters of the query; none when it cannot be read.
    pub(super) fn parameters(&self) -> HashMap<String, String> {
        Query::try_from_uri(&self.head.uri).map(|Query(parameters)| parameters).unwrap_or_default()
    }

    /// The connection that it came on.
    pub(super) fn connection(&self) -> Option<&Connection> {
        self.head.extensions.get()
    }

    /// Notes that it was let through.
    pub(super) fn hold(&self, passage: Passage) {
        self.passage.get_or_init(|| passage);
    }

    /// What the record says about it.
    pub(super) fn arrival(&self, decision: &Decision) -> Arrival {
        Arrival {
            when: self.when,
            method: self.head.method.to_string(),
            path: self.head.uri.to_string(),
            key: self.key,
            content_type: self.header(&CONTENT_TYPE),
            user_agent: self.header(&USER_AGENT),
            accept_encoding: self.header(&ACCEPT_ENCODING),
            body: self.body.to_vec(),
            invitation: decision.invitation,
            status: decision.delivery.status(),
            before: decision.before,
            after: decision.after,
            fault: decision.fault,
        }
    }

    fn header(&self, name: &HeaderName) -> Option<String> {
        self.head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

/// What was decided about a request.
pub(super) struct Decision {
    pub(super) delivery: Delivery,
    /// How long it is held back, in addition to the latency of every answer.
    pub(super) delay: Duration,
    pub(super) invitation: Option<u64>,
    pub(super) before: Option<InvitationState>,
    pub(super) after: Option<InvitationState>,
    pub(super) fault: Option<FaultDone>,
    /// The outages that must have begun before the caller gets an answer.
    pub(super) outages: Vec<oneshot::Receiver<()>>,
}

impl From<Response> for Decision {
    fn from(response: Response) -> Self {
        Self {
            delivery: Delivery::Answer(response),
            delay: Duration::ZERO,
            invitation: None,
            before: None,
            after: None,
            fault: None,
            outages: Vec::new(),
        }
    }
}
