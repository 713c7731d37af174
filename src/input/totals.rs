//! Recognises rows that are totals of the list, not rows of it. A spreadsheet or a report puts a number into them that
//! may look like an ID, and a word into a cell beside it: `Total`, `Java Count`, `Grand total:`.

use crate::invitation::{is_blank, is_quote};

/// The words for totals. `grand` and `sub` may come before them, as separate words or not.
const WORDS: [&str; 7] = ["total", "totals", "sum", "count", "average", "subtotal", "grandtotal"];

/// Whether a cell says that its row is a total: it consists of one of the words, or ends with one after a name.
///
/// For most cells, the last two letters already say no. A sign or a number may follow the word, as in `Total:` and
/// `Total (8)`.
pub(super) fn says_total(cell: &[u8]) -> bool {
    let Some((&last, &first)) = cell.last().zip(cell.first()) else { return false };
    if last.is_ascii_alphabetic() {
        return may_end_a_word(cell) && ends_with_word(cell);
    }
    // Numbers, dates and times begin with a digit or a sign; a total begins with its name.
    let may_begin_with_a_name = !first.is_ascii_digit() && !matches!(first, b'+' | b'-' | b'.');
    may_begin_with_a_name && ends_with_word(without_figures(cell))
}

/// Removes signs and numbers from the end. Returns nothing if the number belongs to a word, as in `Total24`.
fn without_figures(cell: &[u8]) -> &[u8] {
    let end = cell.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |last| last + 1);
    match cell.split_at_checked(end) {
        Some((name, figures)) if may_end_a_word(name) && !begins_with_digit(figures) && is_no_text(figures) => name,
        Some(_) | None => &[],
    }
}

fn begins_with_digit(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_digit)
}

/// Whether the last two letters are the end of one of the words: a quick check that excludes most cells.
fn may_end_a_word(text: &[u8]) -> bool {
    text.last_chunk()
        .is_some_and(|end: &[u8; 2]| matches!(&end.map(|byte| byte | 0x20), b"al" | b"ls" | b"um" | b"nt" | b"ge"))
}

/// Whether the text has no letters, of any script.
fn is_no_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_alphabetic))
}

fn ends_with_word(text: &[u8]) -> bool {
    WORDS.iter().any(|word| {
        let Some(begin) = text.len().checked_sub(word.len()) else { return false };
        let Some((before, end)) = text.split_at_checked(begin) else { return false };
        end.eq_ignore_ascii_case(word.as_bytes()) && is_word_boundary(before)
    })
}

/// Whether a word may begin after this text. It may not within another word, an address or a path.
fn is_word_boundary(before: &[u8]) -> bool {
    let Some(&last) = before.last() else { return true };
    if last.is_ascii() {
        return last.is_ascii_whitespace()
            || matches!(last, b'-' | b'_' | b'(' | b'[' | b':' | b'*' | b'#' | b'"' | b'\'');
    }
    let text = String::from_utf8_lossy(before);
    text.chars().next_back().is_some_and(|character| {
        is_blank(character) || is_quote(character) || matches!(character, '–' | '—' | '·' | 'Σ' | '∑')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_total_counts_alone_or_behind_a_name() {
        for cell in [
            "Total",
            "TOTAL",
            "total:",
            "Totals",
            "Total: 8",
            "Total (8)",
            "Sum",
            "sum =",
            "count",
            "Average",
            "Grand Total",
            "grand total",
            "GRAND-TOTAL",
            "Sub Total",
            "Subtotal",
            "sub-total",
            "Java Count",
            "Java Developer 2024 Count",
            "  Total  ",
            "\"Total\"",
            "'Total",
            "Java\u{a0}Total",
            "**Total**",
            "Müller Total",
            "row_count",
            "(Total)",
            "Σ Sum",
        ] {
            assert!(says_total(cell.as_bytes()), "{cell:?}");
        }
    }

    #[test]
    fn a_word_within_another_or_before_a_name_does_not() {
        for cell in [
            "",
            " ",
            "Summer",
            "Count Dracula",
            "Total Quality Management",
            "Discount",
            "Account",
            "Maccount",
            "checksum",
            "Amount",
            "teetotal",
            "average joe",
            "a@b.total",
            "https://x.y/count",
            "a=total",
            "Total24",
            "2026-01-20",
            "85.5",
            "Ann",
            "Marie-Louise",
            "Émile",
            "Sam",
            "12:30",
            "総計",
            "Total 総計",
            "Überaverage",
            "Éaverage",
            "\u{fc}sum",
        ] {
            assert!(!says_total(cell.as_bytes()), "{cell:?}");
        }
    }
}
