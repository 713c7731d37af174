//! Who may read what a run leaves, what it takes away, and what is found out before it begins.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use crate::support::{Ended, Place, sandbox};

/// Group and mode of a file.
fn rights(place: &Place, name: &str) -> (u32, u32) {
    let found = fs::metadata(place.path(name)).unwrap();
    (found.gid(), found.mode() & 0o777)
}

fn set_mode(place: &Place, name: &str, mode: u32) {
    fs::set_permissions(place.path(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn results_and_journal_are_for_those_who_may_read_the_input() {
    let server = sandbox();
    for input in [0o600, 0o640, 0o644] {
        let place = Place::with_input("id\n1\n");
        set_mode(&place, "input.csv", input);
        place.run(&server, &[]);
        let (_group, mode) = rights(&place, "input.results.csv");
        assert_eq!((mode & !input, mode & 0o600), (0, 0o600), "{mode:o} for {input:o}");
        assert_eq!(rights(&place, "input.results.csv.journal").1, 0o600);
    }
}

#[test]
fn as_root_the_results_get_the_group_of_the_input() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n");
    if fs::metadata(place.path("input.csv")).unwrap().uid() != 0 {
        // Only root can give a file to a group that it is not in.
        return;
    }
    chown(place.path("input.csv"), None, Some(4_242)).unwrap();
    set_mode(&place, "input.csv", 0o640);
    place.run(&server, &["--limit", "1"]);
    assert_eq!(rights(&place, "input.results.csv"), (4_242, 0o640));
    // The operator gives them to others; those who may not read the input may not read them either.
    chown(place.path("input.results.csv"), None, Some(4_343)).unwrap();
    place.run(&server, &["--resume"]).expect_code(0);
    assert_eq!(rights(&place, "input.results.csv"), (4_343, 0o600));
}

#[test]
fn results_of_standard_input_are_for_the_owner_alone() {
    let server = sandbox();
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = place.command(["run", "-", "-y", "-o", "out.csv", "--base-url", &server.base_url()]);
        command.env("IMOCHA_API_KEY", server.api_key()).args(arguments).write_stdin("id\n1\n");
        Ended::of(&mut command)
    };
    run(&[]).expect_code(0);
    assert_eq!(rights(&place, "out.csv").1, 0o600);
    set_mode(&place, "out.csv", 0o644);
    run(&["--overwrite"]);
    assert_eq!(rights(&place, "out.csv").1, 0o600);
}

#[test]
fn results_that_are_replaced_or_gone_on_with_keep_the_mode_that_the_operator_gave_them() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n3\n");
    set_mode(&place, "input.csv", 0o644);
    place.run(&server, &["--limit", "1"]);
    for (mode, arguments) in
        [(0o600, ["--resume", "--limit=1"]), (0o600, ["--overwrite", "-v"]), (0o640, ["--resume", "-v"])]
    {
        set_mode(&place, "input.results.csv", mode);
        place.run(&server, &arguments);
        assert_eq!(rights(&place, "input.results.csv").1, mode, "{arguments:?}");
    }
}

#[test]
fn a_part_that_a_crash_left_goes_with_the_next_run() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    place.write(".imocha-cancel-Zz91Qx.part", "line,invitation_id,name\n2,1,Ann\n");
    place.run(&server, &["--dry-run"]).expect_code(0);
    assert!(place.has(".imocha-cancel-Zz91Qx.part"), "a dry run changes nothing");
    place.run(&server, &[]).expect_code(0);
    assert_eq!(place.names(), ["input.csv", "input.results.csv", "input.results.csv.journal"]);
}

#[test]
fn a_dry_run_finds_out_that_results_could_not_be_written() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    let too_long = format!("{}.csv", "r".repeat(250));
    for output in ["/proc/results.csv", &too_long, "input.csv/results.csv"] {
        let dry = place.run(&server, &["--dry-run", "--json", "-o", output]).expect_code(2);
        let real = place.run(&server, &["--json", "-o", output]).expect_code(2);
        assert_eq!(dry.json()["reason"], real.json()["reason"], "{output}: {}", dry.stderr);
    }
    let ended = place.run(&server, &["--dry-run", "--json", "-o", &too_long]);
    assert_eq!(ended.json()["reason"], "results_unwritable");
    place.run(&server, &["--dry-run"]).expect_code(0);
    assert_eq!(place.names(), ["input.csv"], "nothing is left behind");
    assert!(server.record().arrivals.iter().all(|arrival| arrival.invitation.is_none()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_dry_run_finds_out_that_the_disk_is_full() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n");
    place.run(&server, &["--limit", "1"]).expect_code(1);
    let before = (place.read("input.results.csv"), place.read("input.results.csv.journal"));
    // A file may have no bytes: what a full disk does. The signal that comes with it is ignored.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    for existing in ["--resume", "--overwrite"] {
        let mut command = assert_cmd::Command::new("bash");
        command.env_clear().current_dir(place.path("")).args(["-c", script, "bash"]);
        command.args([env!("CARGO_BIN_EXE_imocha-cancel"), "run", "input.csv", "--dry-run", "--json", existing]);
        command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
        let ended = Ended::of(&mut command).expect_code(2);
        assert_eq!(ended.json()["reason"], "results_unwritable", "{}", ended.stderr);
    }
    assert_eq!((place.read("input.results.csv"), place.read("input.results.csv.journal")), before);
}
