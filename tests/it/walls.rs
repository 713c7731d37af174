//! The walls of the house: who may know whom.

use std::path::Path;

use crate::support::repository;

/// The floors, from the bottom: a room may name the rooms of the floors below its own, and only those.
const FLOORS: [&[&str]; 5] = [
    &["invitation", "row", "outcome"],
    &["config", "backoff", "error", "reply", "verdict", "text", "clock", "ending"],
    &["input", "results", "client", "throttle", "shutdown", "monitor"],
    &["engine"],
    &["cli", "ui", "app"],
];
/// Floors on which the rooms may know each other.
const OPEN_FLOORS: [usize; 3] = [0, 1, 4];
/// The room apart: only the shell may name it, and it names nobody.
const APART: &str = "sandbox";
/// What the data and the rules must not name.
const OUTSIDE: [&str; 6] = ["tokio::", "reqwest::", "governor::", "indicatif::", "clap::", "axum::"];

fn floor_of(room: &str) -> usize {
    FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{room} stands on no floor"))
}

/// The rooms that a source text names: the word after each `crate::`.
fn named(source: &str) -> Vec<&str> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap())
        .filter(|name| !name.is_empty() && *name != "Result")
        .collect()
}

fn check(file: &Path, source: &str) -> Vec<String> {
    let inside = file.strip_prefix(repository("src")).unwrap();
    let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
    if ["lib", "main"].contains(&room.as_str()) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    if source.contains("crate::{") {
        faults.push(format!(
            "{} names several rooms at once: one `use` for each keeps this test honest",
            inside.display()
        ));
    }
    for other in named(source).into_iter().filter(|&other| other != room) {
        let fault = if room == APART {
            Some("the sandbox shares no code with the rest")
        } else if other == APART {
            (floor_of(&room) != 4).then_some("only the shell and the tests know the sandbox")
        } else {
            let (own, its) = (floor_of(&room), floor_of(other));
            (its > own || (its == own && !OPEN_FLOORS.contains(&own))).then_some("it stands above or beside")
        };
        faults.extend(fault.map(|reason| format!("{} names {other}: {reason}", inside.display())));
    }
    if room != APART && floor_of(&room) <= 1 {
        let code = source.split("#[cfg(test)]").next().unwrap();
        faults.extend(OUTSIDE.iter().filter(|&&outside| code.contains(outside)).map(|outside| {
            format!("{} names {outside}, but data and rules know no runtime, socket or terminal", inside.display())
        }));
    }
    faults
}

fn sources(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn nobody_looks_up_the_stairs_or_through_a_wall() {
    let files = sources(&repository("src"));
    assert!(files.len() > 20, "the sources are found");
    let faults: Vec<String> =
        files.iter().flat_map(|file| check(file, &std::fs::read_to_string(file).unwrap())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_breach_is_seen() {
    let breach = |file: &str, source: &str| !check(&repository("src").join(file), source).is_empty();
    assert!(breach("verdict.rs", "use crate::client::Client;"));
    assert!(breach("client.rs", "use crate::throttle::Throttle;"));
    assert!(breach("engine/pool.rs", "use crate::ui::Console;"));
    assert!(breach("engine/mod.rs", "use crate::sandbox::Sandbox;"));
    assert!(breach("sandbox/api.rs", "use crate::row::Row;"));
    assert!(breach("config.rs", "use tokio::time::Instant;"));
    assert!(breach("client.rs", "use crate::{throttle::Throttle, reply::Reply};"));
    assert!(!breach("client.rs", "use crate::reply::Reply;\nuse reqwest::Client;"));
}
