//! Refuses flags that contradict each other.

use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};

/// Refuses flags that contradict each other.
pub(super) fn check(args: &RunArgs) -> Result<(), Refusal> {
    let usage = |message: &str, hint: &str| Err(Refusal::new(Cause::Usage, message).hint(hint));
    if args.console.quiet && args.console.verbose {
        return usage("--quiet and --verbose contradict each other", "leave one of them out");
    }
    if args.reading.no_header && args.reading.header_line.is_some() {
        return usage("--no-header and --header-line contradict each other", "leave one of them out");
    }
    if args.summary.json && args.writes_standard_output() {
        return usage(
            "results and the --json summary cannot both go to standard output",
            "name a results file with --output",
        );
    }
    if args.guards.verify && args.writes_standard_output() {
        return usage(
            "--verify needs a results file: what went to standard output cannot be settled",
            "name a results file with --output",
        );
    }
    if args.guards.preview && args.reads_standard_input() {
        return usage("--preview needs a file: standard input can be read only once", "name the file instead of -");
    }
    if args.results.resume && (args.writes_standard_output() || args.reads_standard_input()) {
        return usage(
            "--resume needs files: what went through standard input or output cannot be looked at again",
            "name the input, and the results with --output",
        );
    }
    if !args.reads_standard_input() {
        return Ok(());
    }
    if !(args.guards.yes || args.sandbox || args.guards.dry_run) {
        let refusal = Refusal::new(Cause::NotConfirmed, "standard input is the list, so nobody can be asked on it");
        return Err(refusal.hint("look at what would be done with --dry-run, then say --yes"));
    }
    if args.results.output.is_none() {
        return usage("results of standard input need a place", "name a file with --output, or - for standard output");
    }
    if args.guards.max_cancels.is_some() {
        return usage(
            "--max-cancels needs a file: how many invitations come on standard input is not known before the first call",
            "write the input to a file first, or bound the run with --limit",
        );
    }
    if args.guards.expect.is_some() {
        return usage(
            "--expect needs a file: which bytes come on standard input is not known before the first call",
            "name the file instead of -; a pipe can be written to a file first",
        );
    }
    if args.guards.max_input_age.is_some() {
        return usage("--max-input-age needs a file: standard input has no age", "name the file instead of -");
    }
    Ok(())
}
