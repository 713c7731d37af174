//! Says what is wrong with a command line that cannot be parsed, and what to write instead.
//!
//! The parser's own message says what it found. Its tips are replaced: it proposes `-- --bogus` for a flag that does not
//! exist, and shows flags as required because an environment variable gives them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::again::word;
use super::nearest::nearest;
use crate::cli::Cli;
use crate::ending::ExitCode;
use crate::error::{Cause, Refusal};
use crate::ui::Report;

/// The main command, which is meant where none is named.
const RUN: &str = "run";

/// Flags that people try for the key.
const KEY_FLAGS: [&str; 3] = ["--api-key", "--key", "--apikey"];

/// The parser's own command.
const HELP: &str = "help";

/// Words that people try as a command, and what does that.
const SYNONYMS: [(&str, &[&str]); 8] = [
    ("cancel", &[RUN]),
    ("start", &[RUN]),
    ("resume", &[RUN, "--resume"]),
    ("continue", &[RUN, "--resume"]),
    ("dry-run", &[RUN, "--dry-run"]),
    ("preview", &[RUN, "--dry-run", "--preview"]),
    ("check", &["verify"]),
    ("rehearse", &["sandbox"]),
];

/// Shows help, a version, or what is wrong with the command line.
pub(super) fn explain(mut error: clap::Error, command: &mut Command, arguments: &[OsString]) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // An error here means that the terminal is gone, so it cannot be reported.
        drop(error.print());
        return ExitCode::Done;
    }
    // Read before the tips: they try out other command lines.
    let wants_json = wants_json(command, arguments);
    if error.kind() == ErrorKind::InvalidUtf8 {
        error = command.error(ErrorKind::InvalidUtf8, not_text(arguments));
    }
    name_variable(&mut error, arguments);
    if let Some(usage) = plain_usage(&error, command, arguments) {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    }
    for misleading in [ContextKind::Suggested, ContextKind::SuggestedSubcommand] {
        error.remove(misleading);
    }
    if let Some(tip) = tip(&error, command, arguments) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    drop(error.print());
    if wants_json {
        Report::refused(&Refusal::new(Cause::Usage, sentence(&error))).print_json();
    }
    ExitCode::Refused
}

/// What is wrong, and the tip, in one line.
fn sentence(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "no command is named".to_owned();
    }
    let text = error.to_string();
    let mut parts = text.split("\n\n");
    let what = parts.next().unwrap_or_default().trim_start_matches("error: ");
    let tips = parts.flat_map(str::lines).filter_map(|line| line.trim_start().strip_prefix("tip: "));
    let sentence = [what].into_iter().chain(tips).map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    sentence.collect::<Vec<_>>().join("; ")
}

/// Whether the JSON summary is asked for, which is promised for every ending of the commands that have one.
fn wants_json(command: &Command, arguments: &[OsString]) -> bool {
    let named = arguments.get(1).and_then(|name| command.find_subcommand(name));
    let has_summary = named.is_none_or(|command| command.get_arguments().any(|flag| flag.get_long() == Some("json")));
    let from_environment = || {
        std::env::var(Cli::variable_of("json"))
            .is_ok_and(|value| !["", "0", "f", "false", "n", "no", "off"].contains(&value.to_lowercase().as_str()))
    };
    has_summary && (arguments.iter().any(|argument| argument == "--json") || from_environment())
}

/// Names the argument or the variable that is not text.
fn not_text(arguments: &[OsString]) -> String {
    let variable = || {
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(&Cli::variable_of("")));
        ours.into_iter().find(|(_, value)| value.to_str().is_none()).map(|(name, _)| name)
    };
    let argument = arguments.iter().find(|argument| argument.to_str().is_none()).cloned();
    match argument.or_else(variable) {
        Some(named) => format!("{} is not text in UTF-8; write it in a terminal that is set to UTF-8", named.display()),
        None => "an argument is not text in UTF-8".to_owned(),
    }
}

/// Names the environment variable that a wrong value comes from, if it is not from the command line.
fn name_variable(error: &mut clap::Error, arguments: &[OsString]) {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return };
    let Some(flag) = argument.split(' ').next().and_then(|flag| flag.strip_prefix("--")) else { return };
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return;
    }
    let is_said = |said: &OsString| {
        let said = said.as_encoded_bytes().strip_prefix(b"--").and_then(|said| said.strip_prefix(flag.as_bytes()));
        said.is_some_and(|behind| behind.is_empty() || behind.starts_with(b"="))
    };
    let variable = Cli::variable_of(flag);
    if !arguments.iter().any(is_said) && std::env::var_os(&variable).is_some() {
        let named = format!("{variable} (in the environment, for {argument})");
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
}

/// How the command is used, without flags that seem required because the environment gives them.
fn plain_usage(error: &clap::Error, command: &mut Command, arguments: &[OsString]) -> Option<StyledStr> {
    error.get(ContextKind::Usage)?;
    let name = arguments.get(1)?;
    match command.find_subcommand_mut(name).filter(|command| command.get_name() != HELP) {
        Some(command) => Some(command.render_usage()),
        None => Some(command.render_usage()),
    }
}

/// What to write instead, if that is known.
fn tip(error: &clap::Error, command: &Command, arguments: &[OsString]) -> Option<String> {
    let given = arguments.get(1)?;
    if command.find_subcommand(given).is_some() {
        return about_argument(error, arguments);
    }
    let text = given.to_string_lossy();
    let names = || command.get_subcommands().map(Command::get_name).filter(|name| *name != HELP);
    let synonym = SYNONYMS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, words)| words.to_vec());
    let is_flag = text.starts_with('-');
    let meant = synonym.or_else(|| nearest(&text, names()).filter(|_| !is_flag).map(|name| vec![name]));
    let looks_like_an_operand = text.contains(['.', '/', '-']) || Path::new(given).exists();
    let corrected = match &meant {
        Some(words) => corrected(words, arguments.get(2..).unwrap_or_default()),
        None if looks_like_an_operand => corrected(&[RUN], arguments.get(1..).unwrap_or_default()),
        None => None,
    };
    Some(match (corrected, meant) {
        (Some(line), _) => format!("did you mean: {line}"),
        (None, Some(words)) => format!("did you mean: {} {}", env!("CARGO_PKG_NAME"), words.join(" ")),
        (None, None) if looks_like_an_operand => "the command comes first, such as run; then what it is for".to_owned(),
        (None, None) => format!("the commands are {}", names().collect::<Vec<_>>().join(", ")),
    })
}

/// What to do about an argument that the command does not know.
fn about_argument(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    if !argument.starts_with('-') {
        let one_input = "`run` takes one input: quote a value that has blanks, and run once for each file";
        return arguments.get(1).filter(|command| *command == RUN).map(|_| one_input.to_owned());
    }
    if KEY_FLAGS.contains(&argument.as_str()) {
        return Some(
            "the key is never an argument, which others can see: set IMOCHA_API_KEY, or name a file".to_owned(),
        );
    }
    let begins_so = |said: &OsString| said.as_encoded_bytes().starts_with(argument.as_bytes());
    let at = arguments.iter().position(begins_so)?;
    let said = arguments.get(at)?;
    if Path::new(said).exists() {
        return Some(format!("for the file of that name, say {}", word(OsStr::new(&format!("./{}", said.display())))?));
    }
    let before = arguments.get(at.checked_sub(1)?)?.to_str()?;
    let is_value = before.starts_with("--") && !said.as_encoded_bytes().starts_with(b"--") && !before.contains('=');
    is_value.then(|| format!("if {} is the value of {before}, no value of it begins with a dash", said.display()))
}

/// The whole command with these words in front of `rest`, if it can be parsed.
fn corrected(words: &[&str], rest: &[OsString]) -> Option<String> {
    let said = words.iter().map(OsString::from).chain(rest.iter().cloned());
    let line: Vec<OsString> = [env!("CARGO_PKG_NAME").into()].into_iter().chain(said).collect();
    match Cli::parser().try_get_matches_from(&line) {
        Ok(_) => line.iter().map(|part| word(part)).collect::<Option<Vec<String>>>().map(|words| words.join(" ")),
        Err(_) => None,
    }
}
