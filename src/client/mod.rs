//! Makes one attempt over HTTP: builds the documented call, sends it once, and reads the answer. It does not retry,
//! wait or judge; it only says whether a request without an answer may have left this machine.

mod list;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Body, Certificate, Method, Request, Response, retry, tls};
use url::Url;

pub use self::list::ListReply;

use crate::config::{ApiKey, BaseUrl, Config};
use crate::error::{Cause, Refusal};
use crate::invitation::InvitationId;
use crate::reply::{BodyEnd, Failure, Reply, Sent, retry_after};

/// The most bytes that are read of an answer. Documented answers have about a hundred. 64 KiB leave room for a
/// gateway's error page, and a hostile server cannot fill the memory.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The header that carries the key (source: iMocha's documentation, "Authentication Mechanism").
const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");
/// The header with which the sandbox says that it is a simulation.
const SIMULATED: HeaderName = HeaderName::from_static("x-simulated");
/// The name and version of this program.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
/// How long an idle connection is kept. If the server closes it just when a call starts, nobody knows whether the call
/// arrived. The shortest usual limit of servers is 5 s (Node's default), so ours is shorter.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The most time for making a connection. It must end well before the time-out of the whole attempt, whose error does
/// not say whether anything was sent.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls the API with one key, over a pool of connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    timeout: Duration,
    connect_timeout: Duration,
    /// Whether any answer said that it came from a simulation.
    is_simulated: Arc<AtomicBool>,
}

impl Client {
    /// Makes a client for the API at `config.base_url`. It trusts `extra_roots` besides the system's root certificates.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up, usually because the system has no root certificates or an extra one is broken.
    pub fn new(config: &Config, api_key: &ApiKey, extra_roots: Vec<Certificate>) -> Result<Self, Refusal> {
        let timeout = config.timeout.get();
        let connect_timeout = MAX_CONNECT_TIMEOUT.min(timeout / 2);
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers(api_key)?)
            .redirect(Policy::none())
            .referer(false)
            .retry(retry::never().max_retries_per_request(0))
            .http1_only()
            .tls_version_min(tls::Version::TLS_1_2)
            .timeout(timeout)
            .connect_timeout(connect_timeout)
            .pool_max_idle_per_host(config.concurrency.get())
            .pool_idle_timeout(IDLE_TIMEOUT);
        builder = if config.base_url.is_plain() {
            // Plain http is only for this machine. A proxy from the environment would send the key on unencrypted, and
            // root certificates are not needed.
            builder.no_proxy().tls_certs_only([])
        } else {
            builder.https_only(true).tls_certs_merge(extra_roots)
        };
        let http = builder.build().map_err(|error| {
            Refusal::new(Cause::Usage, "could not set up TLS")
                .hint(
                    "check the file given with --ca-file, and the system's root certificates (package ca-certificates)",
                )
                .caused_by(error)
        })?;
        Ok(Self { http, base_url: config.base_url.clone(), timeout, connect_timeout, is_simulated: Arc::default() })
    }

    /// Sends one call that cancels `id` (source: iMocha's documentation, "Cancel Invitation").
    ///
    /// # Errors
    ///
    /// If there is no answer; the failure says whether the request may have been sent.
    ///
    /// # Cancel safety
    ///
    /// Do not drop the future once it is polled: the request may have been sent.
    pub async fn cancel(&self, id: InvitationId) -> Result<Reply, Failure> {
        let mut request = Request::new(Method::POST, self.url(format_args!("/v3/invitations/{id}/cancel")));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(Body::from("{}"));
        self.send(request).await
    }

    /// Asks for one test of the account. This call changes nothing and shows whether the key is accepted (source:
    /// iMocha's documentation, "Tests").
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn list_one_test(&self) -> Result<Reply, Failure> {
        let mut url = self.url(format_args!("/v3/tests"));
        url.set_query(Some("pageNo=1&pageSize=1"));
        self.send(Request::new(Method::GET, url)).await
    }

    /// Whether any answer said that it came from a simulation, as the command `sandbox` serves it.
    pub fn is_simulated(&self) -> bool {
        self.is_simulated.load(Ordering::Relaxed)
    }

    /// The address of `path`, after the path of the base URL, if that has one (a company's gateway may add it).
    fn url(&self, path: fmt::Arguments<'_>) -> Url {
        let base = self.base_url.as_url();
        let mut url = base.clone();
        url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        url
    }

    fn note_simulation(&self, response: &Response) {
        if response.headers().contains_key(SIMULATED) {
            self.is_simulated.store(true, Ordering::Relaxed);
        }
    }

    async fn send(&self, request: Request) -> Result<Reply, Failure> {
        match self.http.execute(request).await {
            Ok(response) => {
                self.note_simulation(&response);
                Ok(read(response).await)
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let sent = if is_unsent(error) { Sent::No } else { Sent::Maybe };
        let root = root_cause(error);
        let what = if error.is_connect() && error.is_timeout() {
            let patience = humantime::format_duration(self.connect_timeout);
            format!("could not connect to {} within {patience}", self.base_url.host())
        } else if error.is_connect() {
            format!("could not connect to {}: {root}", self.base_url.host())
        } else if error.is_timeout() {
            format!("no answer within {}", humantime::format_duration(self.timeout))
        } else {
            format!("the connection broke: {root}")
        };
        Failure { sent, what }
    }
}

fn headers(api_key: &ApiKey) -> Result<HeaderMap, Refusal> {
    let mut value = HeaderValue::from_str(api_key.expose())
        .map_err(|error| Refusal::new(Cause::NoKey, "the API key does not fit into a header").caused_by(error))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(API_KEY_HEADER, value)]))
}

/// Reads the body up to [`MAX_BODY_BYTES`]. Even if the body is cut, the status is an answer.
async fn read(mut response: Response) -> Reply {
    let http_status = response.status().as_u16();
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    // A date refers to the server's clock; ours may be wrong.
    let now = || header(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    let retry_after = header(RETRY_AFTER).and_then(|value| retry_after(value, now()));
    let mut body = Vec::new();
    let body_end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY_BYTES => break BodyEnd::TooLong,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break BodyEnd::Complete,
            Err(_cut) => break BodyEnd::Lost,
        }
    };
    Reply { http_status, body, body_end, retry_after }
}

/// Whether the request certainly never left: either no connection was made, or hyper returned the request before it
/// wrote any of it. The second case shows as a "canceled" error anywhere in the chain, whatever error caused it.
fn is_unsent(error: &reqwest::Error) -> bool {
    error.is_connect()
        || error.is_builder()
        || causes(error).any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

/// The text of the innermost error; the outer ones repeat the address and say less.
fn root_cause(error: &reqwest::Error) -> String {
    let text = causes(error).last().map_or_else(|| "unknown cause".to_owned(), ToString::to_string);
    // rustls ends some of its texts with a link for programmers.
    text.split(": https://docs.rs").next().map(str::to_owned).unwrap_or(text)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}
