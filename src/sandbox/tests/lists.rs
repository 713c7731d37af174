//! The lists of invitations: what is in them, for which time, how late, and how much of it.

use jiff::{SignedDuration, Timestamp};

use super::faults::faulty;
use super::*;

const DAY: i64 = 24 * 60 * 60;

/// A moment so many seconds from now, as a list call writes it.
fn moment(seconds: i64) -> String {
    let moment = Timestamp::now() + SignedDuration::from_secs(seconds);
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A call for the list of this state, from and to so many seconds from now.
pub(super) fn list_request(state: &str, start: i64, end: i64) -> String {
    let window = json!({"StartDateTime": moment(start), "EndDateTime": moment(end)});
    keyed(&format!("POST /v3/candidates/testattempts?state={state}"), &window.to_string())
}

fn list(sandbox: &Sandbox, state: &str, start: i64, end: i64) -> Reply {
    exchange(sandbox, &list_request(state, start, end))
}

/// The entries of a list: the IDs with their words.
fn entries(sandbox: &Sandbox, state: &str, start: i64, end: i64) -> Vec<(u64, String)> {
    let reply = list(sandbox, state, start, end);
    assert_eq!((reply.status, &reply.body["errors"]), (200, &Value::Null));
    let attempts = reply.body["result"]["testAttempts"].as_array().unwrap();
    let entry = |it: &Value| (it["testInvitationId"].as_u64().unwrap(), it["testStatus"].as_str().unwrap().to_owned());
    attempts.iter().map(entry).collect()
}

fn ids(sandbox: &Sandbox, state: &str, start: i64, end: i64) -> Vec<u64> {
    entries(sandbox, state, start, end).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn the_list_holds_what_was_cancelled_within_the_window() {
    let sandbox = sandbox();
    for invitation in [7, 3, 196, 190] {
        cancel(&sandbox, invitation);
    }
    let reply = list(&sandbox, "cancelled", -3600, 3600);
    assert_eq!((reply.status, &reply.body["errors"]), (200, &Value::Null));
    let attempts = reply.body["result"]["testAttempts"].as_array().unwrap();
    let found: Vec<&Value> = attempts.iter().map(|attempt| &attempt["testInvitationId"]).collect();
    assert_eq!(found, [7, 3]);
    assert_eq!(attempts[0]["email"], "candidate.7@example.com");
    assert_eq!(attempts[0]["invitationtype"], "api");
    assert_eq!(attempts[0]["testStatus"], "Cancelled");
    let empty = json!({"result": {"testAttempts": []}, "errors": null});
    for (state, start, end) in
        [("cancelled", -7200, -3600), ("cancelled", 3600, 7200), ("completed", -1, 1), ("expired", -1, 1)]
    {
        assert_eq!(list(&sandbox, state, start, end).body, empty, "{state} from {start} s to {end} s");
    }
    for (state, start, end) in [("pending", -1, 1), ("", -1, 1), ("cancelled", 1, -1)] {
        let reply = list(&sandbox, state, start, end);
        assert_eq!((reply.status, &reply.body["result"]), (400, &Value::Null), "{state} from {start} s to {end} s");
    }
    assert!(sandbox.record().arrivals.iter().skip(4).all(|arrival| arrival.invitation.is_none()));
}

#[test]
fn a_given_state_is_listed_once_a_cancel_call_has_named_the_invitation() {
    let sandbox = faulty(r#"[{"ids": 293, "reset": {}}]"#);
    let states = ["cancelled", "completed", "expired"];
    for state in states {
        assert!(ids(&sandbox, state, -2 * DAY, 60).is_empty(), "{state}");
    }
    for invitation in [195, 194, 193, 192, 191, 190, 191, 8] {
        cancel(&sandbox, invitation);
    }
    // One that never reached the API is named all the same.
    drop(send(&sandbox, cancel_request(293)).read_to_end(&mut Vec::new()));
    let expected = [
        vec![(193, "Cancelled"), (293, "Cancelled"), (8, "Cancelled")],
        vec![(191, "Completed"), (194, "Test Left"), (195, "Terminated")],
        vec![(192, "Expired")],
    ];
    for (state, expected) in states.into_iter().zip(expected) {
        let found = entries(&sandbox, state, -2 * DAY, 60);
        assert_eq!(found.iter().map(|(id, word)| (*id, word.as_str())).collect::<Vec<_>>(), expected);
    }
    // The given states are one day old.
    assert_eq!(ids(&sandbox, "cancelled", -DAY + 60, 60), [8]);
    assert_eq!(ids(&sandbox, "completed", -DAY - 60, -DAY + 60), [191, 194, 195]);
}

#[test]
fn a_cancellation_shows_up_late() {
    let list_delay = Duration::from_millis(300);
    let sandbox = Sandbox::start(Options { list_delay, ..recording() }).unwrap();
    cancel(&sandbox, 193);
    let cancelled = Instant::now();
    cancel(&sandbox, 5);
    // It is not there at first, unless this machine was too slow to look in time.
    let found = ids(&sandbox, "cancelled", -2 * DAY, 60);
    assert!(found == [193] || cancelled.elapsed() >= list_delay, "{found:?}");
    while ids(&sandbox, "cancelled", -2 * DAY, 60) != [193, 5] {
        assert!(cancelled.elapsed() < PATIENCE, "it never showed up");
    }
    assert!(cancelled.elapsed() >= list_delay);
    // It is listed with the time of its cancellation.
    let sandbox = Sandbox::start(Options { list_delay: Duration::from_secs(3600), ..recording() }).unwrap();
    cancel(&sandbox, 5);
    assert!(ids(&sandbox, "cancelled", -60, 7200).is_empty());
}

#[test]
fn a_window_can_be_for_the_date_of_invitation() {
    let dated = |sandbox: &Sandbox| {
        // What is listed for each of the last 90 days. None of the dates lies within twenty minutes of a day's end, so
        // that this test may be slow.
        let day = |day: i64| ids(sandbox, "cancelled", -(day + 1) * DAY, -day * DAY);
        (0..90).map(day).collect::<Vec<Vec<u64>>>()
    };
    let start = || {
        let sandbox = Sandbox::start(Options { list_date: ListDate::Invited, ..recording() }).unwrap();
        for invitation in (1..=30).chain([193, 293]) {
            cancel(&sandbox, invitation);
        }
        sandbox
    };
    let sandbox = start();
    let found = dated(&sandbox);
    let mut all: Vec<u64> = found.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=30).chain([193, 293]).collect::<Vec<u64>>());
    assert!(found.iter().all(|day| day.len() <= 2), "{found:?}");
    assert_eq!(dated(&start()), found, "the ID alone decides");
    // The earliest come first.
    let earliest_first: Vec<u64> = found.iter().rev().filter(|day| day.len() == 1).flatten().copied().collect();
    let mut listed = ids(&sandbox, "cancelled", -91 * DAY, 60);
    listed.retain(|id| earliest_first.contains(id));
    assert_eq!(listed, earliest_first);
}

#[test]
fn a_long_list_is_cut_without_a_word() {
    let list_page = NonZeroUsize::new(3);
    let sandbox = Sandbox::start(Options { list_page, ..recording() }).unwrap();
    for invitation in [9, 5, 293, 7, 193, 192] {
        cancel(&sandbox, invitation);
    }
    assert_eq!(ids(&sandbox, "cancelled", -2 * DAY, 60), [193, 293, 9]);
    assert_eq!(ids(&sandbox, "cancelled", -60, 60), [9, 5, 7]);
    assert_eq!(ids(&sandbox, "expired", -2 * DAY, 60), [192]);
}

#[test]
fn a_time_is_written_as_documented_or_refused() {
    let sandbox = sandbox();
    let status = |start: &str| {
        let window = json!({"StartDateTime": start, "EndDateTime": "2030-01-01T00:00:00Z"}).to_string();
        exchange(&sandbox, &keyed("POST /v3/candidates/testattempts?state=cancelled", &window)).status
    };
    assert_eq!(status("2020-03-20T16:00:00Z"), 200);
    for start in ["2020-03-20", "2020-03-20T16:00:00", "2020-03-20T16:00:00.5Z", "2020-03-20T16:00:00+00:00", ""] {
        assert_eq!(status(start), 400, "{start:?}");
    }
}
