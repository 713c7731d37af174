//! The arguments of the command `completions`, and what a shell is told of the values of all flags.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command, ValueHint};
use clap_complete::Shell;

/// The text below the help.
pub(super) const NOTES: &str = "\
Examples:
  source <(imocha-cancel completions bash)   in ~/.bashrc
  source <(imocha-cancel completions zsh)    in ~/.zshrc, below compinit
  imocha-cancel completions fish | source    in ~/.config/fish/config.fish

The Debian package has installed those of bash, zsh and fish for all users.";

/// What `completions` can be told.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(hide_possible_values = true)]
    pub shell: Shell,
}

/// Tells the shells which values are files: all that are kept as a path. No other value is one, so no files are offered
/// for it.
pub(super) fn with_hints(command: Command) -> Command {
    command.mut_subcommands(|command| {
        command.mut_args(|argument| match argument.get_value_hint() {
            _ if !argument.get_action().takes_values() => argument,
            // Bash takes a name with blanks in it whole only where it is told that a file is meant.
            ValueHint::AnyPath => argument.value_hint(ValueHint::FilePath),
            ValueHint::Unknown if !is_choice(&argument) => argument.value_hint(ValueHint::Other),
            _ => argument,
        })
    })
}

/// Whether the values are a list, which shells offer by themselves.
fn is_choice(argument: &Arg) -> bool {
    !argument.get_possible_values().is_empty()
}

/// A parser of the words of a list, which a shell then offers.
pub(super) fn one_of<T: Copy + Send + Sync + 'static>(
    words: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    let names = words.iter().map(|(word, _)| *word);
    PossibleValuesParser::new(names).try_map(|given| {
        let found = words.iter().find(|(word, _)| *word == given);
        found.map(|(_, value)| *value).ok_or("it is not in the list")
    })
}
