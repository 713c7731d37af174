//! The walls of the house: who may know whom, as the table in `src/lib.rs` says, and no two files that need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::repository;

/// Floors on which the rooms may know each other.
const OPEN_FLOORS: [&str; 3] = ["data", "rules", "shell"];
/// The floor of the room apart: only the shell may name it, and it names nobody.
const APART: &str = "apart";
/// The floors that know no runtime, socket or terminal, and what they must not name.
const PURE_FLOORS: [&str; 2] = ["data", "rules"];
const OUTSIDE: [&str; 6] = ["tokio::", "reqwest::", "governor::", "indicatif::", "clap::", "axum::"];

/// The door to the disk, and steps that the room of the results takes only there: past it, no test of power cuts sees them.
const DOOR: &str = "results/disk";
const STEPS: [&str; 7] =
    ["set_len(", "fs::write(", "fs::rename(", "fs::remove_file(", "persist", "File::create", "options.open("];

/// Private types whose names may stand in several files, because every other word would be worse: three at most.
const SHARED_NAMES: [&str; 0] = [];

/// The floors from the bottom, each with its rooms, as the crate's own documentation lists them.
fn floors() -> Vec<(String, Vec<String>)> {
    let mut floors: Vec<(String, Vec<String>)> = Vec::new();
    let lib = std::fs::read_to_string(repository("src/lib.rs")).unwrap();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(2) {
        let mut cells = line.split('|').map(str::trim);
        let (floor, room) = (cells.next().unwrap(), cells.next().unwrap());
        if !floor.is_empty() {
            floors.push((floor.to_owned(), Vec::new()));
        }
        let room = room.strip_prefix("[`").and_then(|room| room.strip_suffix("`]")).unwrap();
        floors.last_mut().unwrap().1.push(room.to_owned());
    }
    floors
}

/// The number of a room's floor from the bottom, and its name.
fn floor_of(floors: &[(String, Vec<String>)], room: &str) -> (usize, String) {
    let found = floors.iter().position(|(_, rooms)| rooms.iter().any(|known| known == room));
    let number = found.unwrap_or_else(|| panic!("{room} stands on no floor of the table in src/lib.rs"));
    (number, floors[number].0.clone())
}

/// A file of the sources, by the path of its module: `["input", "reader"]`.
type Module = Vec<String>;

fn module_of(file: &Path) -> Module {
    let inside = file.strip_prefix(repository("src")).unwrap().with_extension("");
    let mut path: Module = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// What of a source is neither comment nor test.
fn code(source: &str) -> String {
    let mut parts = source.split("#[cfg(test)]\nmod ");
    let first = parts.next().unwrap().to_owned();
    let without_tests = parts.fold(first, |before, part| {
        // `mod tests;` ends with its line, `mod tests { … }` with a brace as far to the left as its `mod`.
        let is_block = part.lines().next().is_some_and(|line| line.ends_with('{'));
        let end = if is_block { "\n}" } else { ";" };
        before + part.split_once(end).map_or("", |(_, after)| after)
    });
    let lines = without_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The paths that `use` declarations bring in, each whole, and whether they are passed on with `pub`.
fn uses(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for statement in code.split(';') {
        let Some(at) =
            statement.rfind("use ").filter(|&at| at == 0 || !statement[..at].ends_with(char::is_alphanumeric))
        else {
            continue;
        };
        let before = statement[..at].lines().last().unwrap_or_default();
        if before.trim().is_empty() || before.trim().starts_with("pub") {
            let is_public = before.trim().starts_with("pub");
            found.extend(expanded(statement[at + 4..].trim()).into_iter().map(|path| (is_public, path)));
        }
    }
    found
}

/// The type that a line defines outside of functions and impls, if it does, and whether another file can name it.
fn defined_type(line: &str) -> Option<(&str, bool)> {
    let public_item = line.strip_prefix("pub").map(|rest| {
        let restricted = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        restricted.map_or(rest, |(_, item)| item).trim_start()
    });
    let (keyword, rest) = public_item.unwrap_or(line).split_once(' ')?;
    let end = rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len());
    let is_type = ["struct", "enum", "trait", "type", "union"].contains(&keyword);
    is_type.then_some((&rest[..end], public_item.is_some()))
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d` and `a::c::e`.
fn expanded(path: &str) -> Vec<String> {
    let Some(open) = path.find('{') else { return vec![path.to_owned()] };
    let (prefix, inner) = (&path[..open], path[open + 1..].trim_end().strip_suffix('}').unwrap());
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for character in inner.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(character);
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expanded(&format!("{prefix}{part}"))).collect()
}

/// The sources, by module.
struct House {
    code: BTreeMap<Module, String>,
}

impl House {
    fn of(files: impl IntoIterator<Item = (Module, String)>) -> Self {
        Self { code: files.into_iter().map(|(module, source)| (module, code(&source))).collect() }
    }

    /// The files in `src`, tests left out.
    fn of_the_sources() -> Self {
        let is_test = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
        let files = sources(&repository("src")).into_iter().filter(|file| !file.iter().any(is_test));
        Self::of(files.map(|file| (module_of(&file), std::fs::read_to_string(&file).unwrap())))
    }

    /// The same, from paths such as `a/b`.
    fn of_paths(files: &[(&str, &str)]) -> Self {
        let module = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Self::of(files.iter().map(|(path, source)| (module(path), (*source).to_owned())))
    }

    /// The file that defines what `path` means, when it is written in `module`.
    fn definition(&self, module: &Module, path: &str) -> Option<Module> {
        let mut parts: Vec<&str> = path.split(" as ").next()?.split("::").collect();
        let mut place = module.clone();
        match parts[0] {
            "crate" => place.clear(),
            "self" => {}
            "super" => drop(place.pop()),
            child => {
                place.push(child.to_owned());
                if !self.code.contains_key(&place) {
                    return None;
                }
            }
        }
        parts.remove(0);
        while let Some(&part) = parts.first() {
            let inner: Module = place.iter().cloned().chain([part.to_owned()]).collect();
            match part {
                "super" => drop(place.pop()),
                _ if self.code.contains_key(&inner) => place = inner,
                _ => break,
            }
            parts.remove(0);
        }
        let passed_on = parts.first().filter(|_| place != *module).and_then(|name| {
            let uses = self.code.get(&place).map(|code| uses(code)).unwrap_or_default();
            let path =
                uses.into_iter().find(|(is_public, path)| *is_public && path.rsplit("::").next() == Some(*name))?;
            self.definition(&place, &path.1)
        });
        passed_on.or(Some(place))
    }

    /// Names that stand for a type in more than one file, unless all of these are private and the name is `allowed`.
    fn names_with_two_meanings(&self, allowed: &[&str]) -> Vec<String> {
        let mut files: BTreeMap<&str, (BTreeSet<String>, bool)> = BTreeMap::new();
        for (module, code) in &self.code {
            for (name, is_public) in code.lines().filter_map(defined_type) {
                let (places, is_known_outside) = files.entry(name).or_default();
                places.insert(module.join("/"));
                *is_known_outside |= is_public;
            }
        }
        let is_fault = |name: &str, places: &BTreeSet<String>, is_known_outside: bool| {
            places.len() > 1 && (is_known_outside || !allowed.contains(&name))
        };
        let faults = files.into_iter().filter(|(name, (places, outside))| is_fault(name, places, *outside));
        let in_words = |(name, (places, _)): (&str, (BTreeSet<String>, bool))| {
            let places = places.into_iter().collect::<Vec<_>>().join(", ");
            format!("`{name}` names a type in each of {places}: find another word for all but one")
        };
        faults.map(in_words).collect()
    }

    /// The files that each file needs.
    fn needs(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let needs = |module: &Module, code: &str| {
            let imported = uses(code).into_iter().filter(|(is_public, _)| !is_public).map(|(_, path)| path);
            // What a declaration lists in braces is imported, and was taken above.
            let written = code.split("crate::").skip(1).filter_map(|rest| {
                let end = rest.find(|sign: char| !sign.is_alphanumeric() && !"_:".contains(sign)).unwrap_or(rest.len());
                let is_list = rest[end..].starts_with('{');
                (!is_list).then(|| format!("crate::{}", rest[..end].trim_end_matches(':')))
            });
            let files = imported.chain(written).filter_map(|path| self.definition(module, &path));
            files.filter(|file| file != module && self.code.contains_key(file)).collect()
        };
        self.code.iter().map(|(module, code)| (module, needs(module, code))).collect()
    }

    /// Files that need each other, directly or by way of others, each set once.
    fn circles(&self) -> Vec<String> {
        let needs = self.needs();
        let reach = |from: &Module| {
            let (mut reached, mut waiting) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = waiting.pop() {
                for next in needs.get(&module).into_iter().flatten() {
                    if reached.insert(next.clone()) {
                        waiting.push(next.clone());
                    }
                }
            }
            reached
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            needs.keys().map(|&module| (module, reach(module))).collect();
        let circle = |module: &Module| -> BTreeSet<String> {
            let back =
                reached[module].iter().filter(|other| reached.get(other).is_some_and(|them| them.contains(module)));
            back.map(|other| other.join("/")).collect()
        };
        let circles: BTreeSet<BTreeSet<String>> = needs.keys().map(|&module| circle(module)).collect();
        let in_words = |circle: BTreeSet<String>| circle.into_iter().collect::<Vec<_>>().join(", ");
        circles.into_iter().filter(|circle| !circle.is_empty()).map(in_words).collect()
    }
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
    let floors = floors();
    let inside = file.strip_prefix(repository("src")).unwrap();
    let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
    if ["lib", "main"].contains(&room.as_str()) {
        return Vec::new();
    }
    let (number, floor) = floor_of(&floors, &room);
    let mut faults = Vec::new();
    if source.contains("crate::{") {
        let name = inside.display();
        faults.push(format!("{name} names several rooms at once: one `use` for each keeps this test honest"));
    }
    for other in named(source).into_iter().filter(|&other| other != room) {
        let (its_number, its_floor) = floor_of(&floors, other);
        let fault = if floor == APART {
            Some("the sandbox shares no code with the rest")
        } else if its_floor == APART {
            (floor != "shell").then_some("only the shell and the tests know the sandbox")
        } else {
            let is_beside = its_number == number && !OPEN_FLOORS.contains(&floor.as_str());
            (its_number > number || is_beside).then_some("it stands above or beside")
        };
        faults.extend(fault.map(|reason| format!("{} names {other}: {reason}", inside.display())));
    }
    if PURE_FLOORS.contains(&floor.as_str()) {
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
fn no_two_files_need_each_other() {
    let circles = House::of_the_sources().circles();
    assert!(circles.is_empty(), "these files need each other, so none can be read first:\n{}", circles.join("\n"));
}

#[test]
fn no_type_name_stands_in_two_files() {
    const { assert!(SHARED_NAMES.len() <= 3, "a list of exceptions that grows is none") };
    let faults = House::of_the_sources().names_with_two_meanings(&SHARED_NAMES);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_results_change_the_disk_through_its_door_alone() {
    let house = House::of_the_sources();
    let steps_in = |code: &str| STEPS.into_iter().filter(|step| code.contains(step)).collect::<Vec<_>>();
    let door: Module = DOOR.split('/').map(str::to_owned).collect();
    assert_eq!(steps_in(&house.code[&door]), ["set_len(", "fs::remove_file(", "persist", "options.open("]);
    for (module, code) in &house.code {
        let file = module.join("/");
        let steps = if file.starts_with("results/") && file != DOOR { steps_in(code) } else { Vec::new() };
        assert!(steps.is_empty(), "{file} takes steps past {DOOR}: {steps:?}");
    }
}

#[test]
fn a_name_with_two_meanings_is_seen() {
    let faults = |files: &[(&str, &str)], allowed: &[&str]| House::of_paths(files).names_with_two_meanings(allowed);
    let private = [("a/b", "struct Line<'a> {\n"), ("c", "type Line = u64;\n")];
    let said = "`Line` names a type in each of a/b, c: find another word for all but one";
    assert_eq!(faults(&private, &[]), [said]);
    assert!(faults(&private, &["Line"]).is_empty());
    let public = [("a/b", "struct Line;\n"), ("c", "pub(super) enum Line {\n")];
    assert_eq!(faults(&public, &["Line"]), [said]);
    let told_apart = [
        ("a", "pub struct A;\n#[cfg(test)]\nmod tests {\n    struct B;\n}\npub trait Named {\n    type Item;\n}\n"),
        ("b", "pub struct B;\nimpl Named for B {\n    type Item = u8;\n}\n"),
        ("c", "impl Named for u8 {\n    type Item = u8;\n}\n// struct A;\nfn f() {\n    struct A;\n}\n"),
    ];
    assert_eq!(faults(&told_apart, &[]), <[String; 0]>::default());
}

#[test]
fn a_circle_is_seen_also_through_what_is_passed_on() {
    let house = House::of_paths;
    let direct = house(&[("a/b", "use super::c::C;\n"), ("a/c", "use crate::a::b::{B, D};\n"), ("a", "mod b;\n")]);
    assert_eq!(direct.circles(), ["a/b, a/c"]);
    let passed_on =
        house(&[("a", "pub use self::b::B;\n"), ("a/b", "use crate::c::C;\n"), ("c", "use crate::a::B;\n")]);
    assert_eq!(passed_on.circles(), ["a/b, c"]);
    let written = house(&[("a", "fn f() { crate::b::g(); }\n"), ("b", "// crate::a\nuse crate::a::f;\n")]);
    assert_eq!(written.circles(), ["a, b"]);
    let none = house(&[
        ("a", "pub use self::b::B;\nuse self::b::C;\n"),
        ("a/b", "#[cfg(test)]\nmod tests {\n    use crate::a::X;\n}\n"),
    ]);
    assert!(none.circles().is_empty());
    let below_tests = house(&[("a", "#[cfg(test)]\nmod tests;\nuse crate::b::B;\n"), ("b", "use crate::a::A;\n")]);
    assert_eq!(below_tests.circles(), ["a, b"]);
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
