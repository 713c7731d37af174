//! Builds the commands that follow a run, such as the one that goes on with it, from what the user said on the command
//! line, so that a user who copies one into a shell says exactly that. Settings from the environment are repeated only if
//! the run would be another one without them, because the other shell may not have them in its environment.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::config::Sha256Sum;

/// Flags that the command leaves out, because they were for the beginning of the run.
const FIRST_STEPS: [&str; 3] = ["limit", "overwrite", "resume"];

/// Flags that a run leaves out that does what a dry run has looked at. It has an `--expect` of its own.
const OF_DRY_RUNS: [&str; 3] = ["dry_run", "preview", "expect"];

/// Flags that are repeated even if they came from the environment, because they define which run this is, how much of it
/// is sent, and where its results are.
const IDENTITY: [&str; 11] = [
    "output",
    "base_url",
    "id_column",
    "no_header",
    "header_line",
    "delimiter",
    "encoding",
    "filters",
    "short_rows",
    "shard",
    "limit",
];

/// Flags that `verify` takes, too: whom to call, and how to get there.
const CONNECTION: [&str; 5] = ["timeout", "max_outage", "base_url", "api_key_file", "ca_file"];

/// What was said on the command line of `run`.
#[derive(Debug)]
pub(super) struct CommandLine {
    /// The arguments that are not flags: the input.
    operands: Vec<OsString>,
    flags: Vec<Flag>,
    /// Whether a `--limit` was set, on the command line or in the environment.
    has_limit: bool,
}

#[derive(Debug)]
struct Flag {
    id: String,
    long: String,
    /// `None` for a switch.
    value: Option<OsString>,
}

impl CommandLine {
    /// Collects what the user said from the `matches` for this `command`.
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> Self {
        let mut line = Self { operands: Vec::new(), flags: Vec::new(), has_limit: matches.contains_id("limit") };
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let is_said = match matches.value_source(id) {
                Some(ValueSource::CommandLine) => true,
                // A switch can be set to "off" in the environment.
                Some(ValueSource::EnvVariable) => {
                    let takes_values = argument.get_action().takes_values();
                    IDENTITY.contains(&id) && (takes_values || matches.get_flag(id))
                }
                _ => false,
            };
            if !is_said {
                continue;
            }
            let values = || matches.get_raw(id).into_iter().flatten().map(ToOwned::to_owned);
            let Some(long) = argument.get_long() else {
                line.operands.extend(values());
                continue;
            };
            let flag = |value| Flag { id: id.to_owned(), long: long.to_owned(), value };
            if argument.get_action().takes_values() {
                line.flags.extend(values().map(|value| flag(Some(value))));
            } else {
                line.flags.push(flag(None));
            }
        }
        line
    }

    /// The command that goes on. It leaves a limit out, because a limit is for a first step. With a limit it also
    /// leaves out `--yes`, because the user confirmed only those few rows. `None` if it cannot be written for a shell.
    pub(super) fn going_on(&self) -> Option<String> {
        let is_said_again =
            |flag: &&Flag| !(FIRST_STEPS.contains(&flag.id.as_str()) || (self.has_limit && flag.id == "yes"));
        let resume = Flag { id: "resume".to_owned(), long: "resume".to_owned(), value: None };
        self.say(self.flags.iter().filter(is_said_again).chain([&resume]))
    }

    /// The command that verifies these results. `None` if it cannot be written for a shell.
    pub(super) fn verify(&self, results: &Path) -> Option<String> {
        let mut words = vec![env!("CARGO_PKG_NAME").to_owned(), "verify".to_owned(), word(results.as_os_str())?];
        for flag in self.flags.iter().filter(|flag| CONNECTION.contains(&flag.id.as_str())) {
            words.extend(flag.words()?);
        }
        Some(words.join(" "))
    }

    /// The command that runs what a dry run has looked at, and refuses any other input than the file with this fingerprint.
    /// `None` if it cannot be written for a shell.
    pub(super) fn running(&self, looked_at: Sha256Sum) -> Option<String> {
        let is_of_the_run = |flag: &&Flag| !OF_DRY_RUNS.contains(&flag.id.as_str());
        let expect =
            Flag { id: "expect".to_owned(), long: "expect".to_owned(), value: Some(looked_at.to_string().into()) };
        self.say(self.flags.iter().filter(is_of_the_run).chain([&expect]))
    }

    /// The same command again. `None` if it cannot be written for a shell.
    pub(super) fn once_more(&self) -> Option<String> {
        self.say(self.flags.iter())
    }

    fn say<'a>(&self, flags: impl Iterator<Item = &'a Flag>) -> Option<String> {
        let mut words = vec![env!("CARGO_PKG_NAME").to_owned(), "run".to_owned()];
        let (behind, before): (Vec<_>, Vec<_>) =
            self.operands.iter().partition(|operand| begins_like_a_flag(operand) && *operand != "-");
        for operand in before {
            words.push(word(operand)?);
        }
        for flag in flags {
            words.extend(flag.words()?);
        }
        if !behind.is_empty() {
            words.push("--".to_owned());
        }
        for operand in behind {
            words.push(word(operand)?);
        }
        Some(words.join(" "))
    }
}

impl Flag {
    /// The flag as words for a shell. A value that looks like a flag is joined to its flag with `=`.
    fn words(&self) -> Option<Vec<String>> {
        let name = format!("--{}", self.long);
        match &self.value {
            None => Some(vec![name]),
            Some(value) if begins_like_a_flag(value) || value.is_empty() => {
                let value = if value.is_empty() { String::new() } else { word(value)? };
                Some(vec![format!("{name}={value}")])
            }
            Some(value) => Some(vec![name, word(value)?]),
        }
    }
}

fn begins_like_a_flag(value: &OsStr) -> bool {
    value.as_encoded_bytes().starts_with(b"-")
}

/// Writes a value as one word on one line that any shell reads back byte by byte, without characters that disturb a
/// terminal.
pub(super) fn word(value: &OsStr) -> Option<String> {
    match value.to_str() {
        // Quoting fails only for a zero byte, and no argument can contain one.
        Some(text) if text.chars().all(is_shown_as_it_is) => shlex::try_quote(text).ok().map(Into::into),
        Some(_) | None => printed(value.as_encoded_bytes()),
    }
}

/// Whether a character can be shown on a terminal, and copied from it.
fn is_shown_as_it_is(character: char) -> bool {
    !character.is_control() && crate::text::is_visible(character)
}

/// Writes a word with bytes that cannot be shown, by means of `printf`. Any POSIX shell can read it, but a shell
/// removes line ends from the end of such a word: `None` if there are any.
fn printed(bytes: &[u8]) -> Option<String> {
    if bytes.ends_with(b"\n") {
        return None;
    }
    let escaped = bytes.iter().enumerate().map(|(index, &byte)| {
        let is_plain = byte.is_ascii_alphanumeric() || b"_./=: ".contains(&byte) || (byte == b'-' && index > 0);
        if is_plain { char::from(byte).to_string() } else { format!("\\{byte:03o}") }
    });
    Some(format!("\"$(printf '{}')\"", escaped.collect::<String>()))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::cli::Cli;

    fn line(arguments: &[&str]) -> CommandLine {
        let mut command = Cli::parser();
        let matches = command.try_get_matches_from_mut([&["x", "run"], arguments].concat()).unwrap();
        CommandLine::of(command.find_subcommand("run").unwrap(), matches.subcommand_matches("run").unwrap())
    }

    fn goes_on(arguments: &[&str]) -> String {
        line(arguments).going_on().unwrap()
    }

    #[test]
    fn the_command_that_goes_on_is_the_one_that_began_without_its_first_steps() {
        for (began, expected) in [
            ("a.csv", "a.csv --resume"),
            ("a.csv -y --overwrite --rate 1/s", "a.csv --yes --rate 1/s --resume"),
            ("--rate=1/s a.csv --resume", "a.csv --rate 1/s --resume"),
            ("a.csv --limit 10 --yes -v", "a.csv --verbose --resume"),
            ("a.csv -yq --limit 2", "a.csv --quiet --resume"),
            ("--limit=10 a.csv", "a.csv --resume"),
            ("a.csv -yo out.csv --limit 10", "a.csv --output out.csv --resume"),
            ("a.csv -oy --limit 1 -y", "a.csv --output y --resume"),
            ("a.csv --output=--limit=1", "a.csv --output='--limit=1' --resume"),
            ("a.csv --delimiter - -y", "a.csv --delimiter=- --yes --resume"),
            (
                "a.csv --where a=1 -v --where=b!=2 --where=-c=-3",
                "a.csv --where 'a=1' --where 'b!=2' --where='-c=-3' --verbose --resume",
            ),
            ("-y -- --x", "--yes --resume -- --x"),
            ("- -o out.csv", "- --output out.csv --resume"),
        ] {
            let arguments: Vec<&str> = began.split(' ').collect();
            assert_eq!(goes_on(&arguments), format!("imocha-cancel run {expected}"), "{began}");
        }
    }

    #[test]
    fn the_command_that_verifies_says_whom_to_call() {
        let line = line(&["a.csv", "-y", "--base-url", "http://127.0.0.1:8080", "--rate", "1/s", "--timeout=9s"]);
        let command = line.verify(Path::new("a b.results.csv")).unwrap();
        assert_eq!(command, "imocha-cancel verify 'a b.results.csv' --timeout 9s --base-url http://127.0.0.1:8080");
    }

    #[test]
    fn values_are_quoted_as_a_shell_needs_them() {
        assert_eq!(
            goes_on(&["my file.csv", "--where", "Test Status=Pending", "--id-column", ""]),
            "imocha-cancel run 'my file.csv' --id-column= --where 'Test Status=Pending' --resume"
        );
        let odd = goes_on(&["a\nb.csv", "-o", "c\u{1b}[31m\u{202e}d"]);
        assert_eq!(
            odd,
            r#"imocha-cancel run "$(printf 'a\012b.csv')" --output "$(printf 'c\033\133\063\061m\342\200\256d')" --resume"#
                .replace("\\063\\061", "31")
        );
        assert_eq!(line(&["a\n"]).going_on(), None, "a shell takes the line end away");
    }

    #[test]
    fn the_command_that_runs_what_was_looked_at_names_the_file() {
        let sum = Sha256Sum([0xab; 32]);
        let expect = format!("--expect {}", "ab".repeat(32));
        for (looked, expected) in [
            ("a.csv -n", format!("a.csv {expect}")),
            ("-n a.csv --preview --limit 3 --json --resume", format!("a.csv --resume --limit 3 --json {expect}")),
            (
                "a.csv --dry-run --where=a=1 --expect 00000000000000000000000000000000000000000000000000000000000000FF -o b",
                format!("a.csv --output b --where 'a=1' {expect}"),
            ),
            ("-n -- -a.csv", format!("{expect} -- -a.csv")),
        ] {
            let arguments: Vec<&str> = looked.split(' ').collect();
            assert_eq!(line(&arguments).running(sum).unwrap(), format!("imocha-cancel run {expected}"), "{looked}");
        }
    }

    #[test]
    fn the_same_once_more_is_all_that_was_said() {
        let line = line(&["a.csv", "--limit", "3", "--overwrite", "-y"]);
        assert_eq!(line.once_more().unwrap(), "imocha-cancel run a.csv --overwrite --limit 3 --yes");
    }
}
