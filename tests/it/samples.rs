//! The samples: what they show is what happens.

use std::fs;

use crate::support::{Ended, OWN_COLUMNS, Place, asked_for, column, parse_results, repository, sandbox};

#[test]
fn the_sample_runs_and_its_results_are_the_sample_results() {
    let place = Place::with_input(fs::read(repository("samples/invitations.csv")).unwrap());
    let mut command = place.command(["run", "input.csv", "--sandbox", "--rate", "unlimited"]);
    Ended::of(&mut command).expect_code(1);
    let (results, expected) =
        (place.results(), parse_results(&fs::read_to_string(repository("samples/results.csv")).unwrap()));
    assert_eq!(results.len(), 20);
    let text = place.read("input.results.csv");
    assert_eq!(text.lines().next(), fs::read_to_string(repository("samples/results.csv")).unwrap().lines().next());
    for name in text.lines().next().unwrap().split(',').filter(|name| !["duration_ms", "finished_at"].contains(name)) {
        assert_eq!(column(&results, name), column(&expected, name), "{name}");
    }
    assert!(text.starts_with(OWN_COLUMNS));
}

#[test]
fn the_messy_sample_is_read_as_it_is_meant() {
    let server = sandbox();
    let place = Place::with_input(fs::read(repository("samples/messy.csv")).unwrap());
    place.run(&server, &[]).expect_code(1);
    let mut asked = asked_for(&server);
    asked.sort_unstable();
    assert_eq!(asked, [2_932_921, 2_932_922, 2_932_923, 2_932_924, 2_932_931, 2_932_932, 2_932_933]);
    let text = place.read("input.results.csv");
    assert_eq!(text.matches(";invalid_id;").count(), 8);
    assert_eq!(text.matches(";duplicate;").count(), 1);
    assert!(text.contains(";Sinéad O'Connor;") && text.contains(";left over\n"), "{text}");
}

/// A page without the moment at which it was made.
fn timeless(page: &str) -> String {
    let (before, rest) = page.split_once("Made on ").unwrap();
    let (_moment, after) = rest.split_once(" by ").unwrap();
    format!("{before}Made by {after}")
}

#[test]
fn the_sample_report_is_the_report_about_the_sample_results() {
    let place = Place::new();
    let mut command = place.command(["report", "samples/results.csv", "-o", "-"]);
    let page = Ended::of(command.current_dir(repository("."))).expect_code(0).stdout;
    let sample = fs::read_to_string(repository("samples/report.html")).unwrap();
    let again = "make it again: cargo run -- report samples/results.csv -o samples/report.html";
    assert_eq!(timeless(&page), timeless(&sample), "{again}");
}
