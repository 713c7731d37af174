//! Does the command `run`: checks everything that can be checked before the first call, asks the user, and starts the
//! engine.

use std::convert::Infallible;
use std::io::{self, IsTerminal};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use indicatif::HumanCount;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::timeout;

use super::afterwards::{self, Afterwards};
use super::again::CommandLine;
use super::dry_run::dry_run;
use super::found_rate::{keep_rate, remembered_rate};
use super::guards::check_survey;
use super::metrics;
use super::plan::{Endpoint, Sink, Source, look_at_input, shard_in_words, surveyed};
use super::replaced::Replaced;
use super::report::of_run;
use super::resume::Resumption;
use super::tell::{refuse, tell, tell_without_watch, with_what_is_known};
use super::watch::{Halt, Hurry, Watch};
use crate::cli::RunArgs;
use crate::clock::Beginning;
use crate::config::Patience;
use crate::ending::{Ending, ExitCode};
use crate::engine::{self, Finished, InputEnd, Job, SharedJournal, Threads};
use crate::error::Refusal;
use crate::input::{RowReader, Survey};
use crate::monitor::{Monitor, Traffic};
use crate::outcome::{Stop, Tally};
use crate::results::{Existing, History, Journal, ResultsWriter, RunNotes};
use crate::row::Layout;
use crate::shutdown::Shutdown;
use crate::text::{Scrubber, quoted_path};
use crate::throttle::{Down, FoundPace, Outlook, Throttle};
use crate::ui::{Console, Preview, Progress, Report, Results};

/// The journal reserves at once the rows that can be sent in this time. After a crash, that many rows are in doubt,
/// besides those that were backing off.
const RESERVED_TIME: Duration = Duration::from_millis(100);

/// How long a run that is given up waits for the rows that are on their way to the results. A disk that works takes less.
/// Chosen by us.
const LAST_ROWS: Duration = Duration::from_millis(500);

/// Does what the command line asks, reports how it ended, and returns the exit code.
pub(super) fn run(args: RunArgs, command: Option<&CommandLine>) -> ExitCode {
    let args = Arc::new(args);
    let shutdown = Shutdown::default();
    let results = if args.writes_standard_output() { Results::OnStandardOutput } else { Results::InFile };
    let console = Console::new(&args.console, results, shutdown.clone());
    let beginning = Beginning::now();
    let (result, watch) = match Watch::start(&console, &shutdown) {
        Ok((watch, _threads_of_a_run)) if args.guards.dry_run => (rehearse(&args, &console, &watch), Some(watch)),
        Ok((watch, threads)) => (perform(&args, command, &console, &watch, threads), Some(watch)),
        Err(refusal) => (Err(refusal.into()), None),
    };
    let report = match result {
        Ok(report) => report,
        Err(Halt::Refused(refusal)) => {
            refuse(&args, &console, &refusal);
            Report::refused(&refusal).since(beginning)
        }
        Err(Halt::Stopped(stop) | Halt::Midway(stop)) => Report::of(Ending::Stopped(stop)).since(beginning),
    };
    let report = with_what_is_known(report, &shutdown, &args, command);
    let report = of_run(report, &args, watch.as_ref());
    metrics::write(&args, &report, watch.as_ref());
    match watch {
        Some(watch) => tell(&args, &console, &report, watch),
        None => tell_without_watch(&args, &console, &report, &shutdown),
    }
    report.exit_code()
}

/// Everything up to the end of the run, cheap checks first. An error means that nothing was sent.
pub(super) fn perform(
    args: &Arc<RunArgs>,
    command: Option<&CommandLine>,
    console: &Console,
    watch: &Watch,
    threads: Threads,
) -> Result<Report, Halt> {
    super::flags::check(args)?;
    look_at_input(args)?;
    let output = Sink::plan(args)?;
    afterwards::check(args)?;
    let for_endpoint = Arc::clone(args);
    let endpoint = watch.unless_stopped(move || Endpoint::of_run(&for_endpoint))??;
    // Lock the results before they are first read, and until the end: no other run can change what this run has read.
    let mut journal = output.path().map(Journal::open).transpose()?;
    let output = Sink::plan(args)?;
    let for_input = Arc::clone(args);
    let input = watch.unless_stopped(move || Source::open(&for_input))??;
    let resumption = look_back(args, &input, output.path(), journal.as_ref())?;
    // Reading earlier results can take a while, and a signal may have come.
    watch.check_going()?;
    let cancels = match &input {
        Source::File { survey, .. } => Some(check_survey(args, survey, resumption.as_ref())?),
        Source::Stream(_) => None,
    };
    let replaced = look_at_replaced(&output, watch)?;
    if args.guards.yes || args.sandbox || cancels == Some(0) {
        say_what_is_replaced(replaced.as_ref(), &output, console);
    } else {
        let mut preview = preview(args, &endpoint, &input, &output, cancels);
        preview.particulars.extend(replaced.map(|replaced| ("replaced", replaced.in_words())));
        confirm(preview, console, watch)?;
    }
    let first_began_at = first_began_at(args, journal.as_ref());
    let (input_rows, input_sha256, shard) = (input.rows(), input.sha256(), input.part());
    let reader = input.into_reader()?;
    let remembered = remembered_rate(&endpoint, watch)?;
    // This is the last check before something is written that a later run can resume.
    watch.check_going()?;
    watch.calls_begin();
    if args.sandbox {
        console.say("against the sandbox: nobody is e-mailed\n");
    }
    let layout = reader.layout().clone();
    let going_on = command.filter(|_| !args.reads_standard_input()).and_then(CommandLine::going_on);
    let resumption = resumption.map(|resumption| resumption.noting(RunNotes { rows: input_rows, going_on }));
    let (results, history) = begin(&output, resumption, journal.as_mut(), layout.clone())?;
    let journal = journal.map(|journal| Arc::new(Mutex::new(journal)));
    let beginning = Beginning::now();
    let progress = Arc::new(Progress::start(console, cancels, history.summary().clone()));
    // Rows of a stream are not reserved, because no run can resume it. Its journal is only the lock.
    let reserving = if input_rows.is_none() { None } else { journal.clone() };
    let progress_of_calls = Arc::clone(&progress);
    let parts =
        Parts { reader, remembered, history, journal: reserving, results, threads, progress: progress_of_calls };
    let (ending, finished, found) = send(args, &endpoint, parts, watch);
    progress.finish();
    let results = output.path().map(ToOwned::to_owned);
    let report = report_of(&endpoint, ending, finished, &progress).since(beginning);
    let found_rate = found.map(|found| keep_rate(&endpoint, found, &report, watch));
    let cut_off = if watch.shutdown().is_given_up() { Some(progress.under_way()) } else { None };
    let report = Report { input_sha256, shard, results, found_rate, input_rows, cut_off, ..report }.settled();
    let report =
        Afterwards { args, endpoint: &endpoint, layout, first_began_at, beginning }.perform(report, watch, console);
    if let Some(journal) = journal {
        let ending = report.ending.clone();
        watch.at_the_end(Hurry::WhenGivenUp, move || close(&journal, &ending));
    }
    Ok(report)
}

/// What came of the calls.
fn report_of(endpoint: &Endpoint, ending: Ending, finished: Finished, progress: &Progress) -> Report {
    Report {
        host: Some(endpoint.config.base_url.host()),
        api: endpoint.api(),
        tally: finished.tally,
        input_end: finished.input,
        lost_rows: progress.has_lost_rows(),
        ..Report::of(ending)
    }
}

/// When the first run over the results began; `None` where this is the first.
fn first_began_at(args: &RunArgs, journal: Option<&Journal>) -> Option<Timestamp> {
    journal.filter(|_| args.results.resume)?.last_run()?.first_began_at
}

/// Reads what earlier runs left; `None` if no run can resume this one.
fn look_back(
    args: &RunArgs,
    input: &Source,
    results: Option<&Path>,
    journal: Option<&Journal>,
) -> Result<Option<Resumption>, Refusal> {
    Ok(match (input, results) {
        (Source::File { survey, .. }, Some(results)) => Some(Resumption::look(args, results, journal, survey)?),
        (Source::Stream(reader), Some(_results)) => Some(Resumption::of_stream(args, reader.reading())),
        (Source::File { .. } | Source::Stream(_), None) => None,
    })
}

/// Does the dry run. It leaves nothing behind, so it can be stopped at any point.
fn rehearse(args: &Arc<RunArgs>, console: &Console, watch: &Watch) -> Result<Report, Halt> {
    super::flags::check(args)?;
    look_at_input(args)?;
    let (for_args, for_console) = (Arc::clone(args), console.clone());
    let beginning = Beginning::now();
    let found = watch.unless_stopped(move || dry_run(&for_args, &for_console))??;
    Ok(Report {
        api: found.api,
        tally: Tally::after(found.done),
        would_cancel: found.preview.cancels,
        rehearsal: Some(found.preview.rehearsal()),
        already: found.already,
        input_sha256: found.survey.fingerprint.map(|file| file.sha256),
        input_rows: Some(found.survey.rows),
        shard: found.survey.part(),
        ..Report::rehearsed(found.obstacles).since(beginning)
    })
}

/// Looks at what the new results would take the place of, where they are to.
fn look_at_replaced(output: &Sink, watch: &Watch) -> Result<Option<Replaced>, Halt> {
    match output {
        Sink::File(file) if file.existing() == Existing::Replace => {
            let path = file.path().to_owned();
            watch.unless_stopped(move || Replaced::at(&path))
        }
        Sink::File(_) | Sink::StandardOutput => Ok(None),
    }
}

/// Says what will be deleted. If some of it are invitations that may have been cancelled without a confirmation, this
/// is a warning whatever the flags: no other record of them exists.
fn say_what_is_replaced(replaced: Option<&Replaced>, output: &Sink, console: &Console) {
    let Some(replaced) = replaced else { return };
    let text = format!("--overwrite gives up {output}: {}", replaced.in_words());
    if replaced.doubtful() > 0 {
        tracing::warn!("{text}");
    } else {
        console.say(&format!("{text}\n"));
    }
}

/// Asks whether to go on.
fn confirm(preview: Preview, console: &Console, watch: &Watch) -> Result<(), Halt> {
    let asking = console.clone();
    let answer = watch.unless_stopped(move || asking.confirm(&preview));
    if answer.is_err() && io::stdin().is_terminal() {
        // The cursor still stands after the question.
        console.say("\n");
    }
    Ok(answer??)
}

/// Creates the results and begins the run in the journal. Results that are replaced come before the journal: after a
/// crash in between, the old journal speaks of rows that the new results do not have, so a later run is refused or
/// assumes doubt.
fn begin(
    output: &Sink,
    resumption: Option<Resumption>,
    journal: Option<&mut Journal>,
    layout: Layout,
) -> Result<(ResultsWriter, History), Refusal> {
    let file = match output {
        Sink::File(file) => file,
        Sink::StandardOutput => return Ok((ResultsWriter::to_standard_output(layout)?, History::default())),
    };
    let open = || match (resumption, journal) {
        (Some(resumption), Some(journal)) => resumption.begin(journal),
        (None, _) | (_, None) => Ok(History::default()),
    };
    match file.existing() {
        Existing::Replace => {
            let results = ResultsWriter::create(file, layout, &History::default())?;
            Ok((results, open()?))
        }
        Existing::Keep | Existing::Resume => {
            let history = open()?;
            Ok((ResultsWriter::create(file, layout, &history)?, history))
        }
    }
}

/// Records in the journal how the run ended. A run can be resumed without this record.
fn close(journal: &SharedJournal, ending: &Ending) {
    let how = match ending {
        Ending::Stopped(stop) => stop.reason.word(),
        Ending::Finished | Ending::Rehearsed(_) | Ending::Verified | Ending::Reported | Ending::Refused(_) => {
            "finished"
        }
    };
    // After a second signal, a hanging write may still hold the lock; this does not wait for it.
    if let Ok(mut journal) = journal.try_lock()
        && let Err(error) = journal.end(how)
    {
        tracing::warn!(%error, "the journal does not say how the run ended");
    }
}

/// What the engine gets besides the flags.
struct Parts {
    reader: RowReader,
    /// The rate that an earlier run found, in calls a second.
    remembered: Option<f64>,
    history: History,
    journal: Option<SharedJournal>,
    results: ResultsWriter,
    threads: Threads,
    progress: Arc<Progress>,
}

/// Runs the engine, and waits until it ends or a second signal comes.
fn send(args: &RunArgs, endpoint: &Endpoint, parts: Parts, watch: &Watch) -> (Ending, Finished, Option<FoundPace>) {
    let shutdown = watch.shutdown();
    let rate = endpoint.config.rate;
    let throttle =
        Throttle::remembering(rate, parts.remembered, args.connection.max_outage.get(), args.pace.max_attempts);
    let (outlook, found) = (throttle.outlook(), throttle.found());
    let monitor: Arc<dyn Monitor> = Arc::<Progress>::clone(&parts.progress);
    let job = Job {
        reader: parts.reader,
        history: parts.history,
        journal: parts.journal,
        batch_rows: endpoint.config.rate.calls_within(RESERVED_TIME),
        results: parts.results,
        client: endpoint.client.clone(),
        throttle,
        scrubber: Scrubber::new(endpoint.api_key.clone()),
        concurrency: endpoint.config.concurrency,
        max_duration: args.pace.max_duration.map(Patience::get),
        limit: args.guards.limit,
        threads: parts.threads,
        monitor,
        shutdown: shutdown.clone(),
    };
    let recorded = || Finished { tally: parts.progress.tally(), input: InputEnd::NotReached };
    let finished = watch.wait_for(async {
        tokio::select! {
            ended = AssertUnwindSafe(engine::run(job)).catch_unwind() => ended.unwrap_or_else(|_panic| {
                shutdown.stop(Stop::of_panic());
                recorded()
            }),
            () = shutdown.given_up() => recorded(),
            never = parts.progress.say_lines() => match never {},
            never = show(outlook, &parts.progress) => match never {},
            never = show_pace(found.clone(), &parts.progress) => match never {},
        }
    });
    if shutdown.is_given_up() {
        // The rows that are on their way to the results are counted.
        drop(watch.wait_for(async { timeout(LAST_ROWS, parts.progress.ended()).await }));
    }
    let finished =
        if shutdown.is_given_up() { Finished { tally: parts.progress.tally(), ..finished } } else { finished };
    let ending = shutdown.reason().map_or(Ending::Finished, |stop| Ending::Stopped(stop.clone()));
    let found = *found.borrow();
    (ending, finished, found)
}

/// Shows why no calls start, whenever none do. Never ends.
async fn show(mut outlook: watch::Receiver<Outlook>, progress: &Progress) -> Infallible {
    while outlook.changed().await.is_ok() {
        progress.traffic(match *outlook.borrow_and_update() {
            Outlook::Fair => Traffic::Flowing,
            Outlook::Paused { until } => Traffic::Paused { until: until.into_std() },
            Outlook::Down(Down { since, next_look, gives_up }) => Traffic::Down {
                since: since.into_std(),
                next_look: next_look.into_std(),
                gives_up: gives_up.into_std(),
            },
        });
    }
    std::future::pending().await
}

/// Shows the pace that is being found, whenever it changes. Never ends.
async fn show_pace(mut found: watch::Receiver<Option<FoundPace>>, progress: &Progress) -> Infallible {
    loop {
        progress.pace(*found.borrow_and_update());
        if found.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// What the user has to know before saying yes.
fn preview(args: &RunArgs, endpoint: &Endpoint, input: &Source, output: &Sink, cancels: Option<u64>) -> Preview {
    let time = endpoint.config.rate.time_for(cancels.unwrap_or(0));
    let mut particulars = vec![("results", output.to_string())];
    if let Source::File { survey, .. } = input {
        particulars.insert(0, ("input", format!("{}, {}", quoted_path(&args.input), surveyed(survey))));
        particulars.extend(shard_in_words(survey).map(|shard| ("shard", shard)));
        particulars.extend(ids(survey, cancels.unwrap_or(0)).map(|ids| ("ids", ids)));
    }
    Preview { cancels, host: endpoint.host(), particulars, time }
}

/// Which invitations will be cancelled, in words.
fn ids(survey: &Survey, cancels: u64) -> Option<String> {
    let (first, last) = survey.first.zip(survey.last)?;
    Some(if cancels < survey.eligible {
        let (some, all) = (HumanCount(cancels), HumanCount(survey.eligible));
        format!("{some} of the {all} between {first} and {last}; --dry-run tells more")
    } else {
        format!("first {first}, last {last}")
    })
}
