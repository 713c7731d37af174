//! `--failed` writes the rows that need attention, in the input's own columns, for whoever made the list.

use std::fs;

use imocha_cancel::sandbox::{Faults, Options};

use crate::support::{Place, asked_for, sandbox, sandbox_with};

#[test]
fn the_rows_that_need_attention_stand_there_as_they_came() {
    let faults = r#"[{"ids": 91, "slow": {"by": "400ms"}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place =
        Place::with_input("name;Invitation Id;status\n\"Ann; B\";91;new\nBob;1;new\nCid;x;old\nDee;97;\nEve;1;new\n");
    let ended = place.run(&server, &["--failed", "failed.csv"]).expect_code(1);
    assert_eq!(
        place.read("failed.csv"),
        "name;Invitation Id;input_status;status;error\n\
         \"Ann; B\";91;new;not_cancellable;HTTP 400: Testinvitation state in inprogress, complete, and expired can not be \
         cancelled.\n\
         Cid;x;old;invalid_id;text, not a number\n\
         Dee;97;;not_found;HTTP 404: The resource does not exist.\n"
    );
    ended.expect_said(&["rows that need attention, for whoever made the list: \"failed.csv\""]);

    // The next run replaces it, and a run in which all is well leaves its header.
    place.write("input.csv", "id,note\n2,a\n");
    place.run(&server, &["--failed", "failed.csv", "--overwrite"]).expect_code(0);
    assert_eq!(place.read("failed.csv"), "id,note,status,error\n");
}

#[test]
fn what_is_in_doubt_there_is_in_doubt_for_the_run_that_takes_it_as_input() {
    let faults = r#"[{"ids": 1, "attempts": 1, "reset": {"applied": true}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = Place::with_input("id\n1\n2\n");
    place.run(&server, &["--failed", "failed.csv", "--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    let again = Place::with_input(place.read("failed.csv"));
    again.run(&server, &["--where", "status=unconfirmed"]).expect_code(1);
    let rows = again.results();
    assert_eq!(
        (rows.len(), rows[0]["status"].as_str()),
        (1, "unconfirmed"),
        "the refusal may be our own doing: {rows:?}"
    );
    assert_eq!(asked_for(&server), [1, 2, 1]);
}

#[test]
fn nothing_but_its_like_is_replaced_and_nothing_is_sent_before_that_is_known() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    place.write("precious.csv", "id,status\n1,mine\n");
    fs::create_dir(place.path("directory")).unwrap();
    for (file, said) in [
        ("precious.csv", "is there already, and --failed has not written it"),
        ("input.csv", "--failed and the input are the same file"),
        ("input.results.csv", "--failed and the results \"input.results.csv\" are the same file"),
        ("input.results.csv.journal", "--failed and the journal"),
        ("directory", "is a directory"),
        ("missing/failed.csv", "there is no directory"),
        ("-", "--failed needs a file"),
    ] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let ended = place.run(&server, &[&["--failed", file], dry_run].concat()).expect_code(2);
            assert!(ended.stderr.contains(said), "{file}: {}", ended.stderr);
        }
    }
    place.run(&server, &["--failed", "failed.csv", "-o", "-"]).expect_code(2).expect_said(&["needs a results file"]);
    assert_eq!(place.read("precious.csv"), "id,status\n1,mine\n");
    assert_eq!(place.names(), ["directory", "input.csv", "precious.csv"]);
    assert_eq!(asked_for(&server), [0; 0]);
}

#[cfg(unix)]
#[test]
fn who_may_not_read_the_input_may_not_read_them() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::with_input("id\nx\n1\n");
    fs::set_permissions(place.path("input.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    place.run(&sandbox(), &["--failed", "failed.csv"]).expect_code(1);
    assert_eq!(fs::metadata(place.path("failed.csv")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn two_files_of_a_run_are_never_one() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    for (one, other) in [("--failed", "--report"), ("--failed", "--metrics-file"), ("--report", "--metrics-file")] {
        let ended = place.run(&server, &[one, "same.prom", other, "./same.prom"]).expect_code(2);
        assert!(ended.stderr.contains("are the same file"), "{one} and {other}: {}", ended.stderr);
    }
    assert_eq!((place.names(), asked_for(&server)), (vec!["input.csv".to_owned()], Vec::new()));
}
