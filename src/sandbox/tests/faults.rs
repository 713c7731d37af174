//! What each fault does: to the bytes that a caller receives, to the invitation's state, and in the record.

use super::*;

/// A sandbox with the faults of this file.
pub(super) fn faulty(faults: &str) -> Sandbox {
    let faults = Faults::parse(faults).unwrap();
    Sandbox::start(Options { faults, ..recording() }).unwrap()
}

/// All bytes that come until the connection is closed, or the error that ended it.
pub(super) fn receive_all(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn call(sandbox: &Sandbox, invitation: u64) -> io::Result<Vec<u8>> {
    receive_all(send(sandbox, cancel_request(invitation)))
}

/// What the record says about the last call: the status of its answer, whether it took effect, and its fault.
fn last(sandbox: &Sandbox) -> (Option<u16>, bool, Option<&'static str>) {
    let record = sandbox.record();
    let arrival = record.arrivals.last().unwrap();
    assert_eq!(arrival.after, sandbox.state_of(arrival.invitation.unwrap()));
    (arrival.status, arrival.is_applied(), arrival.fault.map(|fault| fault.name))
}

#[test]
fn an_answer_is_another_one() {
    let sandbox = faulty(
        r#"[{"attempts": 1, "answer": {"status": 429, "retry_after": "a while"}},
            {"attempts": 2, "answer": {"status": 503, "applied": true, "body": "<p>",
              "headers": [["Content-Type", "text/html"], ["x-a", "1"], ["x-a", "2"]]}}]"#,
    );
    let reply = cancel(&sandbox, 1);
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("a while")));
    assert_eq!((reply.header("content-type"), &reply.body["statusCode"]), (Some("application/json"), &json!(429)));
    assert_eq!(last(&sandbox), (Some(429), false, Some("answer")));
    let text = String::from_utf8(call(&sandbox, 1).unwrap()).unwrap();
    assert!(text.starts_with("HTTP/1.1 503 ") && text.ends_with("\r\n\r\n<p>"), "{text}");
    assert!(text.contains("content-type: text/html\r\n") && text.contains("x-a: 1\r\nx-a: 2\r\n"), "{text}");
    assert_eq!(last(&sandbox), (Some(503), true, Some("answer")));
    assert_eq!(cancel(&sandbox, 1).status, 400);
    assert_eq!(last(&sandbox), (Some(400), false, None));
}

#[test]
fn an_answer_can_be_for_another_invitation() {
    let body = r#"{\"testInvitationId\":{other_id},\"asked\":\"{id}\",\"status\":\"cancelled\"}"#;
    let sandbox = faulty(&format!(r#"[{{"answer": {{"status": 200, "body": "{body}"}}}}]"#));
    let reply = cancel(&sandbox, 7);
    assert_eq!((reply.status, reply.body), (200, json!({"testInvitationId": 8, "asked": "7", "status": "cancelled"})));
    assert_eq!(sandbox.state_of(7), Some(InvitationState::Pending));
    let reply = cancel(&sandbox, i64::MAX.unsigned_abs());
    assert_ne!(reply.body["testInvitationId"], json!(i64::MAX));
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_none() {
    let sandbox = faulty(
        r#"[{"ids": 1, "reset": {}}, {"ids": 2, "reset": {"applied": true}},
            {"ids": 3, "close": {}}, {"ids": 4, "close": {"applied": true}}]"#,
    );
    for (invitation, is_applied) in [(1, false), (2, true)] {
        let error = call(&sandbox, invitation).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{invitation}");
        assert_eq!(last(&sandbox), (None, is_applied, Some("reset")), "{invitation}");
    }
    for (invitation, is_applied) in [(3, false), (4, true)] {
        assert_eq!(call(&sandbox, invitation).unwrap(), b"", "{invitation}");
        assert_eq!(last(&sandbox), (None, is_applied, Some("close")), "{invitation}");
    }
    assert_eq!(cancel(&sandbox, 5).status, 200);
    let rules: Vec<Option<u32>> = sandbox.record().arrivals.iter().map(|call| call.fault.map(|it| it.rule)).collect();
    assert_eq!(rules, [Some(1), Some(2), Some(3), Some(4), None]);
}

#[test]
fn a_call_that_hangs_ends_with_its_caller_or_the_sandbox() {
    let sandbox = faulty(r#"[{"attempts": 1, "hang": {}}, {"attempts": 2, "hang": {"applied": true}}]"#);
    let [mut gone, patient] = [1, 2].map(|calls| {
        let stream = send(&sandbox, cancel_request(1));
        assert!(sandbox.wait_for_arrivals(calls, PATIENCE), "call {calls} did not arrive");
        assert_eq!(last(&sandbox), (None, calls == 2, Some("hang")));
        stream
    });
    gone.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    let error = gone.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    drop(gone);
    let started = Instant::now();
    while sandbox.api.record_keeper().unwrap().in_flight() > 1 {
        assert!(started.elapsed() < PATIENCE, "the sandbox never noticed that the caller had gone");
        thread::yield_now();
    }
    drop(sandbox);
    assert_eq!(receive_all(patient).unwrap(), b"");
}

#[test]
fn a_truncated_answer_promises_more_than_comes() {
    let sandbox = faulty(
        r#"[{"ids": 1, "truncate": {}}, {"ids": 2, "truncate": {"bytes": 0}},
            {"ids": 190, "truncate": {"bytes": 999}}]"#,
    );
    let cases = [(1, 200, 21..22, true), (2, 200, 0..1, true), (190, 400, 109..110, false)];
    for (invitation, status, lengths, is_applied) in cases {
        let text = String::from_utf8(call(&sandbox, invitation).unwrap()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && head.contains("\r\ndate: "), "{text}");
        let promised: usize = head.split_once("content-length: ").unwrap().1.parse().unwrap();
        assert!(lengths.contains(&body.len()) && body.len() < promised, "{} of {promised} bytes: {text}", body.len());
        assert_eq!(last(&sandbox), (Some(status), is_applied, Some("truncate")), "{invitation}");
    }
}

#[test]
fn garbage_is_not_http() {
    let sandbox = faulty(r#"[{"ids": 1, "garbage": {}}, {"garbage": {"text": "220 mail\r\n", "applied": true}}]"#);
    let bytes = call(&sandbox, 1).unwrap();
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP/"));
    assert!(String::from_utf8(bytes).is_err());
    assert_eq!(last(&sandbox), (None, false, Some("garbage")));
    assert_eq!(call(&sandbox, 2).unwrap(), b"220 mail\r\n");
    assert_eq!(last(&sandbox), (None, true, Some("garbage")));
}

#[test]
fn a_slow_answer_is_the_right_one() {
    let sandbox = faulty(r#"[{"attempts": 1, "slow": {"by": "40ms"}}]"#);
    let started = Instant::now();
    assert_eq!(cancel(&sandbox, 1).status, 200);
    assert!(started.elapsed() >= Duration::from_millis(40));
    assert_eq!(last(&sandbox), (Some(200), true, Some("slow")));
}

#[test]
fn a_window_of_time_begins_with_the_first_call() {
    let sandbox = faulty(
        r#"[{"time": {"to": "1ns"}, "answer": {"status": 500}}, {"time": {"from": "1h"}, "answer": {"status": 501}},
            {"time": {"from": "20ms", "to": "1h"}, "answer": {"status": 503}}]"#,
    );
    assert_eq!(exchange(&sandbox, &keyed("GET /v3/tests", "")).status, 200);
    let started = Instant::now();
    assert_eq!(cancel(&sandbox, 1).status, 500);
    let failed =
        (2..=u64::MAX).take_while(|_| started.elapsed() < PATIENCE).find(|id| cancel(&sandbox, *id).status != 200);
    assert!(started.elapsed() >= Duration::from_millis(20));
    assert_eq!(last(&sandbox), (Some(503), false, Some("answer")));
    assert_eq!(cancel(&sandbox, failed.unwrap()).status, 503);
}

#[test]
fn a_fault_does_not_let_in_a_call_that_is_not_right() {
    let sandbox = faulty(r#"[{"reset": {"applied": true}}]"#);
    let without_key = request("POST /v3/invitations/1/cancel", "Content-Type: application/json\r\n", "{}");
    let without_body = request("POST /v3/invitations/1/cancel", "x-api-key: imocha-sandbox-key\r\n", "");
    for text in [without_key, without_body] {
        assert!(receive_all(send(&sandbox, text)).is_err());
        assert_eq!(last(&sandbox), (None, false, Some("reset")));
    }
    assert_eq!(exchange(&sandbox, &cancel_request("none")).status, 404);
}

#[test]
fn a_fault_spares_the_calls_before_it_on_its_connection() {
    let sandbox = faulty(r#"[{"ids": 2, "reset": {}}]"#);
    let keep_alive = |invitation| cancel_request(invitation).replace("Connection: close\r\n", "");
    let mut stream = send(&sandbox, keep_alive(1));
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"HTTP/1.1 200 "));
    stream.write_all(keep_alive(2).as_bytes()).unwrap();
    assert_eq!(receive_all(stream).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(
        (sandbox.state_of(1), sandbox.state_of(2)),
        (Some(InvitationState::Canceled), Some(InvitationState::Pending))
    );
}

#[test]
fn a_storm_is_the_same_one_for_the_same_seed() {
    let storm = r#"[{"chance": 0.1, "reset": {}}, {"chance": 0.1, "close": {"applied": true}},
        {"chance": 0.1, "answer": {"status": 503}}, {"chance": 0.1, "garbage": {}}, {"chance": 0.1, "truncate": {}}]"#;
    let rage = |seed, order: &mut dyn Iterator<Item = u64>| {
        let faults = Faults::parse(storm).unwrap();
        let sandbox = Sandbox::start(Options { faults, seed, ..recording() }).unwrap();
        order.for_each(|invitation| drop(call(&sandbox, invitation)));
        let of = |arrival: Arrival| (arrival.invitation, arrival.fault.map(|fault| fault.name), arrival.after);
        let mut found: Vec<_> = sandbox.record().arrivals.into_iter().map(of).collect();
        found.sort_unstable_by_key(|(invitation, ..)| *invitation);
        found
    };
    let found = rage(1, &mut (1..=80));
    assert_eq!(found, rage(1, &mut (1..=80).rev()));
    assert_ne!(found, rage(2, &mut (1..=80)));
    for name in [None, Some("reset"), Some("close"), Some("answer"), Some("garbage"), Some("truncate")] {
        assert!(found.iter().any(|(_, fault, _)| *fault == name), "nothing met {name:?}");
    }
}
