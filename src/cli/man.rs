//! The arguments of the command `man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The text below the help.
pub(super) const NOTES: &str = "\
Examples:
  imocha-cancel man | man -l -                        read the main page
  imocha-cancel man ~/.local/share/man/man1           then `man imocha-cancel-run` finds its page

The Debian package has installed the pages.";

/// What `man` can be told.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Directory for the pages, one for each command; it is made if it is not there. Without it the main
    /// page goes to standard output
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
}
