//! Finds what somebody most likely meant who mistyped a word or the name of a file.

use std::path::{Path, PathBuf};

use strsim::damerau_levenshtein;

use crate::error::Refusal;
use crate::text::quoted_path;

/// The most slips of the finger in one word: letters that are wrong, missing, too many, or swapped with the next.
const MOST_SLIPS: usize = 2;
/// The most names of a directory that are looked at. Chosen by us: a directory with more is no place of exports.
const MOST_NAMES: usize = 10_000;

/// The word that is most like `given`; `None` if none is like it.
pub(super) fn nearest<'a>(given: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let slips = |word: &str| damerau_levenshtein(&given, &word.to_lowercase());
    let alike = words.into_iter().map(|word| (slips(word), word));
    // Of three letters, one may be wrong; else every short word would be like every other.
    let alike = alike.filter(|(slips, word)| *slips <= MOST_SLIPS && slips * 3 <= word.len().max(given.len()));
    alike.min_by_key(|(slips, _)| *slips).map(|(_, word)| word)
}

/// The file beside a missing `path` whose name is most like it, or is it with `.csv` at its end. Its digits are the same:
/// `round-8.csv` is another list than `round-7.csv`, and no slip. Results are found only for the name of results.
fn nearest_csv(path: &Path) -> Option<PathBuf> {
    let given = path.file_name()?.to_str()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = std::fs::read_dir(directory.unwrap_or(Path::new("."))).ok()?;
    let names = entries.take(MOST_NAMES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| is_csv(name) && is_results(name) == is_results(given) && digits(name).eq(digits(given)))
        .collect();
    names.sort();
    let with_ending = format!("{given}.csv");
    let names = || names.iter().map(String::as_str);
    let name = names().find(|name| name.eq_ignore_ascii_case(&with_ending)).or_else(|| nearest(given, names()))?;
    let found = path.with_file_name(name);
    found.is_file().then_some(found)
}

/// The refusal over a file that may be missing: then it names the one that was most likely meant.
pub(super) fn or_nearest(refusal: Refusal, path: &Path) -> Refusal {
    if path.exists() {
        return refusal;
    }
    match nearest_csv(path) {
        Some(meant) => refusal.hint(format!("did you mean {}?", quoted_path(&meant))),
        None if refusal.hint.is_some() => refusal,
        None => refusal.hint("check the name; a name that is not absolute is looked for in the current directory"),
    }
}

fn is_csv(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

fn digits(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(char::is_ascii_digit)
}

fn is_results(name: &str) -> bool {
    name.contains(".result")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_like_another_up_to_a_slip_in_three_letters() {
        let commands = ["run", "verify", "sandbox"];
        for (given, meant) in [
            ("rnu", Some("run")),
            ("Run", Some("run")),
            ("veriffy", Some("verify")),
            ("snadbox", Some("sandbox")),
            ("rm", None),
            ("report", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, commands), meant, "{given}");
        }
    }

    #[test]
    fn a_file_is_found_beside_the_missing_one() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["round-7.csv", "round-8.csv", "round-7.results.csv", "notes.txt", "Other.CSV"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found = |name: &str| {
            let found = nearest_csv(&directory.path().join(name))?;
            Some(found.file_name()?.to_str()?.to_owned())
        };
        for (given, meant) in [
            ("roudn-7.csv", Some("round-7.csv")),
            ("round-7", Some("round-7.csv")),
            ("round-9.csv", None),
            ("other", Some("Other.CSV")),
            ("round-7.result.csv", Some("round-7.results.csv")),
            ("notes.csv", None),
            ("candidates.csv", None),
        ] {
            assert_eq!(found(given).as_deref(), meant, "{given}");
        }
        assert_eq!(nearest_csv(Path::new("/nowhere/at/all.csv")), None);
    }
}
