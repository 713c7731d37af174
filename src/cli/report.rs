//! What `report` can be told.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use csv::{ReaderBuilder, StringRecord, Trim};

use super::groups::{ConsoleArgs, SummaryArgs};

/// What stands under the help.
pub(super) const NOTES: &str = "\
Examples:
  imocha-cancel report round-7.results.csv                        writes round-7.results.html
  imocha-cancel report round-7.results.csv --columns Name,Email   for those who may see names
  imocha-cancel report part-*.results.csv -o round-7.html         one page about several results

A row that stands in several results counts once: results of the same input by its line, those of
different inputs by the invitation. A file that is there is replaced only if it is such a report.

Exit codes: 0 written, 2 refused, 3 could not be written, 130 and 143 stopped by a signal. How the
results stand is in the page, and does not change the exit code.
Every flag but -o can be given as IMOCHA_CANCEL_<FLAG> in the environment.";

/// What `report` can be told.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Results files that `run` wrote
    #[arg(required = true, value_name = "RESULTS")]
    pub results: Vec<PathBuf>,
    /// Where the page goes; - is standard output [default: RESULTS with .csv replaced by .html]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show these columns of the input for each row that needs attention; else the page has no names
    /// and no addresses
    #[arg(long, value_name = "NAME,…")]
    pub columns: Option<ColumnNames>,
    /// What a script is told.
    #[command(flatten)]
    pub summary: SummaryArgs,
    /// How much is said on standard error.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// Names of columns. On the command line they stand between commas; quotes hold a name with a comma together, as in a
/// CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnNames(pub Vec<String>);

impl FromStr for ColumnNames {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reader = ReaderBuilder::new().has_headers(false).trim(Trim::All).from_reader(text.as_bytes());
        let mut names = StringRecord::new();
        let is_read = reader.read_record(&mut names).unwrap_or(false);
        let names: Vec<String> = names.iter().filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if is_read && !names.is_empty() {
            Ok(Self(names))
        } else {
            Err("it takes names of columns, such as Name,Email")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_between_commas_and_quotes_hold_one_together() {
        let names = |text: &str| text.parse().map(|ColumnNames(names)| names.join("|"));
        assert_eq!(names("Name,Email").as_deref(), Ok("Name|Email"));
        assert_eq!(names(" Test Name , ,\"Last, First\"").as_deref(), Ok("Test Name|Last, First"));
        assert!(names("").is_err() && names(" , ").is_err());
    }
}
