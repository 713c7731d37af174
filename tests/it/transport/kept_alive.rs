//! Several calls over one connection: each answer belongs to its own call, and no row is lost where a connection ends
//! between two calls.

use std::collections::HashMap;

use super::Run;
use super::peer::{End, Peer, confirm_all, confirmation};
use crate::support::{ResultsRow, column};
use crate::tls::TRUSTED;

fn run(base_url: &str, rows: u64) -> Vec<ResultsRow> {
    Run { rows, ..Run::of_one_row(base_url) }.rows()
}

/// How often each ID was asked for.
fn arrivals(peer: &Peer) -> HashMap<u64, usize> {
    peer.asked_for().into_iter().fold(HashMap::new(), |mut arrivals, id| {
        *arrivals.entry(id).or_default() += 1;
        arrivals
    })
}

/// Fails where a row claims what the server did not see: an answer without a call, or no call where there was one.
#[track_caller]
fn expect_honest(peer: &Peer, rows: &[ResultsRow]) {
    let arrivals = arrivals(peer);
    for row in rows {
        let came: usize = arrivals.get(&row["invitation_id"].parse().unwrap()).copied().unwrap_or(0);
        let attempts: usize = row["attempts"].parse().unwrap();
        assert!(came <= attempts, "called more often than the row says: {row:?}, {came}");
        match row["status"].as_str() {
            "cancelled" => assert!(came >= 1, "cancelled without a call: {row:?}"),
            "unreachable" | "not_attempted" => assert_eq!(came, 0, "called: {row:?}"),
            status => assert_eq!(status, "unconfirmed", "{row:?}"),
        }
    }
}

#[test]
fn calls_share_a_connection() {
    for peer in Peer::both(confirm_all) {
        let rows = run(&peer.base_url, 20);
        assert_eq!(column(&rows, "status"), ["cancelled"; 20]);
        assert_eq!(peer.asked_for(), (1..=20).collect::<Vec<_>>());
        // A call that leaves before the connection is back in the pool may open another.
        assert!(peer.connections() < 10, "{} connections", peer.connections());
    }
}

/// A server that sends one answer too many with its first: the answer to a call that has not been made.
#[test]
fn an_answer_that_comes_before_its_call_is_not_taken_for_its_answer() {
    let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}".to_owned();
    let idle = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
    for unasked in [confirmation(2), refusal, idle, "HTTP/1.1 200 OK\r\n".to_owned(), "x".to_owned()] {
        let peers = Peer::both(move |wire| {
            // What comes over this connection after its first call gets no answer but the one that came too early.
            if let Some(id) = wire.request() {
                let unasked = if id == 1 { &*unasked } else { "" };
                wire.say(format!("{}{unasked}", confirmation(id)).as_bytes());
            }
            while wire.request().is_some() {}
        });
        for peer in peers {
            // An unsolicited 400, taken for an answer, would end row 2 as `not_cancellable`, which is not honest either.
            let rows = run(&peer.base_url, 2);
            assert_eq!(column(&rows, "status"), ["cancelled"; 2], "{rows:?}");
            assert_eq!((peer.asked_for(), peer.connections()), (vec![1, 2], 2), "the second has a fresh connection");
        }
    }
}

/// The same, but so late that it may cross the next call on the wire. Then nobody can tell it from an answer, and the
/// row may say what it says; but it may do so only when the call has been made.
#[test]
fn an_answer_that_crosses_the_call_counts_only_if_there_was_a_call() {
    for peer in Peer::both(|wire| {
        while let Some(id) = wire.request() {
            wire.say(confirmation(id).as_bytes());
            wire.say(confirmation(id + 1).as_bytes());
        }
    }) {
        let rows = run(&peer.base_url, 20);
        assert_eq!(column(&rows, "status")[0], "cancelled");
        expect_honest(&peer, &rows);
    }
}

#[test]
fn an_answer_for_another_row_confirms_nothing() {
    for peer in Peer::both(|wire| {
        while let Some(id) = wire.request() {
            wire.say(confirmation(id % 2 + 1).as_bytes());
        }
    }) {
        assert_eq!(column(&run(&peer.base_url, 2), "status"), ["unconfirmed"; 2]);
    }
}

#[test]
fn a_connection_that_ends_after_an_answer_costs_no_row() {
    for end in [End::Close, End::Cut, End::Reset] {
        for peer in Peer::both(move |wire| {
            let Some(id) = wire.request() else { return };
            wire.say(confirmation(id).as_bytes());
            wire.end(end);
            // What still comes gets no answer, and is taken down.
            while end != End::Reset && wire.request().is_some() {}
        }) {
            let rows = run(&peer.base_url, 10);
            expect_honest(&peer, &rows);
            if end == End::Reset {
                continue; // A reset may overtake the answer itself, and then no number of attempts gets one.
            }
            let run = Run { rows: 4, attempts: "5", outage: "1m", ..Run::of_one_row(&peer.base_url) };
            let tried_again = run.rows();
            assert_eq!(column(&tried_again, "status"), ["cancelled"; 4], "{end:?}: {tried_again:?}");
        }
    }
}

#[test]
fn a_connection_that_the_server_calls_ended_is_not_used_again() {
    for peer in Peer::both(|wire| {
        while let Some(id) = wire.request() {
            let kept = confirmation(id);
            wire.say(kept.replace("Content-Type", "Connection: close\r\nContent-Type").as_bytes());
        }
    }) {
        let rows = run(&peer.base_url, 5);
        assert_eq!(column(&rows, "status"), ["cancelled"; 5]);
        assert_eq!((peer.asked_for(), peer.connections()), (vec![1, 2, 3, 4, 5], 5));
    }
}

/// A call that comes with the first bytes of a connection could be played again by whoever recorded it.
#[test]
fn no_call_is_sent_as_early_data() {
    let mut settings = TRUSTED.server();
    settings.max_early_data_size = 16 * 1024;
    let peer = Peer::encrypted(settings, |wire| {
        let Some(id) = wire.request() else { return };
        assert!(!wire.early_data());
        wire.say(confirmation(id).replace("Content-Type", "Connection: close\r\nContent-Type").as_bytes());
        wire.end(End::Close);
        while wire.request().is_some() {}
    });
    let rows = run(&peer.base_url, 5);
    assert_eq!(column(&rows, "status"), ["cancelled"; 5]);
    assert_eq!(peer.connections(), 5);
}
