//! Text from the input as messages show it: quoted, short, and unable to disturb a terminal or a log line.

/// How many characters of a cell a message shows: enough to find it in the file, few enough for one line (chosen by us).
const SHOWN_CHARACTERS: usize = 40;

/// How many column names a message lists before it only counts them (chosen by us).
const LISTED_NAMES: usize = 30;

/// Shows a cell.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS).map(harmless).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// Shows a path, in whole.
pub(super) fn quoted_path(path: &std::path::Path) -> String {
    let shown: String = path.to_string_lossy().chars().map(harmless).collect();
    format!("\"{shown}\"")
}

/// Lists the names of columns, each with its number where it has no name.
pub(super) fn listed(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(LISTED_NAMES).map(|name| quoted(name)).collect();
    if let Some(more) = names.len().checked_sub(LISTED_NAMES).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// Control characters, and those that turn the direction of writing, become blanks.
fn harmless(character: char) -> char {
    let turns = matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns || matches!(character, '\u{2028}' | '\u{2029}') { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_cell_is_short_and_has_no_control_characters() {
        assert_eq!(quoted("a\u{1b}[31m\nb"), "\"a [31m b\"");
        assert_eq!(quoted(&"é".repeat(41)), format!("\"{}…\"", "é".repeat(40)));
        assert_eq!(quoted(&"é".repeat(40)), format!("\"{}\"", "é".repeat(40)));
    }

    #[test]
    fn a_long_list_of_names_ends_with_a_count() {
        let names: Vec<String> = (0..32).map(|number| number.to_string()).collect();
        assert!(listed(&names).ends_with("\"29\", and 2 more"));
        assert_eq!(listed(&["a".to_owned(), String::new()]), "\"a\", \"\"");
    }
}
