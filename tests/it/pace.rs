//! The ceilings on rate and concurrency, measured at the server.

use std::time::{Duration, Instant};

use imocha_cancel::sandbox::{Options, Sandbox};

use crate::support::{Place, sandbox, sandbox_with};

/// What the way to the server may add to or take from the time between two calls: scheduling on a busy machine.
const JITTER: Duration = Duration::from_millis(25);

fn input(rows: u32) -> Place {
    Place::with_input((1..=rows).fold("id\n".to_owned(), |text, number| format!("{text}{number}01\n")))
}

fn arrivals(server: &Sandbox) -> Vec<Instant> {
    server.record().arrivals.iter().map(|arrival| arrival.when).collect()
}

#[test]
fn no_second_has_more_calls_than_the_rate() {
    for (rate, per_second, rows) in [("20/s", 20, 30), ("6000/m", 100, 150), ("500/s", 500, 750)] {
        let server = sandbox();
        input(rows).run(&server, &["--rate", rate, "--concurrency", "8"]).expect_code(0);
        let arrivals = arrivals(&server);
        assert_eq!(arrivals.len(), usize::try_from(rows).unwrap());
        for second in arrivals.windows(per_second + 1) {
            let span = second[per_second].duration_since(second[0]);
            assert!(span + JITTER >= Duration::from_secs(1), "{rate}: one call more than that within {span:?}");
        }
    }
}

#[test]
fn calls_are_evenly_spaced_and_do_not_come_in_bursts() {
    let server = sandbox();
    input(11).run(&server, &["--rate", "10/s", "--concurrency", "8"]).expect_code(0);
    for pair in arrivals(&server).windows(2) {
        let gap = pair[1].duration_since(pair[0]);
        assert!(gap + JITTER >= Duration::from_millis(100), "{gap:?}");
    }
}

#[test]
fn no_more_calls_are_in_flight_than_asked_for_and_as_many_as_that() {
    for (concurrency, rows) in [(1_usize, 16), (4, 32), (16, 96)] {
        let server = sandbox_with(Options { latency: Duration::from_millis(50), ..Options::default() });
        input(rows).run(&server, &["--concurrency", &concurrency.to_string()]).expect_code(0);
        assert_eq!(server.record().peak_in_flight, concurrency);
    }
}
