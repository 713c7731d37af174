//! The simulated API itself: which call gets which answer.
//!
//! Every request goes the same way: it is received, decided upon, recorded, held back and answered. What differs is the
//! decision, of which there is one for each path. A request is decided upon and recorded without a pause in which
//! another one could come in between, so the order of the record is the order in which calls took effect.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};

use super::answer::{self, ErrorAnswer};
use super::call::{Call, Decision};
use super::delivery::Delivery;
use super::faults::{Applied, CallFault, CallSubject, Interference, Outages};
use super::invitations::{self, CancelResult, Invitations};
use super::list_keeper::ListKeeper;
use super::list_kind::ListKind;
use super::list_window;
use super::options::{Options, Recording};
use super::rate_gate::RateGate;
use super::record::{FaultDone, SentKey};
use super::record_file::RecordFile;
use super::record_keeper::RecordKeeper;
use super::server_errors::ServerErrors;

/// The longest body that is read, in bytes. Chosen by us: the calls of the API need less than a hundredth of it.
const BODY_BOUND: usize = 64 * 1024;

/// Whether the error rate may fail a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorChance {
    /// It may, and counts the call.
    AsTheRateSays,
    /// It does not.
    None,
}

/// The state of the simulated API, which all requests share.
#[derive(Debug)]
pub(super) struct SandboxApi {
    key: String,
    latency: Duration,
    rate_gate: Option<RateGate>,
    invitations: Invitations,
    lists: ListKeeper,
    interference: Interference,
    record_keeper: Option<RecordKeeper>,
    record_file: Option<RecordFile>,
}

impl SandboxApi {
    /// An API that behaves as the options say, and the outages among its faults, which the server carries out.
    ///
    /// # Errors
    ///
    /// When the file for the record cannot be created.
    pub(super) fn new(options: Options) -> io::Result<(Self, Outages)> {
        let (interference, outages) = Interference::new(options.faults, options.seed);
        let server_errors = ServerErrors::new(options.error_rate, options.seed);
        let api = Self {
            key: options.api_key,
            latency: options.latency,
            rate_gate: options.rate_limit.map(RateGate::new),
            invitations: Invitations::new(server_errors),
            lists: ListKeeper::new(options.list_date, options.list_delay, options.list_page, server_errors),
            interference,
            record_keeper: match options.recording {
                Recording::On => Some(RecordKeeper::default()),
                Recording::Off => None,
            },
            record_file: options.record.as_deref().map(RecordFile::create).transpose()?,
        };
        Ok((api, outages))
    }

    /// The key that callers must send.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The true state of the invitations.
    pub(super) const fn invitations(&self) -> &Invitations {
        &self.invitations
    }

    /// The keeper of the record in memory; `None` when none is kept.
    pub(super) const fn record_keeper(&self) -> Option<&RecordKeeper> {
        self.record_keeper.as_ref()
    }

    /// Receives a request, has `decide` decide how to answer it, records it, and answers.
    async fn attend(&self, request: Request, decide: impl FnOnce(&Call) -> Decision) -> Response {
        let _in_flight = self.record_keeper().map(RecordKeeper::enter);
        let when = Instant::now();
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, BODY_BOUND).await else {
            // The body is too long. Or the caller closed the connection before its end: then this answer is not sent.
            return ErrorAnswer::too_large().with_status_code();
        };
        let key = self.judge_key(&head);
        let call = Call { when, head, body, key, passage: OnceLock::new() };
        let mut decision = decide(&call);
        self.keep(&call, &decision);
        for begun in std::mem::take(&mut decision.outages) {
            // The server drops the other end when the outage has begun.
            drop(begun.await);
        }
        let delay = self.latency.saturating_add(decision.delay);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        decision.delivery.deliver(call.connection()).await
    }

    /// Records the request, in the file first: a test that waits for the request in memory then finds it in the file
    /// too.
    fn keep(&self, call: &Call, decision: &Decision) {
        if self.record_keeper.is_none() && self.record_file.is_none() {
            return;
        }
        let arrival = call.arrival(decision);
        if let Some(record_file) = &self.record_file {
            record_file.keep(&arrival);
        }
        if let Some(keeper) = &self.record_keeper {
            keeper.keep(arrival);
        }
    }

    fn judge_key(&self, head: &Parts) -> SentKey {
        match head.headers.get("x-api-key") {
            None => SentKey::Missing,
            Some(key) if key.as_bytes() == self.key.as_bytes() => SentKey::Right,
            Some(_) => SentKey::Wrong,
        }
    }

    /// Lets a call in when it has the right key and is within the rate limit.
    fn admit(&self, call: &Call) -> Result<(), ErrorAnswer> {
        if call.key != SentKey::Right {
            return Err(ErrorAnswer::unauthorized());
        }
        if let Some(gate) = &self.rate_gate {
            call.hold(gate.admit().map_err(ErrorAnswer::too_many)?);
        }
        Ok(())
    }

    fn cancel(&self, named: Option<u64>, call: &Call) -> Decision {
        let Some(invitation) = named else {
            let error = self.admit(call).err().unwrap_or_else(ErrorAnswer::not_found);
            return error.with_status_code().into();
        };
        self.invitations.note_named(invitation);
        let before = self.invitations.state_of(invitation);
        let subject = CallSubject::Invitation(invitation);
        let decision = self.disrupted(subject, call, |chance| self.answer_cancel(invitation, call, chance));
        Decision { invitation: Some(invitation), before, after: self.invitations.state_of(invitation), ..decision }
    }

    fn list(&self, call: &Call) -> Decision {
        let named = call.parameters().get("state").and_then(|word| ListKind::named(word));
        let Some(kind) = named else {
            let wrong = || ErrorAnswer::malformed("The state must be completed, cancelled or expired.");
            return self.admit(call).err().unwrap_or_else(wrong).with_errors().into();
        };
        self.disrupted(CallSubject::List(kind), call, |chance| {
            self.answer_list(kind, call, chance).unwrap_or_else(ErrorAnswer::with_errors)
        })
    }

    /// Decides on a call that the faults may be for. `answer` answers it, and carries out what it asks for.
    fn disrupted(&self, subject: CallSubject, call: &Call, answer: impl Fn(ErrorChance) -> Response) -> Decision {
        let disruption = self.interference.count_call(subject, call.when);
        let mut delay = Duration::ZERO;
        let delivery = match disruption.rule.map(|rule| &rule.fault) {
            None => Delivery::Answer(answer(ErrorChance::AsTheRateSays)),
            Some(CallFault::Slow(by)) => {
                delay = *by;
                Delivery::Answer(answer(ErrorChance::AsTheRateSays))
            }
            Some(CallFault::Truncate(bytes)) => Delivery::Truncated(answer(ErrorChance::None), *bytes),
            Some(CallFault::Instead { instead, applied }) => {
                match applied {
                    // The call takes effect; its answer is not sent.
                    Applied::Yes => drop(answer(ErrorChance::None)),
                    Applied::No => {}
                }
                instead.delivery_to(subject)
            }
        };
        Decision {
            delivery,
            delay,
            invitation: None,
            before: None,
            after: None,
            fault: disruption.rule.map(|rule| FaultDone { rule: rule.number, name: rule.name }),
            outages: disruption.outages,
        }
    }

    /// Answers a cancel call. It takes effect only if its key, its rate and its body are right.
    fn answer_cancel(&self, invitation: u64, call: &Call, chance: ErrorChance) -> Response {
        if let Err(error) = self.admit(call).and_then(|()| call.json_object()) {
            return error.with_status_code();
        }
        let result = match chance {
            ErrorChance::AsTheRateSays => self.invitations.cancel(invitation),
            ErrorChance::None => self.invitations.surely_cancel(invitation),
        };
        match result {
            CancelResult::Cancelled => answer::cancelled(invitation),
            CancelResult::Refused => ErrorAnswer::not_cancellable().with_status_code(),
            CancelResult::Forbidden => ErrorAnswer::forbidden().with_status_code(),
            CancelResult::Missing => ErrorAnswer::not_found().with_status_code(),
            CancelResult::Failed => ErrorAnswer::failed().with_status_code(),
        }
    }

    fn answer_list(&self, kind: ListKind, call: &Call, chance: ErrorChance) -> Result<Response, ErrorAnswer> {
        self.admit(call)?;
        let window = list_window::read(call.json_object()?)?;
        match chance {
            ErrorChance::AsTheRateSays if self.lists.fails(kind) => return Err(ErrorAnswer::failed()),
            ErrorChance::AsTheRateSays | ErrorChance::None => {}
        }
        Ok(answer::list(self.lists.entries(kind, &window, &self.invitations)))
    }

    fn tests(&self, call: &Call) -> Result<Response, ErrorAnswer> {
        self.admit(call)?;
        let parameters = call.parameters();
        let number = |name: &str, default: usize| match parameters.get(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Ok(number),
                Ok(_) | Err(_) => Err(ErrorAnswer::malformed(format!("{name} must be a positive number."))),
            },
        };
        Ok(answer::tests(number("pageNo", 1)?, number("pageSize", 10)?))
    }
}

/// The paths of the API.
pub(super) fn router(api: Arc<SandboxApi>) -> Router {
    Router::new()
        .route("/v3/invitations/{id}/cancel", post(cancel))
        .route("/v3/candidates/testattempts", post(list))
        .route("/v3/tests", get(tests))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
        .with_state(api)
}

async fn cancel(
    State(api): State<Arc<SandboxApi>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let invitation = id.ok().and_then(|Path(text)| invitations::parse_id(&text));
    api.attend(request, |call| api.cancel(invitation, call)).await
}

async fn list(State(api): State<Arc<SandboxApi>>, request: Request) -> Response {
    api.attend(request, |call| api.list(call)).await
}

async fn tests(State(api): State<Arc<SandboxApi>>, request: Request) -> Response {
    api.attend(request, |call| api.tests(call).unwrap_or_else(ErrorAnswer::with_status_code).into()).await
}

async fn not_allowed(State(api): State<Arc<SandboxApi>>, request: Request) -> Response {
    api.attend(request, |_| ErrorAnswer::method_not_allowed().with_status_code().into()).await
}

async fn not_found(State(api): State<Arc<SandboxApi>>, request: Request) -> Response {
    api.attend(request, |_| ErrorAnswer::not_found().with_status_code().into()).await
}
