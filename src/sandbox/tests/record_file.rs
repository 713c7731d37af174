//! The record in a file, which another process can read.

use std::fs;
use std::path::Path;

use super::*;

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_file_knows_each_request_before_its_answer_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.jsonl");
    let faults = Faults::parse(r#"[{"ids": 7, "close": {"applied": true}}, {"list": "expired", "hang": {}}]"#).unwrap();
    let options = Options { faults, record: Some(path.clone()), ..Options::default() };
    let sandbox = Sandbox::start(options).unwrap();
    assert!(lines(&path).is_empty());
    assert_eq!(exchange(&sandbox, &keyed("GET /v3/tests?pageNo=1", "")).status, 200);
    assert_eq!(cancel(&sandbox, 5).status, 200);
    assert_eq!(cancel(&sandbox, 5).status, 400);
    let closed = send(&sandbox, cancel_request(7));
    assert_eq!(io::read_to_string(closed).unwrap(), "");
    let _hanging = send(&sandbox, lists::list_request("expired", -60, 60));
    let (list, started) = ("/v3/candidates/testattempts?state=expired", Instant::now());
    while lines(&path).len() < 5 {
        assert!(started.elapsed() < PATIENCE, "the list call was never recorded");
    }
    let lines = lines(&path);
    let cancel = |id: u64| json!({"method": "POST", "path": format!("/v3/invitations/{id}/cancel"), "id": id});
    let expected = [
        (json!({"method": "GET", "path": "/v3/tests?pageNo=1", "id": null}), Some(200), false, None, None),
        (cancel(5), Some(200), true, None, None),
        (cancel(5), Some(400), false, None, None),
        (cancel(7), None, true, Some("close"), Some(1)),
        (json!({"method": "POST", "path": list, "id": null}), None, false, Some("hang"), Some(2)),
    ];
    assert_eq!(lines.len(), expected.len());
    for (line, (mut expected, status, applied, fault, rule)) in lines.into_iter().zip(expected) {
        expected["time_ms"] = line["time_ms"].clone();
        expected["status"] = json!(status);
        expected["applied"] = json!(applied);
        expected["fault"] = json!(fault);
        expected["rule"] = json!(rule);
        assert!(line["time_ms"].is_u64());
        assert_eq!(line, expected);
    }
    assert!(sandbox.record().arrivals.is_empty());
}

#[test]
fn a_file_that_exists_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("invitations.csv");
    fs::write(&path, "id\n1\n").unwrap();
    let error = Sandbox::start(Options { record: Some(path.clone()), ..Options::default() }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("invitations.csv"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "id\n1\n");
}

#[test]
fn there_is_no_file_without_a_sandbox() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("record.jsonl");
    let taken = sandbox();
    let error = Sandbox::start(Options { port: taken.port(), record: Some(path.clone()), ..Options::default() });
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(!path.exists());
}
