//! A system that allows few threads: the run says so before the first call, or it works; it never hangs.
#![cfg(target_os = "linux")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Ended, Place, asked_for, sandbox};

/// A user that nobody is, so that no other process counts.
const NOBODY: &str = "54321";
/// More than a run needs.
const ENOUGH: usize = 16;

#[test]
fn too_few_threads_are_told_before_the_first_call() {
    let is_root = Ended::of(assert_cmd::Command::new("id").arg("-u")).stdout.trim() == "0";
    let mut refused = 0;
    // The limit is for all processes of a user: only root can be one that has no others.
    for limit in 1..=(if is_root { ENOUGH } else { 1 }) {
        let server = sandbox();
        let place = Place::with_input("id\n101\n201\n");
        std::fs::set_permissions(place.path(""), Permissions::from_mode(0o777)).unwrap();
        std::fs::set_permissions(place.path("input.csv"), Permissions::from_mode(0o666)).unwrap();
        let user: &[&str] =
            if is_root { &["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"] } else { &["env"] };
        let script = format!("ulimit -u {limit}; exec \"$@\"");
        let mut command = assert_cmd::Command::new(user[0]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("IMOCHA_API_KEY", server.api_key());
        command.current_dir(place.path("")).args(&user[1..]).args(["bash", "-c", &script, "bash"]);
        command.args([env!("CARGO_BIN_EXE_imocha-cancel"), "run", "input.csv", "-y", "--json", "--base-url"]);
        let ended = Ended::of(command.arg(server.base_url()).timeout(crate::support::PATIENCE));
        if ended.code == 0 {
            assert_eq!(asked_for(&server).len(), 2);
            continue;
        }
        refused += 1;
        let ended = ended.expect_code(2).expect_said(&["allows too few threads", "ulimit -u"]);
        assert_eq!((&ended.json()["outcome"], &ended.json()["exit_code"]), (&"refused".into(), &2.into()));
        assert!(asked_for(&server).is_empty());
        assert_eq!(place.names(), ["input.csv"]);
    }
    assert!((1..ENOUGH).contains(&refused), "{refused} of them were refused");
}

#[test]
fn too_few_open_files_are_told_before_the_first_call() {
    for limit in 4..40 {
        let server = sandbox();
        let place = Place::with_input("id\n101\n");
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let mut command = assert_cmd::Command::new("bash");
        command.env_clear().env("IMOCHA_API_KEY", server.api_key()).current_dir(place.path(""));
        command.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_imocha-cancel"), "run", "input.csv", "-y", "--json"]);
        let ended = Ended::of(command.args(["--base-url", &server.base_url()]).timeout(crate::support::PATIENCE));
        if ended.code == 2 {
            assert!(asked_for(&server).is_empty());
            assert!(ended.stderr.contains("Too many open files"), "{limit}: {}", ended.stderr);
            assert!(!place.has("input.results.csv"), "{limit}");
        }
        assert!(!ended.stderr.contains("panicked"), "{limit}: {}", ended.stderr);
        assert_eq!(ended.json()["exit_code"], ended.code, "{limit}");
    }
}
