//! The sandbox as a caller sees it: every test goes through a real socket, in HTTP/1.1 written by hand, so that neither
//! a client library nor this product's client stands between the test and the bytes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::num::{NonZeroU32, NonZeroUsize};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

mod faults;
mod limiters;
mod list_faults;
mod lists;
mod outage;
mod record_file;
mod seeds;

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(10);

const REFUSED: &str = "Testinvitation state in inprogress, complete, and expired can not be cancelled.";

struct Reply {
    status: u16,
    headers: String,
    body: Value,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

fn request(call: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{call} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// A cancel call as a client must send it.
fn cancel_request(invitation: impl fmt::Display) -> String {
    keyed(&format!("POST /v3/invitations/{invitation}/cancel"), "{}")
}

fn keyed(call: &str, body: &str) -> String {
    request(call, "x-api-key: imocha-sandbox-key\r\nContent-Type: application/json\r\n", body)
}

fn send(sandbox: &Sandbox, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, sandbox.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_ref()).unwrap();
    stream
}

fn receive(mut stream: TcpStream) -> Reply {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let (status_line, headers) = head.split_once("\r\n").unwrap();
    let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, headers: headers.to_owned(), body: serde_json::from_str(body).unwrap() }
}

fn exchange(sandbox: &Sandbox, request: &str) -> Reply {
    receive(send(sandbox, request))
}

fn cancel(sandbox: &Sandbox, invitation: u64) -> Reply {
    exchange(sandbox, &cancel_request(invitation))
}

fn recording() -> Options {
    Options { recording: Recording::On, ..Options::default() }
}

fn sandbox() -> Sandbox {
    Sandbox::start(recording()).unwrap()
}

#[test]
fn a_pending_invitation_is_cancelled_once() {
    let sandbox = sandbox();
    let reply = cancel(&sandbox, 2_932_950);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.body, json!({"testInvitationId": 2_932_950, "status": "cancelled"}));
    assert_eq!(sandbox.state_of(2_932_950), Some(InvitationState::Canceled));
    let reply = cancel(&sandbox, 2_932_950);
    assert_eq!((reply.status, reply.body), (400, json!({"statusCode": 400, "message": REFUSED})));
}

#[test]
fn each_state_answers_as_documented() {
    let sandbox = sandbox();
    let cases = [
        (190, Some(InvitationState::InProgress), 400),
        (191, Some(InvitationState::Complete), 400),
        (192, Some(InvitationState::Expired), 400),
        (193, Some(InvitationState::Canceled), 400),
        (194, Some(InvitationState::TestLeft), 400),
        (195, Some(InvitationState::Terminated), 400),
        (196, Some(InvitationState::Pending), 403),
        (197, None, 404),
    ];
    for (invitation, state, status) in cases {
        let reply = cancel(&sandbox, invitation);
        assert_eq!((reply.status, &reply.body["statusCode"]), (status, &json!(status)), "{invitation}");
        if status == 400 {
            assert_eq!(reply.body["message"], REFUSED, "{invitation}");
        }
        assert_eq!(sandbox.state_of(invitation), state, "{invitation}");
    }
}

#[test]
fn nothing_is_done_without_the_right_key() {
    let sandbox = Sandbox::start(Options { api_key: "another".to_owned(), ..recording() }).unwrap();
    assert_eq!(sandbox.api_key(), "another");
    let reply = cancel(&sandbox, 1);
    assert_eq!((reply.status, &reply.body["statusCode"]), (401, &json!(401)));
    let without = request("POST /v3/invitations/1/cancel", "Content-Type: application/json\r\n", "{}");
    assert_eq!(exchange(&sandbox, &without).status, 401);
    assert_eq!(exchange(&sandbox, &keyed("GET /v3/tests", "")).status, 401);
    let reply = exchange(&sandbox, &keyed("POST /v3/candidates/testattempts?state=cancelled", "{}"));
    assert_eq!((reply.status, &reply.body["result"]), (401, &Value::Null));
    assert!(reply.body["errors"][0].is_string(), "{}", reply.body);
    assert_eq!(sandbox.state_of(1), Some(InvitationState::Pending));
    let keys: Vec<SentKey> = sandbox.record().arrivals.iter().map(|arrival| arrival.key).collect();
    assert_eq!(keys, [SentKey::Wrong, SentKey::Missing, SentKey::Wrong, SentKey::Wrong]);
}

#[test]
fn a_call_that_is_not_written_as_documented_does_nothing() {
    let sandbox = sandbox();
    let key = "x-api-key: imocha-sandbox-key\r\n";
    let text = format!("{key}Content-Type: text/plain\r\n");
    let json = format!("{key}Content-Type: application/json; charset=utf-8\r\n");
    let cancel = "POST /v3/invitations/1/cancel";
    let cases = [
        (request(cancel, key, "{}"), 400),
        (request(cancel, &text, "{}"), 400),
        (request(cancel, &json, ""), 400),
        (request(cancel, &json, "[]"), 400),
        (request("GET /v3/invitations/1/cancel", &json, ""), 405),
        (request("POST /v3/invitations/1/cancel/", &json, "{}"), 404),
        (request("POST /v4/invitations/1/cancel", &json, "{}"), 404),
        (cancel_request("0"), 404),
        (cancel_request("01"), 404),
        (cancel_request("-1"), 404),
        (cancel_request("%FF"), 404),
        (cancel_request("9223372036854775808"), 404),
        (request(cancel, &json, &" ".repeat(64 * 1024 + 1)), 413),
    ];
    for (bytes, status) in cases {
        let reply = exchange(&sandbox, &bytes);
        assert_eq!((reply.status, &reply.body["statusCode"]), (status, &json!(status)), "{bytes:.80}");
    }
    assert_eq!(sandbox.state_of(1), Some(InvitationState::Pending));
    assert_eq!(exchange(&sandbox, &request(cancel, &json, " {} ")).status, 200);
}

#[test]
fn the_same_seed_fails_the_same_calls_in_any_order() {
    let failing = |seed, order: &mut dyn Iterator<Item = u64>| {
        let error_rate = ErrorRate::new(0.5).unwrap();
        let sandbox = Sandbox::start(Options { error_rate, seed, ..Options::default() }).unwrap();
        let mut failing: Vec<(u64, Option<InvitationState>)> = order
            .filter(|invitation| cancel(&sandbox, *invitation).status == 500)
            .map(|invitation| (invitation, sandbox.state_of(invitation)))
            .collect();
        failing.sort_unstable_by_key(|(invitation, _)| *invitation);
        failing
    };
    let upwards = failing(1, &mut (1..=60));
    assert_eq!(upwards, failing(1, &mut (1..=60).rev()));
    assert_ne!(upwards, failing(2, &mut (1..=60)));
    for state in [InvitationState::Pending, InvitationState::Canceled] {
        assert!(upwards.iter().any(|(_, found)| *found == Some(state)), "no failure left an invitation {state:?}");
    }
}

#[test]
fn beyond_the_rate_limit_is_429_with_the_time_to_wait() {
    let rate_limit = RateLimit::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(3600)).unwrap();
    let sandbox = Sandbox::start(Options { rate_limit: Some(rate_limit), ..recording() }).unwrap();
    assert_eq!(exchange(&sandbox, &keyed("GET /v3/tests", "")).status, 200);
    assert_eq!(cancel(&sandbox, 1).status, 200);
    let reply = cancel(&sandbox, 2);
    assert_eq!((reply.status, &reply.body["statusCode"]), (429, &json!(429)));
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&seconds), "{seconds} s");
    assert_eq!(sandbox.state_of(2), Some(InvitationState::Pending));
    assert_eq!(sandbox.record().arrivals.last().and_then(|arrival| arrival.status), Some(429));
}

#[test]
fn an_answer_is_held_back_but_the_call_takes_effect_at_once() {
    let latency = Duration::from_millis(50);
    let sandbox = Sandbox::start(Options { latency, ..recording() }).unwrap();
    let started = Instant::now();
    assert_eq!(cancel(&sandbox, 1).status, 200);
    assert!(started.elapsed() >= latency);

    let sandbox = Sandbox::start(Options { latency: Duration::from_secs(3600), ..recording() }).unwrap();
    let stream = send(&sandbox, cancel_request(1));
    assert!(sandbox.wait_for_arrivals(1, PATIENCE), "the call did not arrive");
    assert_eq!(sandbox.state_of(1), Some(InvitationState::Canceled));
    let stopping = Instant::now();
    drop(sandbox);
    assert!(stopping.elapsed() < PATIENCE, "an answer that was held back kept the sandbox from stopping");
    drop(stream);
}

#[test]
fn the_tests_come_in_pages() {
    let sandbox = sandbox();
    let reply = exchange(&sandbox, &keyed("GET /v3/tests?pageNo=2&pageSize=1", ""));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, json!({"tests": [{"testId": 1002, "testName": "Sandbox test 1002"}], "count": 3}));
    assert_eq!(exchange(&sandbox, &keyed("GET /v3/tests?pageNo=0&pageSize=1", "")).status, 400);
}

#[test]
fn the_record_tells_what_was_received_and_what_came_of_it() {
    let sandbox = sandbox();
    let headers = "X-API-Key: imocha-sandbox-key\r\nContent-Type: application/json\r\n\
                   User-Agent: a test\r\nAccept-Encoding: identity\r\n";
    exchange(&sandbox, &request("POST /v3/invitations/5/cancel?why=not", headers, "{\"a\":1}"));
    cancel(&sandbox, 197);
    let record = sandbox.record();
    assert_eq!((record.arrivals.len(), record.peak_in_flight), (2, 1));
    let arrival = &record.arrivals[0];
    assert_eq!((arrival.method.as_str(), arrival.path.as_str()), ("POST", "/v3/invitations/5/cancel?why=not"));
    assert_eq!((arrival.key, arrival.body.as_slice()), (SentKey::Right, b"{\"a\":1}".as_slice()));
    assert_eq!(arrival.content_type.as_deref(), Some("application/json"));
    assert_eq!(arrival.user_agent.as_deref(), Some("a test"));
    assert_eq!(arrival.accept_encoding.as_deref(), Some("identity"));
    assert_eq!((arrival.invitation, arrival.status), (Some(5), Some(200)));
    assert_eq!((arrival.before, arrival.after), (Some(InvitationState::Pending), Some(InvitationState::Canceled)));
    let arrival = &record.arrivals[1];
    assert_eq!((arrival.invitation, arrival.status, arrival.before), (Some(197), Some(404), None));
    assert!(record.arrivals[0].when < arrival.when);
}

#[test]
fn the_peak_counts_the_requests_that_are_in_flight_at_once() {
    let sandbox = sandbox();
    let requests: Vec<String> = (1..=3).map(cancel_request).collect();
    // Each body lacks its last byte until all three heads have arrived.
    let held: Vec<TcpStream> = requests.iter().map(|text| send(&sandbox, &text.as_bytes()[..text.len() - 1])).collect();
    let started = Instant::now();
    while sandbox.record().peak_in_flight < 3 {
        assert!(started.elapsed() < PATIENCE, "the three requests were never in flight at once");
        thread::yield_now();
    }
    assert!(sandbox.record().arrivals.is_empty());
    for mut stream in held {
        stream.write_all(b"}").unwrap();
        assert_eq!(receive(stream).status, 200);
    }
    cancel(&sandbox, 4);
    assert_eq!(sandbox.record().peak_in_flight, 3);
}

#[test]
fn nothing_is_recorded_unless_asked_for() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    assert_eq!(cancel(&sandbox, 1).status, 200);
    assert!(sandbox.record().arrivals.is_empty());
    assert!(!sandbox.wait_for_arrivals(1, PATIENCE));
}

#[test]
fn a_sandbox_that_is_dropped_frees_its_port() {
    let frees_its_port = || {
        let sandbox = sandbox();
        let port = sandbox.port();
        assert_eq!(sandbox.base_url(), format!("http://127.0.0.1:{port}"));
        let idle = send(&sandbox, "");
        drop(sandbox);
        let again = Sandbox::start(Options { port, ..Options::default() });
        drop(idle);
        again.is_ok_and(|again| again.port() == port)
    };
    // A test that runs at the same time may be given the port that was freed, but hardly three times in a row.
    assert!((0..3).any(|_| frees_its_port()));
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let sandbox = sandbox();
    let taken = Sandbox::start(Options { port: sandbox.port(), ..Options::default() }).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_sandbox_can_be_started_and_dropped_inside_another_runtime() {
    let sandbox = sandbox();
    assert_eq!(cancel(&sandbox, 1).status, 200);
}
