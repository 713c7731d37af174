//! Prints what a shell loads to complete the command line.

use super::standard_output;
use crate::cli::{Cli, CompletionsArgs};
use crate::error::Refusal;

/// Prints the completions for one shell.
///
/// # Errors
///
/// If standard output does not take them.
pub(super) fn print(args: &CompletionsArgs) -> Result<(), Refusal> {
    let mut parser = Cli::parser();
    let name = parser.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut parser, name, &mut script);
    standard_output::print(with_one_spelling(&script).as_bytes())
}

/// The script for bash spells the path of a subcommand in two ways where the name of the program has a hyphen, so nothing
/// was completed behind a subcommand (source: clap-rs/clap, issue 6421). This makes them one, and changes no other script.
fn with_one_spelling(script: &[u8]) -> String {
    String::from_utf8_lossy(script).replace("imocha__subcmd__cancel", "imocha__cancel")
}
