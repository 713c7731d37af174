//! Breaks the lines of a manual page's source, as those who read it with other tools expect it.

/// The most bytes of a line. `mandoc -T lint` finds longer ones.
const LONGEST_LINE: usize = 80;

/// The same page in lines that are no longer than they should be, without blanks at their ends. Requests stay as they
/// are, and so does what has to stand on one line: examples and the terms of lists.
pub(super) fn broken(page: &str) -> String {
    let mut broken = String::new();
    let (mut is_example, mut is_term) = (false, false);
    for line in page.lines() {
        let is_request = line.starts_with('.');
        is_example = (is_example || line == ".EX") && line != ".EE";
        if is_request || is_example || is_term {
            broken.push_str(line.trim_end());
        } else {
            push_broken(line, &mut broken);
        }
        broken.push('\n');
        is_term = line == ".TP";
    }
    broken
}

/// Adds a line of text.
fn push_broken(line: &str, page: &mut String) {
    let mut length = 0;
    for word in line.split_whitespace() {
        if length > 0 && length + 1 + word.len() > LONGEST_LINE {
            page.push('\n');
            length = 0;
            // At the beginning of a line, these make it a request.
            if word.starts_with(['.', '\'']) {
                page.push_str(r"\&");
                length = 2;
            }
        } else if length > 0 {
            page.push(' ');
            length += 1;
        }
        page.push_str(word);
        length += word.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_no_word_becomes_a_request() {
        let long = "word ".repeat(15) + "a .csv ";
        assert_eq!(broken(&long), format!("{}a\n\\&.csv\n", "word ".repeat(15)));
        let kept = format!(".SH A\n.TP\n{}\n.EX\n{}x\n.EE\n", "term".repeat(30), "  [".repeat(40));
        assert_eq!(broken(&kept), kept);
    }
}
