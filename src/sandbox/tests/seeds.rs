//! Which calls a seed fails, pinned: an operator who noted a seed must see the same calls fail with a later version.

use super::lists::list_request;
use super::*;

/// What became of three cancel calls for each of fifteen invitations, two signs for each call: the number of the rule
/// that it met (`.` for none), then its answer.
fn history(error_rate: f64, seed: u64, faults: &str) -> String {
    let error_rate = ErrorRate::new(error_rate).unwrap();
    let faults = Faults::parse(faults).unwrap();
    let sandbox = Sandbox::start(Options { error_rate, faults, seed, ..recording() }).unwrap();
    for invitation in (1..=15).flat_map(|invitation| [invitation; 3]) {
        let mut stream = send(&sandbox, cancel_request(invitation));
        // Where the connection is reset, the record knows about the call all the same.
        drop(stream.read_to_end(&mut Vec::new()));
    }
    sandbox.record().arrivals.iter().map(in_two_signs).collect()
}

fn in_two_signs(arrival: &Arrival) -> String {
    let rule = arrival.fault.map_or(".".to_owned(), |fault| fault.rule.to_string());
    let answer = match (arrival.status, arrival.is_applied()) {
        (Some(200), true) => 'c',
        (Some(400), false) => 'r',
        (Some(500), true) => 'A',
        (Some(500), false) => 'B',
        (None, true) => 'x',
        (None, false) => 'o',
        (Some(503), false) => 'u',
        unexpected => panic!("{unexpected:?}"),
    };
    format!("{rule}{answer}")
}

#[test]
fn a_seed_fails_the_calls_that_it_always_failed() {
    let cases = [
        (0, ".c.r.r.c.r.r.c.r.B.B.c.r.B.c.r.c.r.B.c.r.B.c.B.B.c.B.B.B.c.r.A.r.r.c.r.r.c.r.r.c.r.r.A.r.B"),
        (1, ".c.r.r.c.B.r.c.B.B.c.B.r.c.B.B.c.r.r.c.r.B.c.r.B.c.r.B.A.r.r.A.B.B.c.r.B.c.B.B.A.r.r.A.B.r"),
        (7, ".c.B.r.c.r.r.B.A.B.c.B.B.B.c.B.A.B.B.c.r.B.c.B.r.c.r.B.A.r.B.c.r.r.c.r.r.A.B.B.c.r.r.c.r.r"),
        (u64::MAX, ".A.r.B.A.r.B.c.r.r.A.r.r.c.B.r.c.r.r.A.B.r.B.B.c.c.r.r.A.r.B.c.r.r.c.B.B.c.B.r.c.B.r.c.B.B"),
    ];
    for (seed, pinned) in cases {
        assert_eq!(history(0.4, seed, "[]"), pinned, "seed {seed}");
    }
}

#[test]
fn chances_and_the_error_rate_together_fail_the_calls_that_they_always_failed() {
    let faults = r#"[{"chance": 0.2, "reset": {"applied": true}}, {"chance": 0.25, "slow": {"by": "1ns"}},
        {"chance": 0.3, "attempts": {"from": 2}, "answer": {"status": 503}}, {"chance": 0.1, "close": {}}]"#;
    let cases = [
        (0, "2c2r2r2c.r.r.c2r.B2B2c1o.B2c3u.c1o.r2c2r1o.c.B1o1x2r1o.B1x3u.A1o2r.c1o.r.c2r3u.c.r.r.A3u1o"),
        (3, ".c.B1o2c3u.B.c1o3u.c1o1o.c3u1o1x2r1o.A4o.r2A3u3u.c2B.r1x.r.r.c.B.B2B.c.r.c1o.B.c.r1o1x.B1o"),
        (u64::MAX, ".A2r4o.A4o4o.c3u1o.A1o4o.c2B1o.c.r.r.A.B1o.B2B2c2c1o.r.A2r3u4o2c.r2c2B3u1x2r2B1x.r.B2c.B.B"),
    ];
    for (seed, pinned) in cases {
        assert_eq!(history(0.4, seed, faults), pinned, "seed {seed}");
    }
}

#[test]
fn a_seed_fails_the_list_calls_that_it_always_failed() {
    let faults = r#"[{"list": "completed", "chance": 0.3, "answer": {"status": 503}}]"#;
    let statuses = |seed| {
        let (error_rate, faults) = (ErrorRate::new(0.4).unwrap(), Faults::parse(faults).unwrap());
        let sandbox = Sandbox::start(Options { error_rate, faults, seed, ..Options::default() }).unwrap();
        let states = (0..8).flat_map(|_| ["cancelled", "completed", "expired"]);
        let sign = |status| match status {
            200 => '.',
            500 => 'B',
            503 => 'u',
            unexpected => panic!("{unexpected}"),
        };
        states.map(|state| sign(exchange(&sandbox, &list_request(state, -60, 60)).status)).collect::<String>()
    };
    for (seed, pinned) in
        [(0, ".B.B......BB.uBB.BB..B.B"), (5, "B...BB...BB.BB..u.Bu...B"), (u64::MAX, "...BuB.BBBB..u..uB.B....")]
    {
        assert_eq!(statuses(seed), pinned, "seed {seed}");
    }
}
