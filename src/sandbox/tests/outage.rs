//! A sandbox that does not listen for a while.

use std::io::ErrorKind;

use super::faults::faulty;
use super::*;

fn connect(sandbox: &Sandbox) -> io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, sandbox.port()))
}

/// Tries until the sandbox listens again.
fn wait_until_open(sandbox: &Sandbox) {
    let started = Instant::now();
    while let Err(error) = connect(sandbox) {
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(started.elapsed() < PATIENCE, "the sandbox never listened again");
        thread::yield_now();
    }
}

#[test]
fn after_a_number_of_calls_connections_are_refused_and_then_accepted_again() {
    let sandbox = faulty(r#"[{"refuse": {"after_calls": 2, "for": "60ms"}}]"#);
    assert_eq!(cancel(&sandbox, 1).status, 200);
    let started = Instant::now();
    assert_eq!(cancel(&sandbox, 2).status, 200);
    // The last call is answered only after the sandbox has stopped listening, so this attempt never comes too early. On
    // a busy machine it may come after the outage; then there is nothing to check.
    let refused = connect(&sandbox);
    if started.elapsed() < Duration::from_millis(60) {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    wait_until_open(&sandbox);
    assert!(started.elapsed() >= Duration::from_millis(60));
    for invitation in 3..6 {
        assert_eq!(cancel(&sandbox, invitation).status, 200);
    }
    assert_eq!(sandbox.record().arrivals.len(), 5);
}

#[test]
fn an_outage_closes_the_connections_that_are_idle_and_answers_what_is_under_way() {
    let sandbox = faulty(r#"[{"ids": 1, "slow": {"by": "100ms"}}, {"refuse": {"after_calls": 2, "for": "20ms"}}]"#);
    let mut idle = send(&sandbox, keyed("GET /v3/tests", "").replace("Connection: close\r\n", ""));
    let mut buffer = [0; 1024];
    let length = idle.read(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"HTTP/1.1 200 "));
    let slow = send(&sandbox, cancel_request(1));
    assert!(sandbox.wait_for_arrivals(2, PATIENCE), "the slow call did not arrive");
    let last = send(&sandbox, cancel_request(2).replace("Connection: close\r\n", ""));
    let reply = receive(last);
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert_eq!(idle.read(&mut buffer).unwrap(), 0);
    assert_eq!(receive(slow).status, 200);
    wait_until_open(&sandbox);
    assert_eq!(cancel(&sandbox, 3).status, 200);
}

#[test]
fn an_outage_can_come_more_than_once() {
    let sandbox = faulty(
        r#"[{"refuse": {"after_calls": 1, "for": "20ms"}}, {"refuse": {"after_calls": 2, "for": "20ms"}},
            {"refuse": {"from": "0s", "to": "10ms"}}]"#,
    );
    for invitation in [1, 2] {
        let started = Instant::now();
        assert_eq!(cancel(&sandbox, invitation).status, 200);
        wait_until_open(&sandbox);
        assert!(started.elapsed() >= Duration::from_millis(20));
    }
    assert_eq!(cancel(&sandbox, 3).status, 200);
}

#[test]
fn an_outage_can_come_at_a_time() {
    let sandbox = faulty(r#"[{"refuse": {"from": "20ms", "to": "1h"}}]"#);
    drop(connect(&sandbox).unwrap());
    let started = Instant::now();
    assert_eq!(cancel(&sandbox, 1).status, 200);
    while connect(&sandbox).is_ok() {
        assert!(started.elapsed() < PATIENCE, "the sandbox never stopped listening");
        thread::yield_now();
    }
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_sandbox_can_be_dropped_during_an_outage() {
    let sandbox = faulty(r#"[{"refuse": {"after_calls": 1, "for": "1h"}}]"#);
    assert_eq!(cancel(&sandbox, 1).status, 200);
    assert_eq!(connect(&sandbox).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let started = Instant::now();
    drop(sandbox);
    assert!(started.elapsed() < PATIENCE);
}
