//! The command `run`: checks all that can be checked before the first call, asks, and lets the engine go.

use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::dry_run::dry_run;
use super::plan::{Input, Output, Target, surveyed};
use super::resume::{self, Background};
use crate::cli::RunArgs;
use crate::config::Patience;
use crate::engine::{self, Job, SharedJournal};
use crate::error::{Cause, Refusal};
use crate::input::{Choice, RowReader, Survey};
use crate::monitor::Monitor;
use crate::outcome::Summary;
use crate::results::{Existing, History, Journal, ResultsWriter};
use crate::row::Layout;
use crate::shutdown::{Shutdown, Signals};
use crate::text::{Scrubber, quoted_path};
use crate::throttle::Throttle;
use crate::ui::{Console, Ending, Progress, Question, Report, Results};

/// What can be sent in this time is reserved in the journal at once: so much is in doubt after a crash, besides what backs
/// off.
const RESERVED_TIME: Duration = Duration::from_millis(100);

/// Does what `run` was asked by these `arguments`, says what came of it, and gives the exit code.
pub(super) fn run(args: &RunArgs, arguments: &[OsString]) -> u8 {
    let results = if Output::is_standard(args) { Results::OnStandardOutput } else { Results::InFile };
    let console = Console::new(&args.console, results);
    let mut report = Report::begin(&args.input);
    report.ending = perform(args, &console, &mut report).unwrap_or_else(|refusal| {
        console.refusal(&refusal);
        Ending::Refused(refusal.cause)
    });
    report.finished_at = Timestamp::now();
    if report.can_be_resumed() && !Input::is_standard(args) {
        report.resume_command = Some(resume::command(arguments));
    }
    if matches!(report.ending, Ending::Finished | Ending::Stopped(_)) {
        console.say(&report.text());
    }
    if args.json {
        report.print_json();
    }
    report.exit_code()
}

/// Everything up to the end of the run, cheap checks first. An error means that nothing was sent.
fn perform(args: &RunArgs, console: &Console, report: &mut Report) -> Result<Ending, Refusal> {
    check_flags(args)?;
    let output = Output::plan(args)?;
    let target = Target::of(args)?;
    if args.dry_run {
        report.summary = dry_run(args, &target, &output, console)?;
        return Ok(Ending::Rehearsed);
    }
    // The lock comes before the first look, and stays to the end: nobody else can change what this run was told.
    let mut journal = output.path().map(Journal::open).transpose()?;
    let output = Output::plan(args)?;
    let input = Input::open(args)?;
    report.input_rows = input.rows();
    let background = match (&input, output.path()) {
        (Input::File { survey, .. }, Some(results)) => {
            Some(Background::look(args, results, journal.as_ref(), survey, &target)?)
        }
        (Input::Stream(reader), Some(_results)) => Some(Background::of_stream(args, reader.reading(), &target)),
        (Input::File { .. } | Input::Stream(_), None) => None,
    };
    let cancels = match &input {
        Input::File { survey, .. } => Some(check_survey(args, survey, background.as_ref())?),
        Input::Stream(_) => None,
    };
    if !(args.yes || args.sandbox || cancels == Some(0)) {
        console.confirm(&question(args, &target, &input, &output, cancels))?;
    }
    // Before the results are there: what fails from here on leaves a file behind.
    let runtime = super::runtime()?;
    let is_stream = input.rows().is_none();
    let reader = input.into_reader()?;
    let (results, history) = begin(&output, background, journal.as_mut(), reader.layout().clone())?;
    let journal = journal.map(|journal| Arc::new(Mutex::new(journal)));
    report.results = output.path().map(ToOwned::to_owned);
    if args.sandbox {
        console.say("against the sandbox: nobody is e-mailed\n");
    }
    report.started_at = Timestamp::now();
    let progress = Arc::new(Progress::start(console, cancels, history.summary().clone()));
    // Rows of a stream are not reserved: nobody can go on with it. Its journal is the lock alone.
    let reserving = if is_stream { None } else { journal.clone() };
    let parts = Parts { reader, history, journal: reserving, results, progress: Arc::clone(&progress) };
    let (ending, summary) = send(args, &target, parts, runtime);
    progress.finish();
    report.lost_rows = progress.has_lost_rows();
    report.summary = summary;
    let ending = report.settle(ending);
    if let Some(journal) = journal {
        close(&journal, &ending);
    }
    Ok(ending)
}

/// Makes the results and opens the run in the journal. Where results are replaced, they go first: after a crash in
/// between, the old journal speaks of no rows that the new results have, and is refused or errs on the side of doubt.
fn begin(
    output: &Output,
    background: Option<Background>,
    journal: Option<&mut Journal>,
    layout: Layout,
) -> Result<(ResultsWriter, History), Refusal> {
    let file = match output {
        Output::File(file) => file,
        Output::StandardOutput => return Ok((ResultsWriter::to_standard_output(layout)?, History::default())),
    };
    let open = || match (background, journal) {
        (Some(background), Some(journal)) => background.begin(journal),
        (None, _) | (_, None) => Ok(History::default()),
    };
    match file.existing() {
        Existing::Replace => {
            let results = ResultsWriter::create(file, layout)?;
            Ok((results, open()?))
        }
        Existing::Keep | Existing::Resume => {
            let history = open()?;
            Ok((ResultsWriter::create(file, layout)?, history))
        }
    }
}

/// Says in the journal how the run ended. It can be resumed without.
fn close(journal: &SharedJournal, ending: &Ending) {
    let how = match ending {
        Ending::Stopped(stop) => stop.reason.word(),
        Ending::Finished | Ending::Rehearsed | Ending::Refused(_) => "finished",
    };
    // After a second signal a write may still hang; nobody waits for it.
    if let Ok(mut journal) = journal.try_lock()
        && let Err(error) = journal.end(how)
    {
        tracing::warn!(%error, "the journal does not say how the run ended");
    }
}

/// What the engine is given besides the flags.
struct Parts {
    reader: RowReader,
    history: History,
    journal: Option<SharedJournal>,
    results: ResultsWriter,
    progress: Arc<Progress>,
}

/// Lets the engine go, and waits for its end, or for a second signal.
fn send(args: &RunArgs, target: &Target, parts: Parts, runtime: Runtime) -> (Ending, Summary) {
    let shutdown = Shutdown::default();
    let monitor: Arc<dyn Monitor> = Arc::<Progress>::clone(&parts.progress);
    let job = Job {
        reader: parts.reader,
        history: parts.history,
        journal: parts.journal,
        batch_rows: target.config.rate.calls_within(RESERVED_TIME),
        results: parts.results,
        client: target.client.clone(),
        throttle: Throttle::new(target.config.rate, args.max_outage.get()),
        scrubber: Scrubber::new(target.api_key.clone()),
        concurrency: target.config.concurrency,
        max_attempts: args.max_attempts,
        max_duration: args.max_duration.map(Patience::get),
        limit: args.limit,
        monitor,
        shutdown: shutdown.clone(),
    };
    let lines = parts.progress.say_lines();
    let summary = runtime.block_on(async {
        tokio::select! {
            summary = engine::run(job) => summary,
            () = given_up(&shutdown) => parts.progress.summary(),
        }
    });
    drop(lines);
    // A look-up of a name may still hang in a thread, or a read of standard input; nobody waits for it any more.
    runtime.shutdown_background();
    let ending = shutdown.reason().map_or(Ending::Finished, |stop| Ending::Stopped(stop.clone()));
    (ending, summary)
}

/// Stops the run at the first signal, and returns at the second.
async fn given_up(shutdown: &Shutdown) {
    match Signals::listen() {
        Ok(signals) => signals.second(shutdown).await,
        Err(error) => {
            tracing::warn!(%error, "a signal will end the run at once, without an orderly end");
            std::future::pending::<()>().await;
        }
    }
}

/// Flags that cannot be meant together.
fn check_flags(args: &RunArgs) -> Result<(), Refusal> {
    let usage = |message: &str, hint: &str| Err(Refusal::new(Cause::Usage, message).hint(hint));
    if args.console.quiet && args.console.verbose {
        return usage("--quiet and --verbose contradict each other", "leave one of them out");
    }
    if args.json && Output::is_standard(args) {
        return usage(
            "results and the --json summary cannot both go to standard output",
            "name a results file with --output",
        );
    }
    if args.resume && (Output::is_standard(args) || Input::is_standard(args)) {
        return usage(
            "--resume needs files: what went through standard input or output cannot be looked at again",
            "name the input, and the results with --output",
        );
    }
    if !Input::is_standard(args) {
        return Ok(());
    }
    if !(args.yes || args.sandbox || args.dry_run) {
        let refusal = Refusal::new(Cause::NotConfirmed, "standard input is the list, so nobody can be asked on it");
        return Err(refusal.hint("look at what would be done with --dry-run, then say --yes"));
    }
    if args.output.is_none() {
        return usage("results of standard input need a place", "name a file with --output, or - for standard output");
    }
    if args.max_cancels.is_some() {
        return usage(
            "--max-cancels needs a file: how many invitations come on standard input is not known before the first call",
            "write the input to a file first, or bound the run with --limit",
        );
    }
    if args.max_input_age.is_some() {
        return usage("--max-input-age needs a file: standard input has no age", "name the file instead of -");
    }
    Ok(())
}

/// Looks at what the survey found, before anybody is asked, and gives how many invitations would be cancelled.
pub(super) fn check_survey(args: &RunArgs, survey: &Survey, background: Option<&Background>) -> Result<u64, Refusal> {
    let settled = background.map_or(0, Background::settled);
    let left = survey.eligible.saturating_sub(settled);
    let cancels = args.limit.map_or(left, |limit| left.min(limit));
    check_guards(args, survey, cancels)?;
    warn_of_results(args, survey);
    if let Some(line) = survey.other_table {
        tracing::warn!(
            input = ?args.input,
            line,
            "another table begins, and nothing from there on is sent; give it a file of its own"
        );
    }
    if survey.eligible == 0 {
        tracing::warn!(input = ?args.input, found = surveyed(survey), "there is nothing to cancel");
    }
    Ok(cancels)
}

/// The bounds that the operator set for a run.
fn check_guards(args: &RunArgs, survey: &Survey, cancels: u64) -> Result<(), Refusal> {
    if let Some(most) = args.max_cancels
        && cancels > most
    {
        return Err(Refusal::new(
            Cause::TooMany,
            format!("{} invitations would be cancelled, more than --max-cancels {most} allows", HumanCount(cancels)),
        )
        .hint("check that this is the file you mean; if it is, raise --max-cancels, or take a part with --limit"));
    }
    let Some(most) = args.max_input_age else { return Ok(()) };
    let Some(modified) = survey.fingerprint.as_ref().and_then(|file| file.modified) else {
        return Err(Refusal::new(
            Cause::StaleInput,
            format!("nobody knows how old the input {} is", quoted_path(&args.input)),
        )
        .hint("leave --max-input-age out, or copy the file to a disk that keeps times"));
    };
    // A file from the future, by a clock that is wrong, is new.
    let age = modified.elapsed().unwrap_or_default();
    if age > most {
        return Err(Refusal::new(
            Cause::StaleInput,
            format!(
                "the input {} was last changed {} ago, longer than --max-input-age {} allows",
                quoted_path(&args.input),
                HumanDuration(age),
                humantime::format_duration(most),
            ),
        )
        .hint("export it again: people may have been invited anew since"));
    }
    Ok(())
}

/// A results file is good input, but the rows that were filtered out or cancelled before are in it too.
fn warn_of_results(args: &RunArgs, survey: &Survey) {
    let is_results = survey.reading.id_column.as_ref().is_some_and(|column| column.choice == Choice::Results);
    if is_results && args.filters.is_empty() {
        tracing::warn!(
            "the input is a results file, and every row of it is meant, those that were filtered out or cancelled too; \
             --where status=… takes a part"
        );
    }
}

/// What a person has to know before saying yes.
fn question(args: &RunArgs, target: &Target, input: &Input, output: &Output, cancels: Option<u64>) -> Question {
    let mut question = Question {
        cancels: cancels.unwrap_or(0),
        host: target.host(),
        particulars: vec![("results", output.to_string())],
    };
    let Input::File { survey, .. } = input else {
        return question;
    };
    question.particulars.insert(0, ("input", format!("{}, {}", quoted_path(&args.input), surveyed(survey))));
    if let Some((first, last)) = survey.first.zip(survey.last) {
        let ids = if question.cancels < survey.eligible {
            let (some, all) = (HumanCount(question.cancels), HumanCount(survey.eligible));
            format!("{some} of the {all} between {first} and {last}; --dry-run tells more")
        } else {
            format!("first {first}, last {last}")
        };
        question.particulars.push(("ids", ids));
    }
    let time = target.config.rate.time_for(question.cancels);
    if time >= Duration::from_secs(1) {
        question.particulars.push(("time", format!("{} at the least", HumanDuration(time))));
    }
    question
}
