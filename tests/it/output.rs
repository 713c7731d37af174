//! What a run leaves: the results file, standard output, the summary.

use imocha_cancel::sandbox::{Faults, Options};
use serde_json::Value;

use crate::canned::{Answer, Canned};
use crate::support::{Ended, OWN_COLUMNS, Place, column, parse_results, sandbox, sandbox_with};

#[test]
fn the_results_keep_the_inputs_columns_in_its_own_dialect() {
    let server = sandbox();
    let place = Place::with_input("\u{feff}Name;id;status\r\n\"Lee; Jo\";1;new\r\nJosé;2;\"two\r\nlines\"\r\n");
    place.run(&server, &["--concurrency", "1"]).expect_code(0);
    let text = place.read("input.results.csv");
    let header = OWN_COLUMNS.replace(',', ";");
    assert!(text.starts_with(&format!("\u{feff}{header};Name;id;input_status\n")), "{text}");
    assert!(text.contains("Z;\"Lee; Jo\";1;new\n") && text.ends_with("Z;José;2;\"two\r\nlines\"\n"), "{text}");
}

#[test]
fn results_on_standard_output_are_all_that_is_there() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n");
    let ended = place.run(&server, &["-o", "-"]).expect_code(0);
    assert_eq!(column(&parse_results(&ended.stdout), "status"), ["cancelled"; 2]);
    assert!(ended.stderr.contains("finished"));
    assert_eq!(place.names(), ["input.csv"]);
}

#[test]
fn the_json_summary_has_every_promised_field() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n97\nx\n1\n");
    let ended = place.run(&server, &["--json"]).expect_code(1);
    let mut json = ended.json();
    for time in ["started_at", "finished_at"] {
        let stamp = json[time].take();
        let stamp = stamp.as_str().unwrap();
        assert!(stamp.parse::<jiff::Timestamp>().is_ok() && stamp.len() == "2026-01-02T03:04:05.678Z".len(), "{stamp}");
    }
    assert!(json["duration_s"].take().as_f64().unwrap() > 0.0);
    assert!(json["calls"]["per_second"].take().as_f64().unwrap() > 0.0);
    for quantile in ["p50", "p95", "p99", "max"] {
        assert!(json["latency_ms"][quantile].take().as_f64().unwrap() > 0.0);
    }
    let expected = format!(
        r#"{{"tool":"imocha-cancel","version":"{}","outcome":"finished","reason":null,"exit_code":1,
        "input":"input.csv","results":"input.results.csv","started_at":null,"finished_at":null,"duration_s":null,
        "rows":{{"total":4,"cancelled":1,"not_cancellable":0,"not_found":1,"forbidden":0,"unauthorized":0,
            "rate_limited":0,"server_error":0,"unreachable":0,"unconfirmed":0,"unexpected_response":0,"invalid_id":1,
            "duplicate":1,"filtered":0,"not_attempted":0}},
        "calls":{{"total":2,"retries":0,"per_second":null}},
        "latency_ms":{{"p50":null,"p95":null,"p99":null,"max":null}},
        "host":"{}","simulated":true,"dry_run":false,
        "this_run":{{"cancelled":1,"not_cancellable":0,"not_found":1,"forbidden":0,"unauthorized":0,
            "rate_limited":0,"server_error":0,"unreachable":0,"unconfirmed":0,"unexpected_response":0,"invalid_id":1,
            "duplicate":1,"filtered":0,"not_attempted":0}},
        "without_result":0,"message":null,"resume_command":null,"input_sha256":"{}"}}"#,
        env!("CARGO_PKG_VERSION"),
        server.base_url().trim_start_matches("http://"),
        "e6bc54c9d65cf43b3f0ab49e183923f7acd86fb7f17de8f1d3c8e34a07baa1d9",
    );
    assert_eq!(json, serde_json::from_str::<Value>(&expected).unwrap());
}

#[test]
fn quiet_says_nothing_of_a_run_that_went_well() {
    let ended = Place::with_input("id\n1\n").run(&sandbox(), &["--quiet"]).expect_code(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

#[test]
fn verbose_logs_each_call_and_never_the_key() {
    let server = sandbox();
    let ended = Place::with_input("id\n1\n97\n").run(&server, &["-v"]).expect_code(1);
    assert!(!ended.stderr.contains(server.api_key()));
    ended.expect_said(&[
        "line=2",
        "id=1",
        "status=\"cancelled\"",
        "line=3",
        "id=97",
        "status=\"not_found\"",
        "http_status=404",
    ]);
}

#[test]
fn the_log_is_json_line_by_line_when_asked_for() {
    for arguments in [vec!["--log-format", "json"], vec!["--log-format", "json", "-v"]] {
        let ended = Place::with_input("id\n1\n97\n").run(&sandbox(), &arguments).expect_code(1);
        assert!(ended.stderr.lines().count() >= 2);
        for line in ended.stderr.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(event["timestamp"].is_string() && event["message"].is_string(), "{line}");
        }
    }
    let place = Place::with_input("name,mail\nx,y\n");
    let refused = place.run(&sandbox(), &["--log-format", "json"]).expect_code(2);
    assert!(refused.stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", refused.stderr);
}

#[test]
fn the_summary_counts_what_the_results_hold() {
    let place = Place::with_input("id\n1\n2\n97\nx\n");
    let ended = place.run(&sandbox(), &[]).expect_code(1);
    for (status, count) in [("cancelled", "2"), ("not_found", "1"), ("invalid_id", "1")] {
        let line = ended.stderr.lines().find(|line| line.trim_start().starts_with(status)).unwrap();
        assert!(line.ends_with(&format!(" {count}")), "{line}");
    }
    ended.expect_said(&["4 rows at 127.0.0.1:", ", simulated\n", "results: \"input.results.csv\""]);
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_is_no_crash() {
    let place = Place::new();
    let help = "set -o pipefail; \"$0\" run --help | head -n 1";
    let mut command = assert_cmd::Command::new("bash");
    command.current_dir(place.path("")).args(["-c", help, env!("CARGO_BIN_EXE_imocha-cancel")]);
    let ended = Ended::of(&mut command);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn nobody_is_told_to_resume_what_went_to_standard_output() {
    // A minute of rows: the reader is gone long before.
    let list = std::iter::once(96).chain(1000..1080).map(|id| format!("{id}\n")).collect::<String>();
    let list = format!("id\n{list}");
    let (server, place) = (sandbox(), Place::with_input(&list));
    let run = "set -o pipefail; \"$0\" run input.csv -y -o - --concurrency 1 | head -n 1 > /dev/null";
    let mut command = assert_cmd::Command::new("bash");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("IMOCHA_API_KEY", server.api_key());
    command.env("IMOCHA_CANCEL_BASE_URL", server.base_url()).current_dir(place.path(""));
    let ended = Ended::of(command.args(["-c", run, env!("CARGO_BIN_EXE_imocha-cancel")])).expect_code(3);
    assert!(ended.stderr.contains("have no result"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("--resume"), "{}", ended.stderr);
}

#[test]
fn what_this_run_added_is_told_apart_from_what_the_results_hold() {
    let (server, place) = (sandbox(), Place::with_input("id\n1\n2\n97\nx\n"));
    let first = place.run(&server, &["--limit", "1", "--json"]).expect_code(1);
    assert_eq!(first.json()["rows"]["cancelled"], first.json()["this_run"]["cancelled"]);
    assert!(!first.stderr.contains("of this run"), "{}", first.stderr);
    let second = place.run(&server, &["--resume", "--json"]).expect_code(1);
    let json = second.json();
    assert_eq!((&json["rows"]["cancelled"], &json["this_run"]["cancelled"]), (&2.into(), &1.into()));
    assert_eq!((&json["rows"]["invalid_id"], &json["this_run"]["invalid_id"]), (&1.into(), &0.into()));
    second.expect_said(&["of this run: 1 cancelled, 1 not_found"]);
}

#[test]
fn what_the_key_may_not_cancel_has_to_be_mended_first() {
    let (server, place) = (sandbox(), Place::with_input("id\n1\n96\n"));
    let ended = place.run(&server, &["--json"]).expect_code(1);
    assert_eq!(ended.json()["resume_command"], Value::Null);
    assert!(!ended.stderr.contains("to go on"), "{}", ended.stderr);
    ended.expect_said(&["may not cancel 1 invitation (403)", "--resume tries them again"]);
}

#[test]
fn a_refusal_has_its_sentence_in_the_summary() {
    let ended = Place::new().run(&sandbox(), &["--json"]).expect_code(2);
    let json = ended.json();
    assert!(json["message"].as_str().unwrap().starts_with("there is no input file \"input.csv\""), "{json}");
    assert_eq!((&json["simulated"], &json["without_result"]), (&false.into(), &0.into()));
    let sandboxed = Ended::of(Place::with_input("id\n1\n").command(["run", "input.csv", "--sandbox"]).arg("--json"));
    assert_eq!(sandboxed.json()["simulated"], true);
}

#[test]
fn a_simulation_is_told_from_the_truth() {
    let place = Place::with_input("id\n1\n");
    let server = sandbox();
    assert_eq!(place.run(&server, &["-n", "--json"]).expect_code(0).json()["simulated"], true);
    let server = Canned::serve(|path, _before| Answer::cancelled(path));
    let ended = place.run_at(&server.base_url, "key", &["--json"]).expect_code(0);
    let host = server.base_url.replace("http://", "");
    let ended = ended.expect_said(&[&format!("1 row at {host}\n")]);
    let json = ended.json();
    assert_eq!((&json["simulated"], &json["host"]), (&false.into(), &host.into()));
}

#[test]
fn how_long_the_answers_took_is_for_whoever_wants_to_know() {
    let server = sandbox();
    let usual = Place::with_input("id\n1\n").run(&server, &[]).expect_code(0).expect_said(&["1 call, "]);
    assert!(!usual.stderr.contains("answered within"), "{}", usual.stderr);
    Place::with_input("id\n2\n").run(&server, &["-v"]).expect_code(0).expect_said(&["half answered within "]);
}

/// The events of a log in JSON.
fn events(ended: &Ended) -> Vec<Value> {
    ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_log_for_scripts_has_the_end_and_what_needs_attention_as_events_with_fields() {
    let ended = Place::with_input("id\n1\n97\nx\n").run(&sandbox(), &["--log-format", "json"]).expect_code(1);
    let events = events(&ended);
    let kind = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    let [end] = kind("ended")[..] else { panic!("{events:?}") };
    assert_eq!((&end["level"], &end["outcome"], &end["exit_code"]), (&"WARN".into(), &"finished".into(), &1.into()));
    assert_eq!(
        (&end["rows"]["total"], &end["rows"]["not_found"], &end["simulated"]),
        (&3.into(), &1.into(), &true.into())
    );
    let rows: Vec<_> = kind("attention").iter().map(|event| (event["line"].clone(), event["status"].clone())).collect();
    assert_eq!(rows, [(3.into(), "not_found".into()), (4.into(), "invalid_id".into())]);
    for event in &events {
        let message = event["message"].as_str().unwrap();
        assert!(!message.contains("  ") && !message.contains('\n'), "prose: {event}");
    }
    let refused = Place::new().run(&sandbox(), &["--log-format", "json"]).expect_code(2);
    let refused: Value = serde_json::from_str(refused.stderr.trim()).unwrap();
    assert_eq!((&refused["event"], &refused["reason"]), (&"refused".into(), &"input".into()));
    assert!(refused["hint"].is_string() || refused["caused_by"].is_array(), "{refused}");
    let quiet = Place::with_input("id\n1\n").run(&sandbox(), &["--log-format", "json", "-q"]).expect_code(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn verbose_logs_each_attempt_and_no_row_that_was_never_called() {
    let faults = r#"[{"ids": 1, "attempts": {"to": 2}, "answer": {"status": 500}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let ended = Place::with_input("id\n1\n1\nx\n").run(&server, &["-v", "--log-format", "json"]).expect_code(1);
    let attempts: Vec<_> = events(&ended)
        .into_iter()
        .filter(|event| event["attempt"].is_number())
        .map(|event| {
            (event["line"].clone(), event["attempt"].clone(), event["http_status"].clone(), event["again"].clone())
        })
        .collect();
    let attempt =
        |number: u64, http_status: u16, again: bool| (2.into(), number.into(), http_status.into(), again.into());
    assert_eq!(attempts, [attempt(1, 500, true), attempt(2, 500, true), attempt(3, 200, false)]);
    let recorded = events(&ended).iter().filter(|event| event["event"] == "recorded").count();
    assert_eq!(recorded, 1, "{}", ended.stderr);
}

#[test]
fn a_warning_is_a_sentence_and_no_line_of_a_log() {
    let place = Place::with_input("id,name\n5,Ann\n\nEmployee,Phone\n1001,99\n");
    let ended = place.run(&sandbox(), &[]).expect_code(1);
    let warning = ended.stderr.lines().find(|line| line.contains("another table begins, and")).unwrap();
    assert_eq!(
        warning,
        "warning: another table begins, and nothing from there on is sent; give it a file of its own \
         (input \"input.csv\", line 4)"
    );
}
