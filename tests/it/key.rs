//! Where the API key comes from, and that it is never seen.

use crate::support::{Ended, Place, asked_for, sandbox};

/// Runs one row with a key from wherever `give` puts it.
fn run_with(place: &Place, base_url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = place.command(["run", "input.csv", "-y", "--overwrite", "--json", "--base-url", base_url]);
    Ended::of(command.args(arguments).envs(variables.iter().copied()))
}

#[test]
fn the_key_comes_from_a_file_the_environment_or_the_systemd_credential_in_this_order() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    place.write("key.txt", format!("{}\r\n", server.api_key()));
    place.write("imocha-api-key", server.api_key());
    let directory = place.path("");
    let directory = directory.to_str().unwrap();
    let right = server.api_key();

    for (arguments, variables) in [
        (vec!["--api-key-file", "key.txt"], vec![("IMOCHA_API_KEY", "wrong")]),
        (vec![], vec![("IMOCHA_CANCEL_API_KEY_FILE", "key.txt")]),
        (vec![], vec![("IMOCHA_API_KEY", right), ("CREDENTIALS_DIRECTORY", "/nonexistent")]),
        (vec![], vec![("CREDENTIALS_DIRECTORY", directory)]),
    ] {
        let ended = run_with(&place, &server.base_url(), &arguments, &variables);
        assert_ne!(ended.json()["reason"], "no_key", "{}", ended.stderr);
        assert_eq!(ended.json()["calls"]["total"], 1);
        assert_ne!(ended.json()["reason"], "unauthorized", "{arguments:?} {variables:?}");
    }
}

#[test]
fn a_key_that_is_missing_or_cannot_be_one_is_refused_without_showing_it() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    place.write("empty.txt", " \n");
    place.write("two.txt", "s3cret-one\ns3cret-two\n");
    place.write("binary.txt", b"s3cret\xff\xfe");
    place.write("quoted.txt", "\"s3cret\"\n");
    place.write("settings.txt", "IMOCHA_KEY='s3cret'\n");
    std::fs::create_dir(place.path("directory")).unwrap();
    let itself = "s3cretS3cretS3cretS3cret";
    for (arguments, variables, said) in [
        (vec![], vec![], "there is no API key"),
        (vec![], vec![("CREDENTIALS_DIRECTORY", "/nonexistent")], "there is no API key"),
        (vec![], vec![("IMOCHA_API_KEY", "")], "it is empty"),
        (vec![], vec![("IMOCHA_API_KEY", "s3cret with blanks")], "a character that no key has"),
        (vec![], vec![("IMOCHA_API_KEY", "\"s3cret\"")], "it has quotes around it"),
        (vec![], vec![("IMOCHA_API_KEY", "IMOCHA_API_KEY=s3cret")], "it has NAME= in front"),
        (vec!["--api-key-file", "missing.txt"], vec![("IMOCHA_API_KEY", "s3cret")], "missing.txt"),
        (vec!["--api-key-file", "missing.txt"], vec![], "write the key alone into a file"),
        (vec!["--api-key-file", itself], vec![], "not shown: it may be a key"),
        (vec!["--api-key-file", "directory"], vec![], "name the file in it"),
        (vec!["--api-key-file", "quoted.txt"], vec![], "it has quotes around it"),
        (vec!["--api-key-file", "settings.txt"], vec![], "it has NAME= in front"),
        (vec!["--api-key-file", "empty.txt"], vec![], "it is empty"),
        (vec!["--api-key-file", "two.txt"], vec![], "more than one line"),
        (vec!["--api-key-file", "binary.txt"], vec![], "not text"),
    ] {
        let ended = run_with(&place, &server.base_url(), &arguments, &variables).expect_code(2).expect_said(&[said]);
        assert_eq!(ended.json()["reason"], "no_key");
        assert!(!ended.stderr.contains("s3cret") && !ended.stdout.contains("s3cret"), "{}", ended.stderr);
    }
    assert!(asked_for(&server).is_empty());
}

#[cfg(unix)]
#[test]
fn a_key_that_everybody_can_read_is_worth_a_warning() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let server = sandbox();
    let place = Place::with_input("id\n1\n");
    place.write("key.txt", server.api_key());
    for (mode, warned) in [(0o644, true), (0o600, false)] {
        set_permissions(place.path("key.txt"), Permissions::from_mode(mode)).unwrap();
        let ended = run_with(&place, &server.base_url(), &["--api-key-file", "key.txt"], &[]);
        assert_eq!(ended.stderr.contains("chmod 600"), warned, "{}", ended.stderr);
    }
}
