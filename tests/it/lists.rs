//! How lists are asked for, by a clock that runs ahead of real time: how far apart, and for how long when they fail.

use std::time::Duration;

use imocha_cancel::client::Client;
use imocha_cancel::config::{ApiKey, Concurrency, Config, Rate};
use imocha_cancel::engine::{Lister, Unread};
use imocha_cancel::listing::ListingWindow;
use imocha_cancel::outcome::StopReason;
use imocha_cancel::shutdown::Shutdown;
use imocha_cancel::text::Scrubber;
use imocha_cancel::verification::{Listed, Lists};

use crate::canned::{Answer, Canned};
use crate::engine::ahead;
use crate::support::at_once;

const MINUTE: Duration = Duration::from_secs(60);

/// Asks a server for all lists, and tells how long that took.
fn read(base_url: &str, max_outage: Duration) -> (Result<Lists, Unread>, Duration) {
    let api_key: ApiKey = "key".parse().unwrap();
    let config = Config {
        base_url: base_url.parse().unwrap(),
        rate: Rate::OF_LISTS,
        concurrency: Concurrency::ONE,
        timeout: "10m".parse().unwrap(),
    };
    let client = Client::new(&config, &api_key, Vec::new()).unwrap();
    let lister = Lister::new(client, (config.rate, max_outage), Scrubber::new(api_key), Shutdown::default());
    let now = jiff::Timestamp::now();
    ahead(lister.read(ListingWindow::new(now, now)))
}

fn whole(ids: &str) -> Answer {
    Answer::json("200 OK", &format!(r#"{{"result":{{"testAttempts":[{ids}]}},"errors":null}}"#))
}

#[test]
fn list_calls_are_fifteen_seconds_apart() {
    let server = Canned::serve(|_, _| whole(""));
    let (lists, elapsed) = read(&server.base_url, MINUTE);
    lists.unwrap();
    assert_eq!(server.requests(), 3);
    let apart = elapsed / 2;
    assert!(apart >= Duration::from_secs(15) && apart < Duration::from_secs(17), "{apart:?}");
}

#[test]
fn an_outage_is_waited_out_however_often_a_list_fails() {
    let server = Canned::serve(|path, before| {
        // For longer than the minute that rows are given: 15 seconds or more lie between two calls.
        if path.ends_with("completed") && before < 6 { Answer::HangUp } else { whole(r#"{"testInvitationId":7}"#) }
    });
    let (lists, elapsed) = read(&server.base_url, 60 * MINUTE);
    assert_eq!(lists.unwrap().of(7), Listed::Both);
    assert!(elapsed > MINUTE, "{elapsed:?}");
}

#[test]
fn an_outage_beyond_the_operators_patience_stops() {
    let failing = Canned::serve(|_, _| Answer::json("503 Busy", "{}"));
    at_once([failing.base_url.as_str(), "http://127.0.0.1:1"], |base_url| {
        let (lists, elapsed) = read(base_url, 2 * MINUTE);
        let Err(Unread::Stopped(stop)) = lists else { panic!("{lists:?}") };
        assert_eq!(stop.reason, StopReason::Outage, "{stop:?}");
        assert!(elapsed >= 2 * MINUTE && elapsed < 4 * MINUTE, "{elapsed:?}");
    });
}

#[test]
fn a_pause_that_is_asked_for_is_kept() {
    let server =
        Canned::serve(
            |path, before| {
                if path.ends_with("cancelled") && before == 0 { Answer::limited("40") } else { whole("") }
            },
        );
    let (lists, elapsed) = read(&server.base_url, 10 * MINUTE);
    lists.unwrap();
    assert_eq!(server.requests(), 4);
    assert!(elapsed >= Duration::from_secs(40), "{elapsed:?}");
}
