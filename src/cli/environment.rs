//! Gives each flag an environment variable, its twin.

use clap::builder::FalseyValueParser;
use clap::{Arg, Command};

/// The prefix of the variables' names.
const PREFIX: &str = "IMOCHA_CANCEL_";

/// Switches that hold for one run only. Set in an environment, they would be forgotten there, and confirm, replace or
/// rehearse what nobody thought of.
const ONE_OFF: [&str; 6] = ["yes", "dry-run", "preview", "resume", "overwrite", "sandbox"];

/// Gives each flag of each command its twin: `--max-cancels` can be given as `IMOCHA_CANCEL_MAX_CANCELS`.
pub(super) fn with_twins(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let is_run = command.get_name() == "run";
        // What is meant for the results of `run` is not meant for the rows of `verify` or the page of `report`.
        let has_twin = move |argument: &Arg| is_run || argument.get_long() != Some("output");
        command.mut_args(|argument| if has_twin(&argument) { with_twin(argument) } else { argument })
    })
}

/// The name of the variable that gives this flag.
pub(super) fn twin_of(flag: &str) -> String {
    format!("{PREFIX}{}", flag.to_uppercase().replace('-', "_"))
}

fn with_twin(argument: Arg) -> Arg {
    let Some(flag) = argument.get_long().filter(|flag| !ONE_OFF.contains(flag)) else { return argument };
    let twin = twin_of(flag);
    // The help explains the variables once for all flags.
    let argument = argument.env(twin).hide_env(true);
    if argument.get_action().takes_values() {
        // So that `--limit -1` is told that it takes no such number, instead of being taken for another flag.
        argument.allow_negative_numbers(true)
    } else {
        argument.value_parser(FalseyValueParser::new())
    }
}
