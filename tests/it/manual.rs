//! The manual pages: complete, in step with README and the code, and without findings of those who check such pages.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use imocha_cancel::cli::Cli;
use imocha_cancel::ending::ExitCode;
use imocha_cancel::outcome::Status;
use imocha_cancel::sandbox::Faults;

use crate::support::{Ended, OWN_COLUMNS, Place, repository};

/// A place with the pages in `man`.
fn place_with_pages() -> Place {
    let place = Place::new();
    Ended::of(&mut place.command(["man", "man"])).expect_code(0);
    place
}

fn page(place: &Place, command: &str) -> String {
    place.read(&format!("man/imocha-cancel-{command}.1"))
}

/// The rows of the tables in README.md whose first cell is one of these, as cells without marks.
fn told_in_readme(first_cells: &[String]) -> Vec<Vec<String>> {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").map(|cell| cell.replace(['`', '*'], "")).collect::<Vec<_>>());
    cells.filter(|cells| first_cells.contains(&cells[0])).collect()
}

#[test]
fn readme_tells_of_statuses_and_exit_codes_what_the_manual_does() {
    let words: Vec<String> = Status::ALL.iter().map(|status| status.word().to_owned()).collect();
    let expected: Vec<String> = Status::ALL.iter().map(|status| status.meaning().to_owned()).collect();
    let told: Vec<String> = told_in_readme(&words).into_iter().map(|cells| cells[1].clone()).collect();
    assert_eq!(told, expected);
    let codes = ExitCode::ALL.map(|code| vec![code.number().to_string(), code.meaning().to_owned()]);
    assert_eq!(told_in_readme(&codes.each_ref().map(|cells| cells[0].clone())), codes);
}

#[test]
fn each_command_has_a_page_with_all_its_flags() {
    let place = place_with_pages();
    let parser = Cli::parser();
    for command in parser.get_subcommands() {
        let page = page(&place, command.get_name());
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            let flag = format!(r"\fB\-\-{}\fR", flag.replace('-', r"\-"));
            assert!(page.contains(&flag), "{flag} is missing in {page}");
        }
    }
    let expected = parser.get_subcommands().count() + 1;
    assert_eq!(fs::read_dir(place.path("man")).unwrap().count(), expected);
    let main = Ended::of(&mut place.command(["man"])).expect_code(0).stdout;
    assert_eq!(main, place.read("man/imocha-cancel.1"));
}

#[test]
fn the_page_of_run_has_statuses_columns_and_exit_codes() {
    let page = page(&place_with_pages(), "run");
    for status in Status::ALL {
        assert!(page.contains(&format!(".TP\n\\fB{status}\\fR\n")), "{status}");
    }
    for column in OWN_COLUMNS.split(',') {
        assert!(page.contains(&format!(".TP\n.B {column}\n")), "{column}");
    }
    for code in ExitCode::ALL {
        assert!(page.contains(&format!(".TP\n\\fB{}\\fR\n", code.number())), "{code:?}");
    }
    for section in ["ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"] {
        assert!(page.contains(section), "{section}");
    }
}

#[test]
fn the_faults_in_the_manual_are_those_that_the_sandbox_takes() {
    let page = page(&place_with_pages(), "sandbox");
    let example = page.split_once(".EX\n").unwrap().1.split_once(".EE\n").unwrap().0.replace("\\e", "\\");
    Faults::parse(&example).unwrap();
    // The sandbox's own example has one rule of each kind.
    let rules: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(include_str!("../../src/sandbox/faults_example.json")).unwrap();
    let names: BTreeSet<&String> = rules.iter().flat_map(serde_json::Map::keys).collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names {
        assert!(page.contains(&format!(".TP\n.B {name}\n")), "{name} is not in the manual");
        assert!(example.contains(&format!("\"{name}\"")), "{name} is not in the example");
    }
}

#[test]
fn mandoc_has_no_findings_and_every_page_fits_on_a_terminal() {
    let place = place_with_pages();
    for entry in fs::read_dir(place.path("man")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(lint) = Command::new("mandoc").args(["-T", "lint"]).arg(&path).output() else {
            println!("left out: mandoc is not installed");
            return;
        };
        assert_eq!(String::from_utf8_lossy(&lint.stdout), "");
        let shown = Command::new("mandoc").args(["-T", "ascii", "-O", "width=78"]).arg(&path).output().unwrap();
        // Bold letters are printed twice, with a backspace between.
        let text = String::from_utf8(shown.stdout).unwrap();
        let widths = text.lines().map(|line| line.chars().count() - 2 * line.matches('\u{8}').count());
        assert!(widths.max().unwrap() <= 80, "{}", path.display());
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let place = Place::with_input("id\n1\n");
    Ended::of(&mut place.command(["man", "input.csv/man"])).expect_code(2).expect_said(&["input.csv/man"]);
}
