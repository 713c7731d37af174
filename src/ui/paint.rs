//! Colors for what a message begins with, as the parser of the command line has them. The words say the same without.

use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};

/// What a message for the user can begin with, and its color: that of clap for errors, and the usual one for warnings.
const MARKS: [(&str, AnsiColor); 2] = [(ERROR, AnsiColor::Red), (WARNING, AnsiColor::Yellow)];
/// What an error begins with.
pub(super) const ERROR: &str = "error:";
/// What a warning begins with.
pub(super) const WARNING: &str = "warning:";

/// Whether there are colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Colored,
    Plain,
}

impl Paint {
    /// Colors on a terminal, unless the user wants none (source: <https://no-color.org>).
    pub(super) fn of_standard_error() -> Self {
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if is_wanted && io::stderr().is_terminal() { Self::Colored } else { Self::Plain }
    }

    /// The message with the color of what it begins with.
    pub(super) fn message(self, text: &str) -> String {
        let found = MARKS.iter().find_map(|(mark, color)| Some((*mark, *color, text.strip_prefix(mark)?)));
        match (self, found) {
            (Self::Colored, Some((mark, color, rest))) => {
                let style = Style::new().bold().fg_color(Some(color.into()));
                format!("{style}{mark}{style:#}{rest}")
            }
            (Self::Colored, None) | (Self::Plain, _) => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_message_begins_with_is_colored() {
        assert_eq!(Paint::Colored.message("error: no error: x"), "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no error: x");
        assert_eq!(Paint::Colored.message("warning: x"), "\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m x");
        assert_eq!(Paint::Colored.message("stopped: error: x"), "stopped: error: x");
        assert_eq!(Paint::Plain.message("error: x"), "error: x");
    }
}
