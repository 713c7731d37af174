//! The limiters and their `Retry-After`, as a caller meets them.

use std::time::SystemTime;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// So many calls in an hour.
fn hourly(calls: u32) -> RateLimit {
    RateLimit::new(NonZeroU32::new(calls).unwrap(), HOUR).unwrap()
}

fn limited(limit: RateLimit) -> Options {
    Options { rate_limit: Some(limit), ..recording() }
}

#[test]
fn each_limiter_lets_its_calls_through_and_tells_the_next_one_when_to_come_back() {
    let burst = NonZeroU32::MIN;
    let cases = [
        (LimiterKind::TokenBucket { burst }, 1, 1790..=1800),
        (LimiterKind::LeakyBucket { burst: 2 }, 3, 1790..=1800),
        (LimiterKind::FixedWindow, 2, 3590..=3600),
        (LimiterKind::SlidingWindow, 2, 3590..=3600),
    ];
    for (kind, let_through, seconds) in cases {
        let sandbox = Sandbox::start(limited(hourly(2).with_limiter(kind))).unwrap();
        for invitation in 1..=let_through {
            assert_eq!(cancel(&sandbox, invitation).status, 200, "{kind:?}");
        }
        for call in [cancel_request(50), keyed("GET /v3/tests", "")] {
            let reply = exchange(&sandbox, &call);
            assert_eq!((reply.status, &reply.body["statusCode"]), (429, &json!(429)), "{kind:?}");
            let told: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!(seconds.contains(&told), "{kind:?}: {told} s");
        }
        assert_eq!(sandbox.state_of(50), Some(InvitationState::Pending));
    }
}

#[test]
fn a_call_is_in_flight_until_its_answer_leaves() {
    let limit = hourly(1).with_limiter(LimiterKind::InFlight);
    let sandbox = Sandbox::start(limited(limit)).unwrap();
    for invitation in 1..=20 {
        assert_eq!(cancel(&sandbox, invitation).status, 200, "one after the other");
    }
    let sandbox = Sandbox::start(Options { latency: HOUR, ..limited(limit) }).unwrap();
    let _held: Vec<TcpStream> = (1..=2)
        .map(|number| {
            let stream = send(&sandbox, cancel_request(number));
            assert!(sandbox.wait_for_arrivals(usize::try_from(number).unwrap(), PATIENCE), "call {number}");
            stream
        })
        .collect();
    let statuses: Vec<Option<u16>> = sandbox.record().arrivals.iter().map(|arrival| arrival.status).collect();
    assert_eq!(statuses, [Some(200), Some(429)]);
}

#[test]
fn a_call_without_an_answer_is_in_flight_until_its_connection_ends() {
    let faults = Faults::parse(r#"[{"ids": 1, "hang": {"applied": true}}]"#).unwrap();
    let limit = hourly(1).with_limiter(LimiterKind::InFlight);
    let sandbox = Sandbox::start(Options { faults, ..limited(limit) }).unwrap();
    let hanging = send(&sandbox, cancel_request(1));
    assert!(sandbox.wait_for_arrivals(1, PATIENCE), "the call did not arrive");
    let reply = cancel(&sandbox, 2);
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
    drop(hanging);
    let started = Instant::now();
    while cancel(&sandbox, 2).status == 429 {
        assert!(started.elapsed() < PATIENCE, "the call stayed in flight");
    }
}

#[test]
fn the_time_to_come_back_can_be_a_date_by_the_clock_of_the_answer() {
    let limit = hourly(1).with_limiter(LimiterKind::FixedWindow).with_retry_after(RetryAfter::Date);
    let faults = Faults::parse(r#"[{"ids": 3, "truncate": {}}]"#).unwrap();
    let starting = SystemTime::now();
    let sandbox = Sandbox::start(Options { faults, ..limited(limit) }).unwrap();
    let started = SystemTime::now();
    assert_eq!(cancel(&sandbox, 1).header("retry-after"), None);
    let whole = cancel(&sandbox, 2).headers;
    let mut truncated = String::new();
    send(&sandbox, cancel_request(3)).read_to_string(&mut truncated).unwrap();
    for head in [whole, truncated] {
        let date = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            let value = lines.find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no {name} in {head}")).1;
            httpdate::parse_http_date(value).unwrap()
        };
        let second = Duration::from_secs(1);
        // The wall clock may be set a little while this runs.
        let (earliest, latest) = (starting + HOUR - second, started + HOUR + second * 2);
        assert!((earliest..=latest).contains(&date("retry-after")), "{head}");
        assert!((starting - second..=SystemTime::now()).contains(&date("date")), "{head}");
    }
}

#[test]
fn the_time_to_come_back_can_be_left_out() {
    let sandbox = Sandbox::start(limited(hourly(1).with_retry_after(RetryAfter::None))).unwrap();
    assert_eq!(cancel(&sandbox, 1).status, 200);
    let reply = cancel(&sandbox, 2);
    assert_eq!((reply.status, reply.header("retry-after")), (429, None));
}
