//! Makes sections of the text below the help of a command, so that what stands there is written once.
//!
//! Its paragraphs are parted by an empty line. One whose first line ends with a colon is a list: each line that is
//! indented by two blanks begins an entry, a term and what it means with two blanks or more between them, and lines that
//! are indented further go on with it. `Examples:` become a section of their own, all else the section of notes.

use clap_mangen::roff::{Roff, bold, roman};

/// The sections.
pub(super) fn sections(text: &str) -> Roff {
    let (examples, notes): (Vec<&str>, Vec<&str>) =
        text.split("\n\n").filter(|part| !part.is_empty()).partition(|part| part.starts_with("Examples:"));
    let mut roff = Roff::new();
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for example in examples {
        entries(&mut roff, example);
    }
    if !notes.is_empty() {
        roff.control("SH", ["NOTES"]);
    }
    for (number, note) in (1..).zip(notes) {
        if number > 1 {
            roff.control("PP", []);
        }
        match note.lines().next().filter(|line| line.ends_with(':')) {
            Some(line) => {
                roff.text([roman(line)]);
                entries(&mut roff, note);
            }
            None => drop(roff.text([roman(words(note))])),
        }
    }
    roff
}

/// The entries of a list.
fn entries(roff: &mut Roff, list: &str) {
    for entry in list.split("\n  ").skip(1).fold(Vec::new(), joined) {
        let (term, meaning) = entry.split_once("  ").unwrap_or((&entry, ""));
        roff.control("TP", []).text([bold(term)]).text([roman(words(meaning))]);
    }
}

/// Adds a line to the entries: to the last one, if it is indented further.
fn joined(mut entries: Vec<String>, line: &str) -> Vec<String> {
    match entries.last_mut() {
        Some(last) if line.starts_with(' ') => {
            last.push(' ');
            last.push_str(line.trim_start());
        }
        _ => entries.push(line.to_owned()),
    }
    entries
}

/// A text as words with one blank between them: the manual breaks its lines itself.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
