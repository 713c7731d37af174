//! Faults on purpose: no results row may say something that the server's own record contradicts.

use std::collections::HashMap;

use imocha_cancel::sandbox::{Arrival, Faults, InvitationState, Options, Sandbox};

use crate::support::{Ended, PATIENCE, Place, ResultsRow, at_once, sandbox_with};

/// Fails unless every row counts the calls that were made for it. Calls of runs that were killed are not counted.
fn check_attempts(server: &Sandbox, results: &[ResultsRow]) {
    for row in results {
        let id: u64 = row["invitation_id"].parse().unwrap();
        let received = server.record().arrivals.iter().filter(|arrival| arrival.invitation == Some(id)).count();
        assert!(row["attempts"].parse::<usize>().unwrap() >= received, "a call is not counted: {row:?}");
    }
}

fn with_faults(faults: &str) -> Sandbox {
    sandbox_with(Options { faults: Faults::parse(faults).unwrap(), seed: 20_260_120, ..Options::default() })
}

/// Pending invitations but for those whose IDs end in 90 and above.
fn input(rows: u64) -> Place {
    Place::with_input((1..=rows).fold("id\n".to_owned(), |text, id| format!("{text}{id}\n")))
}

/// Fails unless every row says the truth about its invitation.
pub(crate) fn check_against_the_record(server: &Sandbox, results: &[ResultsRow], rows: usize) {
    assert_eq!(results.len(), rows, "each row has one result");
    let mut arrivals: HashMap<u64, Vec<Arrival>> = HashMap::new();
    for arrival in server.record().arrivals {
        arrivals.entry(arrival.invitation.unwrap()).or_default().push(arrival);
    }
    for row in results {
        let id: u64 = row["invitation_id"].parse().unwrap();
        let received = arrivals.get(&id).map_or(&[][..], Vec::as_slice);
        let was_cancelled = received.iter().any(Arrival::is_applied);
        match row["status"].as_str() {
            "cancelled" => assert!(was_cancelled && server.state_of(id) == Some(InvitationState::Canceled), "{row:?}"),
            "not_cancellable" | "not_found" | "forbidden" | "rate_limited" => assert!(!was_cancelled, "{row:?}"),
            "unreachable" | "not_attempted" => assert!(received.is_empty(), "{row:?} {received:?}"),
            "server_error" | "unconfirmed" => assert!(!received.is_empty(), "{row:?}"),
            other => panic!("{other}: {row:?}"),
        }
    }
}

#[test]
fn each_fault_alone_leaves_no_untrue_row() {
    let faults = [
        r#"{"answer": {"status": 500}}"#,
        r#"{"answer": {"status": 503, "applied": true}}"#,
        r#"{"answer": {"status": 429, "retry_after": "0"}}"#,
        r#"{"answer": {"status": 429, "retry_after": "soon"}}"#,
        r#"{"answer": {"status": 200, "body": "{\"testInvitationId\":{other_id},\"status\":\"cancelled\"}"}}"#,
        r#"{"answer": {"status": 200, "body": "<html>{id}</html>", "applied": true}}"#,
        r#"{"answer": {"status": 302, "headers": [["location", "/v3/tests"]]}}"#,
        r#"{"reset": {}}"#,
        r#"{"reset": {"applied": true}}"#,
        r#"{"close": {}}"#,
        r#"{"close": {"applied": true}}"#,
        r#"{"hang": {"applied": true}}"#,
        r#"{"truncate": {}}"#,
        r#"{"garbage": {"applied": true}}"#,
        r#"{"slow": {"by": "50ms"}}"#,
    ];
    at_once(faults, |fault| {
        // The first call for every third invitation, so that no ten calls in a row fail.
        let rule = fault.replacen('{', r#"{"ending": [1, 4, 7, 93], "attempts": 1, "#, 1);
        let server = with_faults(&format!("[{rule}]"));
        let place = input(12);
        place.run(&server, &["--timeout", "1s", "--concurrency", "4"]);
        let results = place.results();
        let fault_done = server.record().arrivals.iter().any(|arrival| arrival.fault.is_some());
        assert!(fault_done, "{fault} was not committed");
        for row in results.iter().filter(|row| row["status"] == "unexpected_response") {
            assert!(fault.contains("302"), "{fault}: {row:?}");
        }
        let others: Vec<ResultsRow> =
            results.iter().filter(|row| row["status"] != "unexpected_response").cloned().collect();
        check_against_the_record(&server, &others, others.len());
        check_attempts(&server, &results);
        assert_eq!(results.len(), 12);
    });
}

#[test]
fn a_server_that_is_gone_for_a_while_costs_no_row() {
    let server = with_faults(r#"[{"refuse": {"after_calls": 20, "for": "2500ms"}}]"#);
    let place = input(80);
    let ended = place.run(&server, &["--concurrency", "4", "--json"]).expect_code(0);
    assert_eq!(ended.json()["rows"]["cancelled"], 80);
    check_against_the_record(&server, &place.results(), 80);
    check_attempts(&server, &place.results());
}

#[test]
fn a_storm_of_all_faults_leaves_no_untrue_row() {
    let faults = r#"[
        {"chance": 0.002, "answer": {"status": 429, "retry_after": "1"}},
        {"chance": 0.04, "answer": {"status": 500}},
        {"chance": 0.04, "answer": {"status": 502, "body": "<h1>bad</h1>", "applied": true}},
        {"chance": 0.03, "reset": {}},
        {"chance": 0.03, "reset": {"applied": true}},
        {"chance": 0.03, "close": {}},
        {"chance": 0.03, "close": {"applied": true}},
        {"chance": 0.01, "hang": {}},
        {"chance": 0.01, "hang": {"applied": true}},
        {"chance": 0.03, "truncate": {}},
        {"chance": 0.03, "garbage": {}},
        {"chance": 0.02, "answer": {"status": 200, "body": "{}", "applied": true}},
        {"chance": 0.02, "answer": {"status": 200, "body": "{\"testInvitationId\":{other_id},\"status\":\"cancelled\"}"}},
        {"chance": 0.02, "slow": {"by": "20ms"}},
        {"refuse": {"after_calls": 750, "for": "1500ms"}}
    ]"#;
    let server = with_faults(faults);
    let place = input(1000);
    let ended =
        place.run(&server, &["--concurrency", "32", "--timeout", "1s", "--max-attempts", "3", "--json"]).expect_code(1);
    check_against_the_record(&server, &place.results(), 1000);

    let rows = &ended.json()["rows"];
    let count = |status: &str| rows[status].as_u64().unwrap();
    assert!(count("cancelled") > 700 && count("unconfirmed") > 5, "{rows}");
    assert!(count("not_cancellable") > 25, "{rows}");
    assert_eq!(count("not_attempted"), 0, "{rows}");
    assert!(ended.json()["calls"]["retries"].as_u64().unwrap() > 100);
}

#[test]
fn the_served_sandbox_commits_faults_and_keeps_a_record() {
    let place = input(3);
    place.write("faults.json", r#"[{"ids": 2, "answer": {"status": 403}}]"#);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["sandbox", "--port", "0", "--latency", "0s"]);
    let server = crate::server::Served::of(command.args(["--faults", "faults.json", "--record", "record.jsonl"]));
    place.run_at(&server.base_url, &server.api_key, &["--concurrency", "1"]).expect_code(1);
    let record = place.read("record.jsonl");
    let lines: Vec<serde_json::Value> = record.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (&line["id"], &line["status"], &line["applied"])).collect();
    let number = |number: u64| serde_json::Value::from(number);
    assert_eq!(
        told,
        [
            (&number(1), &number(200), &true.into()),
            (&number(2), &number(403), &false.into()),
            (&number(3), &number(200), &true.into())
        ]
    );
}

#[test]
fn a_faults_file_that_makes_no_sense_is_refused_by_name() {
    let place = Place::new();
    place.write("faults.json", "[\n{\"ids\": 2, \"explode\": {}}]");
    let mut command = place.command(["sandbox", "--port", "0", "--faults", "faults.json"]);
    Ended::of(command.timeout(PATIENCE)).expect_code(2).expect_said(&["faults.json", "line 2", "explode"]);
}
