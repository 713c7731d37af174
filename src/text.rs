//! Makes text from outside harmless before it is shown. All text of a server passes through here before it goes to a
//! results cell, a log or a terminal. All messages quote the operator's text in the same way.

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use crate::config::ApiKey;

/// The most characters of a server's text that are kept: enough for a sentence, but not for a whole screen.
pub const MAX_CHARACTERS: usize = 300;

/// The most characters of the operator's text that a message quotes: enough to find it in the file, and few enough for
/// one line (chosen by us).
const QUOTED_CHARACTERS: usize = 40;

/// The text that replaces the API key.
const MASK: &str = "[api key]";

/// Cleans text that came from a server.
#[derive(Debug, Clone)]
pub struct Scrubber {
    api_key: ApiKey,
}

impl Scrubber {
    /// Makes a scrubber that masks every occurrence of `api_key`.
    pub fn new(api_key: ApiKey) -> Self {
        Self { api_key }
    }

    /// Turns the text into one harmless line of at most [`MAX_CHARACTERS`] characters, with an ellipsis if it was cut.
    ///
    /// The key is masked before anything is removed, so that no cut can leave half of it. It is masked again
    /// afterwards, because removing a control character can join its parts.
    pub fn harmless(&self, text: &str) -> String {
        let line = one_line(&self.mask(text), usize::MAX);
        shorten(&self.mask(&line), MAX_CHARACTERS)
    }

    fn mask(&self, text: &str) -> String {
        text.replace(self.api_key.expose(), MASK)
    }
}

/// The first `most` characters of the text on one line, with an ellipsis if there were more: without control characters
/// and those that change how the text around them is shown, and with one blank between two words.
pub fn one_line(text: &str, most: usize) -> String {
    let is_blank = |character: char| character.is_control() || character.is_whitespace();
    let (mut line, mut length, mut before) = (String::new(), 0, ' ');
    for character in text.chars().filter(|&character| !is_invisible(character)) {
        let character = if is_blank(character) { ' ' } else { character };
        if character == ' ' && before == ' ' {
            continue;
        }
        if length == most {
            let whole = line.trim_end();
            return format!("{whole}…");
        }
        line.push(character);
        (length, before) = (length + 1, character);
    }
    line.truncate(line.trim_end().len());
    line
}

/// The first `most` characters of `text`, with an ellipsis if there were more.
pub fn shorten(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// Whether a character is visible and does not change how the text around it is shown.
pub fn is_visible(character: char) -> bool {
    !is_invisible(character) && !matches!(character, '\u{2028}' | '\u{2029}')
}

/// Whether a character changes how the text around it is shown without being visible: zero-width and bidirectional
/// marks.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Shows a piece of the operator's own text, such as a cell or a flag's value: quoted, short, and unable to disturb a
/// terminal or a log line.
pub fn quoted(text: &str) -> String {
    let shown: String = shorten(text, QUOTED_CHARACTERS).chars().map(harmless).collect();
    format!("\"{shown}\"")
}

/// Shows a whole path in the same way.
pub fn quoted_path(path: &Path) -> String {
    let shown: String = path.to_string_lossy().chars().map(harmless).collect();
    format!("\"{shown}\"")
}

/// The noun, with an `s` unless the count is one.
pub fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// Appends a line to a text.
pub fn push_line(text: &mut String, line: fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

/// A time as the results and the summary write it: UTC, RFC 3339, to the millisecond.
pub fn timestamp(moment: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    PRINTER.timestamp_to_string(&moment)
}

/// Replaces control characters, and those that change the direction of writing, by blanks.
fn harmless(character: char) -> char {
    let turns = matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}') { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber() -> Scrubber {
        Scrubber::new("s3cret-key".parse().unwrap())
    }

    #[test]
    fn newlines_escapes_and_marks_leave_one_plain_line() {
        let hostile = "a\r\n\u{1b}[31mred\u{202e}\tb\u{85}c\u{2028}d\u{200b}e\0";
        assert_eq!(scrubber().harmless(hostile), "a [31mred b c de");
    }

    #[test]
    fn a_line_is_cut_where_it_is_full_and_never_for_blanks_at_its_end() {
        assert_eq!(one_line(" a\0 b\u{202e}c \n d\u{2028} ", 10), "a bc d");
        assert_eq!(one_line("ab cd", 5), "ab cd");
        assert_eq!(one_line("ab cd", 4), "ab c…");
        assert_eq!(one_line("ab cd", 3), "ab…");
        assert_eq!(one_line(&"é".repeat(10_000), 3), "ééé…");
    }

    #[test]
    fn the_key_is_masked_even_where_it_was_broken_up() {
        assert_eq!(scrubber().harmless("bad key s3cret-key!"), "bad key [api key]!");
        assert_eq!(scrubber().harmless("bad key s3cret\u{200b}-key!"), "bad key [api key]!");
    }

    #[test]
    fn a_cut_never_leaves_a_part_of_the_key() {
        let text = format!("{}s3cret-key", "x".repeat(MAX_CHARACTERS - 4));
        let shown = scrubber().harmless(&text);
        assert!(!shown.contains("s3c"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_CHARACTERS + 1);
    }

    #[test]
    fn characters_of_many_bytes_are_not_cut_apart() {
        assert_eq!(shorten("äöü", 2), "äö…");
        assert_eq!(shorten("äöü", 3), "äöü");
    }

    #[test]
    fn quoted_text_is_short_and_has_no_control_characters() {
        assert_eq!(quoted("a\u{1b}[31m\nb\u{202e}"), "\"a [31m b \"");
        assert_eq!(quoted(&"é".repeat(41)), format!("\"{}…\"", "é".repeat(40)));
        assert_eq!(quoted(&"é".repeat(40)), format!("\"{}\"", "é".repeat(40)));
        assert_eq!(quoted_path(Path::new(&"é\t".repeat(41))), format!("\"{}\"", "é ".repeat(41)));
    }
}
