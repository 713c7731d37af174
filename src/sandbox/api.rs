//! The simulated API itself: which call gets which answer.
//!
//! One pipeline for every request (receive, decide, note down, hold back, answer) and one small decision for each path.
//! Everything between the receipt and the note happens in one go, so that the record tells the true order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::{self, Refusal};
use super::invitations::{self, Effect, Invitations, Verdict};
use super::limiter::Limiter;
use super::mishap::Mishaps;
use super::options::{Options, Recording};
use super::record::{Arrival, Recorder, SentKey};

/// The longest body that is read, in bytes. Chosen by us: the calls that exist need less than a hundredth of it.
const BODY_BOUND: usize = 64 * 1024;

/// The API's state and its manners, shared by all requests.
#[derive(Debug)]
pub(super) struct Api {
    key: String,
    latency: Duration,
    limiter: Option<Limiter>,
    invitations: Invitations,
    recorder: Option<Recorder>,
}

impl Api {
    /// An API that behaves as the options say.
    pub(super) fn new(options: Options) -> Self {
        Self {
            key: options.api_key,
            latency: options.latency,
            limiter: options.rate_limit.and_then(Limiter::new),
            invitations: Invitations::new(Mishaps::new(options.error_rate, options.seed)),
            recorder: match options.recording {
                Recording::On => Some(Recorder::default()),
                Recording::Off => None,
            },
        }
    }

    /// The key that opens it.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The truth about the invitations.
    pub(super) const fn invitations(&self) -> &Invitations {
        &self.invitations
    }

    /// The witness, if there is one.
    pub(super) const fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Takes one request through the pipeline; `decide` answers it.
    async fn attend(&self, request: Request, decide: impl FnOnce(&Call) -> Decision) -> Response {
        let _in_flight = self.recorder().map(Recorder::enter);
        let when = Instant::now();
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_BOUND).await else {
            // Or the caller has gone in the middle of it; then this answer goes nowhere.
            return Refusal::too_large().with_status_code();
        };
        let key = self.judge_key(&head);
        let call = Call { when, head, body, key };
        let decision = decide(&call);
        if let Some(recorder) = self.recorder() {
            recorder.keep(call.arrival(&decision));
        }
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        decision.response
    }

    fn judge_key(&self, head: &Parts) -> SentKey {
        match head.headers.get("x-api-key") {
            None => SentKey::Missing,
            Some(key) if key.as_bytes() == self.key.as_bytes() => SentKey::Right,
            Some(_) => SentKey::Wrong,
        }
    }

    /// Lets a call in: first the key, then the rate.
    fn admit(&self, call: &Call) -> Result<(), Refusal> {
        if call.key != SentKey::Right {
            return Err(Refusal::unauthorized());
        }
        match &self.limiter {
            Some(limiter) => limiter.admit().map_err(Refusal::too_many),
            None => Ok(()),
        }
    }

    fn cancel(&self, named: Option<u64>, call: &Call) -> Decision {
        let invitation = match self.accept_cancel(named, call) {
            Ok(invitation) => invitation,
            Err(refusal) => {
                return Decision { response: refusal.with_status_code(), invitation: named, effect: None };
            }
        };
        let effect = self.invitations.cancel(invitation);
        let response = match effect.verdict {
            Verdict::Cancelled => answer::cancelled(invitation),
            Verdict::Refused => Refusal::not_cancellable().with_status_code(),
            Verdict::Forbidden => Refusal::forbidden().with_status_code(),
            Verdict::Missing => Refusal::not_found().with_status_code(),
            Verdict::Failed => Refusal::failed().with_status_code(),
        };
        Decision { response, invitation: Some(invitation), effect: Some(effect) }
    }

    /// The invitation that a cancel call is for, if everything about the call itself is right.
    fn accept_cancel(&self, named: Option<u64>, call: &Call) -> Result<u64, Refusal> {
        self.admit(call)?;
        let invitation = named.ok_or_else(Refusal::not_found)?;
        call.json_object()?;
        Ok(invitation)
    }

    fn list(&self, call: &Call) -> Result<Response, Refusal> {
        self.admit(call)?;
        let window = Window::of(call.json_object()?)?;
        let invitations = match call.parameters().get("state").map(String::as_str) {
            Some("cancelled") => self.invitations.cancelled_between(window.start, window.end),
            // Nobody sits a test here, and nothing expires: no invitation ever came into these states at some time.
            Some("completed" | "expired") => Vec::new(),
            _ => {
                return Err(Refusal::malformed("The state must be completed, cancelled or expired."));
            }
        };
        Ok(answer::cancelled_invitations(&invitations))
    }

    fn tests(&self, call: &Call) -> Result<Response, Refusal> {
        self.admit(call)?;
        let parameters = call.parameters();
        let number = |name: &str, default: usize| match parameters.get(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Ok(number),
                Ok(_) | Err(_) => Err(Refusal::malformed(format!("{name} must be a positive number."))),
            },
        };
        Ok(answer::tests(number("pageNo", 1)?, number("pageSize", 10)?))
    }
}

/// A request that was received whole.
struct Call {
    when: Instant,
    head: Parts,
    body: Bytes,
    key: SentKey,
}

impl Call {
    /// The body, if it is what its header must say it is: a JSON object.
    fn json_object(&self) -> Result<Map<String, Value>, Refusal> {
        let content_type = self.header(&CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::malformed("The Content-Type must be application/json."));
        }
        let object = serde_json::from_slice(&self.body);
        object.map_err(|error| Refusal::malformed(format!("The body must be a JSON object: {error}.")))
    }

    /// The parameters of the query, none where it cannot be read.
    fn parameters(&self) -> HashMap<String, String> {
        Query::try_from_uri(&self.head.uri).map(|Query(parameters)| parameters).unwrap_or_default()
    }

    fn header(&self, name: &axum::http::HeaderName) -> Option<String> {
        self.head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    fn arrival(&self, decision: &Decision) -> Arrival {
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
            status: decision.response.status().as_u16(),
            before: decision.effect.and_then(|effect| effect.before),
            after: decision.effect.and_then(|effect| effect.after),
        }
    }
}

/// What is answered, and what the record has to know about it.
struct Decision {
    response: Response,
    invitation: Option<u64>,
    effect: Option<Effect>,
}

impl From<Response> for Decision {
    fn from(response: Response) -> Self {
        Self { response, invitation: None, effect: None }
    }
}

/// From when until when a list goes.
struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    fn of(object: Map<String, Value>) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Bounds {
            #[serde(rename = "StartDateTime")]
            start: String,
            #[serde(rename = "EndDateTime")]
            end: String,
        }
        let bounds: Bounds = serde_json::from_value(Value::Object(object))
            .map_err(|error| Refusal::malformed(format!("StartDateTime and EndDateTime are needed: {error}.")))?;
        let window = Self { start: instant(&bounds.start)?, end: instant(&bounds.end)? };
        if window.start > window.end {
            return Err(Refusal::malformed("StartDateTime is after EndDateTime."));
        }
        Ok(window)
    }
}

/// Reads `YYYY-MM-ddTHH:mm:ssZ` and nothing else: a spelling that reads back as another one is not the documented one.
fn instant(text: &str) -> Result<Timestamp, Refusal> {
    let instant = text.parse().ok().filter(|instant: &Timestamp| instant.to_string() == text && text.len() == 20);
    instant.ok_or_else(|| Refusal::malformed(format!("{text} is not a time like 2020-03-20T16:00:00Z.")))
}

/// The paths of the API.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v3/invitations/{id}/cancel", post(cancel))
        .route("/v3/candidates/testattempts", post(list))
        .route("/v3/tests", get(tests))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
        .with_state(api)
}

async fn cancel(State(api): State<Arc<Api>>, id: Result<Path<String>, PathRejection>, request: Request) -> Response {
    let invitation = id.ok().and_then(|Path(text)| invitations::parse_id(&text));
    api.attend(request, |call| api.cancel(invitation, call)).await
}

async fn list(State(api): State<Arc<Api>>, request: Request) -> Response {
    api.attend(request, |call| api.list(call).unwrap_or_else(Refusal::with_errors).into()).await
}

async fn tests(State(api): State<Arc<Api>>, request: Request) -> Response {
    api.attend(request, |call| api.tests(call).unwrap_or_else(Refusal::with_status_code).into()).await
}

async fn not_allowed(State(api): State<Arc<Api>>, request: Request) -> Response {
    api.attend(request, |_| Refusal::method_not_allowed().with_status_code().into()).await
}

async fn not_found(State(api): State<Arc<Api>>, request: Request) -> Response {
    api.attend(request, |_| Refusal::not_found().with_status_code().into()).await
}
