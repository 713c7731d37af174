//! What goes wrong with list calls: by the rules of a file of faults, and by the error rate.

use super::faults::{faulty, receive_all};
use super::lists::list_request;
use super::*;

fn ask(sandbox: &Sandbox, state: &str) -> Reply {
    exchange(sandbox, &list_request(state, -60, 60))
}

fn ask_for_bytes(sandbox: &Sandbox, state: &str) -> io::Result<Vec<u8>> {
    receive_all(send(sandbox, list_request(state, -60, 60)))
}

/// What the record says about the last call, which is for no invitation: the status of its answer, and its fault.
fn last(sandbox: &Sandbox) -> (Option<u16>, Option<(u32, &'static str)>) {
    let record = sandbox.record();
    let arrival = record.arrivals.last().unwrap();
    assert!(arrival.path.starts_with("/v3/candidates/testattempts?state="), "{}", arrival.path);
    assert!(arrival.invitation.is_none() && !arrival.is_applied());
    (arrival.status, arrival.fault.map(|fault| (fault.rule, fault.name)))
}

#[test]
fn a_rule_names_one_list_or_any_and_counts_the_calls_for_each() {
    let sandbox = faulty(
        r#"[{"list": "cancelled", "attempts": 1, "answer": {"status": 503, "retry_after": "2"}},
            {"list": "any", "attempts": 2, "answer": {"status": 400, "body": "{id}"}},
            {"attempts": 3, "answer": {"status": 502}}]"#,
    );
    let reply = ask(&sandbox, "cancelled");
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("2")));
    assert_eq!(reply.body, json!({"result": null, "errors": ["The sandbox was told to answer so."]}));
    assert_eq!(last(&sandbox), (Some(503), Some((1, "answer"))));
    assert_eq!(ask(&sandbox, "expired").status, 200);
    let second = String::from_utf8(ask_for_bytes(&sandbox, "expired").unwrap()).unwrap();
    assert!(second.starts_with("HTTP/1.1 400 ") && second.ends_with("\r\n\r\n{id}"), "{second}");
    assert_eq!(last(&sandbox), (Some(400), Some((2, "answer"))));
    assert!(ask_for_bytes(&sandbox, "cancelled").unwrap().starts_with(b"HTTP/1.1 400 "));
    for state in ["expired", "cancelled", "completed"] {
        assert_eq!(ask(&sandbox, state).status, 200, "{state}");
        assert_eq!(last(&sandbox), (Some(200), None));
    }
    // Cancel calls have rules and counts of their own.
    assert_eq!([1, 2, 3].map(|_| cancel(&sandbox, 5).status), [200, 400, 502]);
    // A call that names no list meets no rule.
    assert_eq!(ask(&sandbox, "pending").body["result"], Value::Null);
    assert_eq!(last(&sandbox), (Some(400), None));
}

#[test]
fn each_fault_can_be_done_to_a_list_call() {
    let sandbox = faulty(
        r#"[{"list": "any", "attempts": 1, "reset": {}}, {"list": "any", "attempts": 2, "close": {}},
            {"list": "any", "attempts": 3, "garbage": {"text": "220 mail\r\n"}},
            {"list": "any", "attempts": 4, "slow": {"by": "40ms"}}, {"list": "any", "attempts": 5, "hang": {}}]"#,
    );
    let error = ask_for_bytes(&sandbox, "completed").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(last(&sandbox), (None, Some((1, "reset"))));
    assert_eq!(ask_for_bytes(&sandbox, "completed").unwrap(), b"");
    assert_eq!(last(&sandbox), (None, Some((2, "close"))));
    assert_eq!(ask_for_bytes(&sandbox, "completed").unwrap(), b"220 mail\r\n");
    assert_eq!(last(&sandbox), (None, Some((3, "garbage"))));
    let started = Instant::now();
    assert_eq!(ask(&sandbox, "completed").status, 200);
    assert!(started.elapsed() >= Duration::from_millis(40));
    assert_eq!(last(&sandbox), (Some(200), Some((4, "slow"))));
    let mut hanging = send(&sandbox, list_request("completed", -60, 60));
    assert!(sandbox.wait_for_arrivals(5, PATIENCE), "the call did not arrive");
    assert_eq!(last(&sandbox), (None, Some((5, "hang"))));
    hanging.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    assert!(hanging.read(&mut [0]).is_err());
}

#[test]
fn a_long_list_can_be_truncated() {
    let sandbox = faulty(r#"[{"list": "cancelled", "attempts": 1, "truncate": {}}]"#);
    for invitation in 100_000..100_650 {
        if invitation % 100 < 90 {
            assert_eq!(cancel(&sandbox, invitation).status, 200);
        }
    }
    let text = String::from_utf8(ask_for_bytes(&sandbox, "cancelled").unwrap()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let promised: usize = head.split_once("content-length: ").unwrap().1.parse().unwrap();
    assert!(promised > 80_000, "{promised} bytes");
    assert_eq!(body.len(), promised / 2);
    assert_eq!(last(&sandbox), (Some(200), Some((1, "truncate"))));
    assert_eq!(ask(&sandbox, "cancelled").body["result"]["testAttempts"].as_array().unwrap().len(), 590);
}

#[test]
fn a_window_of_time_begins_with_a_list_call_too() {
    let sandbox = faulty(
        r#"[{"list": "any", "time": {"to": "1ns"}, "answer": {"status": 500}},
            {"time": {"from": "1h"}, "answer": {"status": 501}},
            {"list": "any", "time": {"from": "20ms", "to": "1h"}, "answer": {"status": 503}}]"#,
    );
    let started = Instant::now();
    assert_eq!(ask(&sandbox, "cancelled").status, 500);
    while ask(&sandbox, "cancelled").status != 503 {
        assert!(started.elapsed() < PATIENCE, "the time of the rule never came");
    }
    assert!(started.elapsed() >= Duration::from_millis(20));
    assert_eq!(cancel(&sandbox, 1).status, 200);
}

#[test]
fn an_outage_can_begin_with_a_list_call() {
    let sandbox = faulty(r#"[{"refuse": {"after_calls": 2, "for": "1h"}}]"#);
    assert_eq!(cancel(&sandbox, 1).status, 200);
    assert_eq!(ask(&sandbox, "expired").status, 200);
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, sandbox.port())).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn what_is_applied_counts_against_the_rate_limit() {
    let rate_limit = RateLimit::new(NonZeroU32::MIN, Duration::from_secs(3600)).unwrap();
    let second_status = |applied: bool| {
        let text = format!(r#"[{{"list": "any", "attempts": 1, "close": {{"applied": {applied}}}}}]"#);
        let faults = Faults::parse(&text).unwrap();
        let sandbox = Sandbox::start(Options { faults, rate_limit: Some(rate_limit), ..recording() }).unwrap();
        assert_eq!(ask_for_bytes(&sandbox, "expired").unwrap(), b"");
        ask(&sandbox, "expired").status
    };
    assert_eq!((second_status(false), second_status(true)), (200, 429));
}

#[test]
fn the_error_rate_fails_list_calls_and_leaves_cancel_calls_as_they_were() {
    let start = || {
        let error_rate = ErrorRate::new(0.5).unwrap();
        Sandbox::start(Options { error_rate, seed: 4, ..Options::default() }).unwrap()
    };
    let (sandbox, other) = (start(), start());
    let mut failed = Vec::new();
    for invitation in 1..=30 {
        let state = ["cancelled", "completed", "expired"][usize::try_from(invitation % 3).unwrap()];
        let reply = ask(&sandbox, state);
        failed.push(reply.status == 500);
        if reply.status == 500 {
            assert_eq!(reply.body["result"], Value::Null);
            assert!(reply.body["errors"][0].is_string(), "{}", reply.body);
        }
        assert_eq!(cancel(&sandbox, invitation).status, cancel(&other, invitation).status, "{invitation}");
    }
    assert!(failed.contains(&true) && failed.contains(&false));
    // A call that is wrong does not count.
    assert_eq!(exchange(&sandbox, &list_request("cancelled", 60, -60)).status, 400);
}
