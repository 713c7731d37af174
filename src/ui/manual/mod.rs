//! Writes the manual pages, one for each command: its flags as the parser knows them, the text below its help, tables
//! of what others define (statuses, exit codes), and from the files `*.roff` what only the manual says. A command needs
//! no such file.

mod lines;
mod notes;

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::ending::ExitCode;
use crate::outcome::Status;

/// The date of the pages, of the last entry in `packaging/debian/changelog`. Not that of a build: the same source makes
/// the same pages.
const DATE: &str = "2026-11-24";

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualPage {
    /// The name of its file, such as `imocha-cancel-run.1`.
    pub file_name: String,
    /// Its text, in the language of `man(7)`.
    pub text: String,
}

/// The manual pages of this command line: the main one, then those of its commands.
pub fn manual_pages(parser: Command) -> Vec<ManualPage> {
    let parser = parser.disable_help_subcommand(true);
    let mut parser = parser.subcommand_value_name("command").subcommand_help_heading("COMMANDS");
    parser.build();
    let all = std::iter::once(&parser).chain(parser.get_subcommands());
    all.map(|command| page(&parser, command.clone())).collect()
}

/// The page of a command, in the order that manuals have.
fn page(parser: &Command, command: Command) -> ManualPage {
    let own = own_text(command.get_name());
    let (description, sections) = own.split_at(own.find(".SH ").unwrap_or(own.len()));
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (is_main, is_run) = (command.has_subcommands(), command.get_name() == RUN);
    let see_also = see_also(parser, &command);
    let man = Man::new(command);
    let file_name = man.get_filename();
    let title = file_name.trim_end_matches(".1").to_uppercase();
    let source = format!("{} {}", parser.get_name(), env!("CARGO_PKG_VERSION"));
    let man = man.title(title).date(DATE).source(source).manual("User Commands");
    let parts = [
        of_clap(|text| man.render_title(text)),
        of_clap(|text| man.render_name_section(text)),
        of_clap(|text| man.render_synopsis_section(text)),
        of_clap(|text| man.render_description_section(text)),
        description.to_owned(),
        if is_main { of_clap(|text| man.render_subcommands_section(text)) } else { String::new() },
        of_clap(|text| man.render_options_section(text)),
        if is_run { statuses().render() } else { String::new() },
        if is_run || is_main { exit_codes().render() } else { String::new() },
        sections.to_owned(),
        notes::sections(&notes).render(),
        see_also.render(),
    ];
    // Each part would define anew how an apostrophe is written.
    let preamble = Roff::new().render();
    let text: String = parts.iter().map(|part| part.replace(&preamble, "")).collect();
    ManualPage { file_name, text: preamble + &lines::broken(&text) }
}

/// The command that has statuses and exit codes of its own.
const RUN: &str = "run";

/// What only the manual says of a command: the rest of its description, then sections.
fn own_text(command: &str) -> &'static str {
    match command {
        "imocha-cancel" => include_str!("main.roff"),
        RUN => include_str!("run.roff"),
        "sandbox" => include_str!("sandbox.roff"),
        _ => "",
    }
}

/// A section that clap makes.
fn of_clap(render: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    drop(render(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

/// The section with the statuses.
fn statuses() -> Roff {
    let mut roff = section("STATUSES", "The column status of the results has one of these words.");
    for &status in Status::ALL {
        let again = if status.is_tried_again() { "; --resume tries it again" } else { "" };
        entry(&mut roff, status.word(), &format!("{}{again}", status.meaning()));
    }
    roff
}

/// The section with the exit codes.
fn exit_codes() -> Roff {
    let mut roff = section("EXIT STATUS", "What the exit code says of a run:");
    for code in ExitCode::ALL {
        entry(&mut roff, &code.number().to_string(), code.meaning());
    }
    roff
}

/// The section with the other pages.
fn see_also(parser: &Command, command: &Command) -> Roff {
    let mut roff = Roff::new();
    let main = parser.get_name();
    let names = parser.get_subcommands().map(|other| format!("{main}-{}", other.get_name()));
    let others = std::iter::once(main.to_owned()).chain(names);
    let own = command.get_display_name().unwrap_or(main);
    let others: Vec<String> = others.filter(|name| name != own).collect();
    roff.control("SH", ["SEE ALSO"]);
    for (number, name) in (1..).zip(&others) {
        let comma = if number < others.len() { "," } else { "" };
        roff.text([bold(name), roman(format!("(1){comma}"))]);
    }
    roff
}

fn section(title: &str, text: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]).text([roman(text)]);
    roff
}

/// A term and what it means.
fn entry(roff: &mut Roff, term: &str, meaning: &str) {
    roff.control("TP", []).text([bold(term)]).text([roman(meaning)]);
}
