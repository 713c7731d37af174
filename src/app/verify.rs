//! The command `verify`: holds results against iMocha's own lists, and settles what they decide.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::collisions::{Stream, are_one, files_of, spoilt, what_is_spoilt};
use super::crosscheck::CrossCheck;
use super::held::HeldResults;
use super::nearest::or_nearest;
use super::places::{default_output, is_dash};
use super::plan::Endpoint;
use super::resume::SANDBOX;
use super::standard_output;
use super::tell::{JsonSummary, finish, finish_without_watch, say_refusal, wordiness};
use super::verified_rows;
use super::watch::{Halt, Watch};
use crate::cli::VerifyArgs;
use crate::client::Client;
use crate::clock::Beginning;
use crate::config::{Patience, Since};
use crate::ending::{Ending, ExitCode};
use crate::error::{Cause, Refusal};
use crate::outcome::Tally;
use crate::results::format::Format;
use crate::results::{Journal, LastRun};
use crate::shutdown::Shutdown;
use crate::text::quoted_path;
use crate::ui::{Api, Console, Report, Results};
use crate::verification::{MissingRows, Settling, Verification};

/// Does what `verify` was asked, says what came of it, and gives the exit code.
pub(super) fn verify(args: VerifyArgs) -> ExitCode {
    let shutdown = Shutdown::default();
    let writes_standard_output = args.output.as_deref().is_some_and(is_dash);
    let results = if writes_standard_output { Results::OnStandardOutput } else { Results::InFile };
    let console = Console::new(&args.console, results, shutdown.clone());
    let beginning = Beginning::now();
    let args = Arc::new(args);
    let is_spoilt = |stream| what_is_spoilt(stream, &args).is_some();
    let mut asked = None;
    let (result, watch) = match Watch::start(&console, &shutdown) {
        Ok((watch, _threads_of_a_run)) => (perform(&args, &console, &watch, &mut asked), Some(watch)),
        Err(refusal) => (Err(refusal.into()), None),
    };
    let report = match result {
        Ok(report) => report,
        Err(Halt::Refused(refusal)) => {
            say_refusal(&args.summary, is_spoilt, &console, &refusal);
            Report::refused(&refusal)
        }
        Err(Halt::Stopped(stop)) => {
            let stop = stop.with_nothing_to_finish();
            console.error(&format!("stopped: {}; nothing was changed\n", stop.detail));
            Report::of(Ending::Stopped(stop))
        }
        Err(Halt::Midway(stop)) => {
            let stop = stop.with_nothing_to_finish();
            console.error(&format!(
                "stopped: {}; each of the results is as it was or settled whole: verify again\n",
                stop.detail
            ));
            Report::of(Ending::Stopped(stop))
        }
    };
    let report = with_what_is_known(report, &args, asked).since(beginning);
    say(&report, &args, &console);
    let json = JsonSummary::of(&args.summary, is_spoilt);
    match watch {
        Some(watch) => finish(json, &console, &report, watch),
        None => finish_without_watch(json, &console, &report, &shutdown),
    }
    report.exit_code()
}

/// The report with what the command line says, and the calls that were made.
fn with_what_is_known(mut report: Report, args: &VerifyArgs, asked: Option<(Client, Arc<AtomicU64>)>) -> Report {
    if let Some((client, calls)) = asked {
        report.tally.all_runs.add_calls(calls.load(Ordering::Relaxed));
        report.api = if client.is_simulated() { Api::Simulated } else { Api::Real };
    }
    let host = report.host.or_else(|| Some(args.connection.base_url.host()));
    let results = match args.results.as_slice() {
        [one] => Some(one.clone()),
        _several => None,
    };
    let gaps = report.verification.as_ref().map(gaps).filter(|gaps| !gaps.is_empty());
    let message = report.message.or_else(|| gaps.map(|gaps| gaps.join("; ")));
    Report { message, results, host, ..report }
}

/// What is said of results in which rows may be missing, or of shards that are.
fn gaps(found: &Verification) -> Vec<String> {
    let of_files = found.gaps.iter().map(|(path, gap)| format!("the results {} {}", quoted_path(path), gap.in_words()));
    let of_shards = found.shard_gaps.iter().map(|gap| format!("the results {}", gap.in_words()));
    of_files.chain(of_shards).collect()
}

/// Says what was found; with `--quiet` only where somebody has to look at it.
fn say(report: &Report, args: &VerifyArgs, console: &Console) {
    let Some(found) = &report.verification else { return };
    for gap in gaps(found) {
        tracing::warn!("{gap}");
    }
    if console.has_events() {
        report.events().iter().for_each(|event| console.log(event));
    } else if !args.console.quiet {
        console.say(&report.text(wordiness(&args.console)));
    } else if found.need_attention() > 0 {
        console.error(&report.attention());
    }
}

fn perform(
    args: &Arc<VerifyArgs>,
    console: &Console,
    watch: &Watch,
    asked: &mut Option<(Client, Arc<AtomicU64>)>,
) -> Result<Report, Halt> {
    check_flags(args)?;
    let settling = if args.dry_run { Settling::OnlyTold } else { Settling::Done };
    let for_results = Arc::clone(args);
    let results = watch.unless_stopped(move || open_all(&for_results, settling))??;
    let for_endpoint = Arc::clone(args);
    let endpoint = watch.unless_stopped(move || Endpoint::of_verify(&for_endpoint))??;
    for (held, last_run) in &results {
        check_host(held.file.path(), last_run.as_ref(), &endpoint)?;
    }
    let results: Vec<HeldResults> = results.into_iter().map(|(held, _)| held).collect();
    if let Some(path) = &args.output {
        verified_rows::check(path, &results)?;
    }
    let lister = endpoint.lister(args.list_rate(), args.connection.max_outage, watch.shutdown().clone());
    *asked = Some((endpoint.client.clone(), lister.calls()));
    let cross_check = CrossCheck {
        lister,
        results,
        since: args.since.map(Since::get),
        wait: args.wait.map(Patience::get),
        settling,
        rows_to: args.output.clone(),
    };
    let checked = cross_check.perform(watch, console)?;
    Ok(Report {
        host: Some(endpoint.config.base_url.host()),
        tally: Tally::after(checked.summary),
        verification: Some(checked.verification),
        ..Report::of(Ending::Verified)
    })
}

/// Flags that cannot be meant together.
fn check_flags(args: &VerifyArgs) -> Result<(), Refusal> {
    let usage = |message: String, hint: &str| Err(Refusal::new(Cause::Usage, message).hint(hint));
    if args.console.quiet && args.console.verbose {
        return usage("--quiet and --verbose contradict each other".to_owned(), "leave one of them out");
    }
    for stream in [Stream::Output, Stream::Error] {
        if let Some(what) = what_is_spoilt(stream, args) {
            return Err(spoilt(stream, &what));
        }
    }
    let Some(output) = &args.output else { return check_named_once(args) };
    if is_dash(output) {
        if args.summary.json {
            let message = "rows and the --json summary cannot both go to standard output".to_owned();
            return usage(message, "name a file with --output");
        }
        standard_output::check_results()?;
        return check_named_once(args);
    }
    let results: Vec<&Path> = args.results.iter().map(PathBuf::as_path).collect();
    for (what, path) in files_of(&results, &args.connection) {
        if are_one(&path, output) {
            return usage(format!("--output and {what} are the same file"), "name another file with --output");
        }
    }
    check_named_once(args)
}

fn check_named_once(args: &VerifyArgs) -> Result<(), Refusal> {
    for (index, path) in args.results.iter().enumerate() {
        let before = args.results.iter().take(index);
        if before.into_iter().any(|other| are_one(other, path)) {
            let message = format!("the results {} are named twice", quoted_path(path));
            return Err(Refusal::new(Cause::Usage, message).hint("name each results file once"));
        }
    }
    Ok(())
}

/// Opens all results and, where they are to be settled, takes their locks.
fn open_all(args: &VerifyArgs, settling: Settling) -> Result<Vec<(HeldResults, Option<LastRun>)>, Refusal> {
    args.results.iter().map(|path| open(path, settling)).collect()
}

fn open(path: &Path, settling: Settling) -> Result<(HeldResults, Option<LastRun>), Refusal> {
    // A link would be replaced by a file, and the lock of another name holds nobody up.
    let target = if path.is_symlink() { path.canonicalize() } else { Ok(path.to_owned()) };
    let path = &target.map_err(|error| {
        Refusal::new(Cause::Input, format!("could not read the results {}", quoted_path(path))).caused_by(error)
    })?;
    // Before the lock, which leaves a journal beside whatever is there.
    let format = format_of(path)?;
    let (last_run, lock) = match settling {
        Settling::OnlyTold => (Journal::look(path)?, None),
        Settling::Done => {
            let journal = Journal::open(path).map_err(|refusal| match refusal.cause {
                Cause::ResultsUnwritable => refusal.hint("with -n the results are only told, and nothing is written"),
                _ => refusal,
            })?;
            (journal.last_run().cloned(), Some(journal))
        }
    };
    if last_run.is_none() {
        tracing::warn!(
            results = ?path,
            "the results have no journal, so nobody can tell whether they are of this API and account: check --base-url and \
             the key; nor whether they are of one shard of several; the window of the lists begins 30 days before their \
             first row, or at --since"
        );
    }
    let part = last_run.as_ref().and_then(|run| run.identity.shard);
    if part.is_some_and(|part| part.input_rows.is_none()) {
        tracing::warn!(
            results = ?path,
            "the results are of a shard of standard input, so it cannot be checked whether the other shards are there"
        );
    }
    let mut held = HeldResults::open(path, format, last_run.as_ref().and_then(|run| run.first_began_at), lock)?;
    held.identity = last_run.as_ref().map(|run| run.identity.clone());
    held.gap = match &last_run {
        Some(_) if settling == Settling::OnlyTold && Journal::is_held(path) => Some(MissingRows::AtWork),
        Some(run) if !run.has_ended() => Some(MissingRows::Killed),
        Some(_) | None => None,
    };
    Ok((held, last_run))
}

/// The format of results. Who names their input instead is told which results lie beside it.
pub(super) fn format_of(path: &Path) -> Result<Format, Refusal> {
    Format::found_in(path).map_err(|refusal| {
        let beside = default_output(path, None);
        if beside.is_file() {
            refusal.hint(format!("did you mean {}?", quoted_path(&beside)))
        } else {
            or_nearest(refusal, path)
        }
    })
}

/// Lists of another account, or of another API, say nothing about these results.
fn check_host(path: &Path, last_run: Option<&LastRun>, endpoint: &Endpoint) -> Result<(), Refusal> {
    let Some(run) = last_run else { return Ok(()) };
    let (then, now) = (&run.identity.base_url, endpoint.config.base_url.to_string());
    if *then == now {
        return Ok(());
    }
    let results = quoted_path(path);
    Err(if then == SANDBOX {
        Refusal::new(Cause::OptionsChanged, format!("the results {results} are of a sandbox that is gone")).hint(
            "rehearse with `imocha-cancel sandbox`, which goes on until you end it, or with run --sandbox --verify",
        )
    } else {
        Refusal::new(Cause::OptionsChanged, format!("the results {results} are of {then}, not of {now}"))
            .hint(format!("say --base-url {then}, and verify results of different APIs one by one"))
    })
}
