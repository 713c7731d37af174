//! Does `run --dry-run`: everything except the cancel calls. It looks at the input first, and shows all that it can: what
//! would keep a real run from starting ends a dry run only where nothing can be shown without it.

use std::io;
use std::path::Path;

use indicatif::HumanCount;

use super::already::ListsBefore;
use super::chosen::Chosen;
use super::guards::{check_guards, warn};
use super::plan::{Endpoint, Sink, reading_options, shard_in_words, surveyed};
use super::resume::Resumption;
use super::{afterwards, collisions};
use crate::cli::RunArgs;
use crate::error::{Cause, Refusal};
use crate::input::{self, InputFile, Survey};
use crate::outcome::Summary;
use crate::reply::Failure;
use crate::results::format::Format;
use crate::results::{Journal, ResultsFile};
use crate::text::{Scrubber, quoted, quoted_path};
use crate::ui::{Api, Console, Preview};
use crate::verification::Already;

/// What a dry run found.
#[derive(Debug)]
pub(super) struct Rehearsal {
    /// What a run would do, for the user.
    pub(super) preview: Preview,
    /// What would keep a run from starting, in the order in which the run would come upon it.
    pub(super) obstacles: Vec<Refusal>,
    /// The input.
    pub(super) survey: Survey,
    /// The counts of what the results hold already.
    pub(super) done: Summary,
    /// What iMocha's own lists say of the invitations, where they were asked.
    pub(super) already: Option<Already>,
    /// The API that would be called, as far as its answers tell.
    pub(super) api: Api,
}

/// Surveys the input, checks the key, and says what a run would do.
///
/// # Errors
///
/// If the input cannot be read as a list, and if it is one of the files that a run would write to.
pub(super) fn dry_run(args: &RunArgs, console: &Console) -> Result<Rehearsal, Refusal> {
    collisions::check(args, args.results_path().as_deref())?;
    let (file, survey) = look(args)?;
    let mut obstacles = Vec::new();
    let output = note(&mut obstacles, Sink::plan(args));
    note(&mut obstacles, afterwards::check(args));
    let endpoint = note(&mut obstacles, Endpoint::of_run(args));
    let earlier = look_back(args, output.as_ref(), &survey, &mut obstacles);
    warn(args, &survey);
    let key = endpoint.as_ref().and_then(|endpoint| note(&mut obstacles, check_key(endpoint)));
    let asked = match endpoint.as_ref().filter(|_| args.guards.preview && key.is_some()) {
        Some(endpoint) => note(&mut obstacles, ListsBefore::ask(args, endpoint, console)),
        None => None,
    };
    let (chosen, already) = match (&earlier, file) {
        (LookedBack::Unknown, _) => (None, None),
        (LookedBack::Known(earlier), Some(file)) => {
            let mut already = asked.as_ref().map(ListsBefore::of_none);
            let chosen = Chosen::of_file(file, &survey, earlier.as_ref(), args.guards.limit, |line, id| {
                if let Some((already, asked)) = already.as_mut().zip(asked.as_ref()) {
                    asked.count(already, line, id);
                }
            })?;
            (Some(chosen), already)
        }
        (LookedBack::Known(_), None) => (Some(Chosen::of_stream(&survey, args.guards.limit)), None),
    };
    let cancels = chosen.as_ref().map(|chosen| chosen.count);
    note(&mut obstacles, check_guards(args, &survey, cancels));

    let mut particulars = findings(args, &survey);
    particulars.extend(selection(args, &survey, &earlier, chosen.as_ref()));
    particulars.push(("results", results_in_words(args)));
    particulars.push(("key", key.unwrap_or_else(|| without_key(endpoint.as_ref()))));
    if let Some(already) = &already {
        particulars.extend(in_words(already));
    }
    let api = endpoint.as_ref().map_or(Api::Real, Endpoint::api);
    let host = api.at(endpoint.as_ref().map_or_else(|| args.connection.base_url.host(), Endpoint::host));
    let time = args.pace.rate().time_for(cancels.unwrap_or(0));
    let done = match earlier {
        LookedBack::Known(Some(earlier)) => earlier.history.summary().clone(),
        LookedBack::Known(None) | LookedBack::Unknown => Summary::default(),
    };
    let preview = Preview { cancels, host, particulars, time };
    Ok(Rehearsal { preview, obstacles, survey, done, already, api })
}

/// Keeps what is in the way of a run, and goes on without it.
fn note<T>(obstacles: &mut Vec<Refusal>, result: Result<T, Refusal>) -> Option<T> {
    result.map_err(|refusal| obstacles.push(refusal)).ok()
}

/// Reads the whole input; a file can be read again.
fn look(args: &RunArgs) -> Result<(Option<InputFile>, Survey), Refusal> {
    let options = reading_options(args);
    if args.reads_standard_input() {
        return Ok((None, input::survey_stream(io::stdin(), &options)?));
    }
    let (file, mut survey) = input::survey_file(&args.input, &options)?;
    survey.find_duplicates(&file)?;
    Ok((Some(file), survey))
}

/// What earlier runs left for this one.
#[expect(clippy::large_enum_variant, reason = "a dry run has one")]
#[derive(Debug)]
enum LookedBack {
    /// This, or nothing.
    Known(Option<Resumption>),
    /// Something that cannot be read, so nobody knows which invitations are left.
    Unknown,
}

/// Reads what earlier runs left, and checks whether the journal and the results could be written.
fn look_back(args: &RunArgs, output: Option<&Sink>, survey: &Survey, obstacles: &mut Vec<Refusal>) -> LookedBack {
    let found = match output {
        Some(Sink::File(file)) => note(obstacles, try_out(args, file, survey)).map(Some),
        Some(Sink::StandardOutput) => Some(None),
        None => None,
    };
    let is_resumed = args.results.resume && args.results_path().as_deref().is_some_and(Path::exists);
    match found {
        Some(found) => LookedBack::Known(found),
        None if is_resumed => LookedBack::Unknown,
        None => LookedBack::Known(None),
    }
}

/// Does that for results in a file. It leaves nothing behind: a journal that was created for it is removed again.
fn try_out(args: &RunArgs, file: &ResultsFile, survey: &Survey) -> Result<Resumption, Refusal> {
    let journal = Journal::open(file.path())?;
    let resumption = Resumption::look(args, file.path(), Some(&journal), survey)?;
    let header = Format::new(survey.reading.layout.clone()).header().map_err(|error| {
        Refusal::new(Cause::ResultsUnwritable, "could not write the header of the results").caused_by(error)
    })?;
    file.try_out(&header)?;
    Ok(resumption)
}

/// Asks iMocha whether it accepts the key, with one call that changes nothing.
fn check_key(endpoint: &Endpoint) -> Result<String, Refusal> {
    let scrubber = Scrubber::new(endpoint.api_key.clone());
    let answer = super::watch::runtime()?.block_on(endpoint.client.list_one_test());
    match answer {
        Ok(reply) if reply.http_status == 200 => Ok("accepted".to_owned()),
        Ok(reply) if reply.http_status == 401 => {
            Err(Refusal::new(Cause::Unauthorized, format!("{} rejected the API key (HTTP 401)", endpoint.host()))
                .hint("check that the key is the one that iMocha gave you, and that the subscription has not expired"))
        }
        Ok(reply) => Ok(format!("not rejected, but could not be checked either (HTTP {})", reply.http_status)),
        Err(Failure { what, .. }) => {
            Err(Refusal::new(Cause::Outage, format!("could not check the API key: {}", scrubber.harmless(&what)))
                .hint("check --base-url, the network, the proxy (HTTPS_PROXY), and --timeout"))
        }
    }
}

/// What is said of a key that was not accepted.
fn without_key(endpoint: Option<&Endpoint>) -> String {
    match endpoint {
        Some(_endpoint) => "not accepted".to_owned(),
        None => "not checked, and neither was the connection".to_owned(),
    }
}

fn results_in_words(args: &RunArgs) -> String {
    args.results_path().map_or_else(|| "standard output".to_owned(), |path| quoted_path(&path))
}

/// Lists how the input was understood, so that the user can see at a glance whether that is right.
fn findings(args: &RunArgs, survey: &Survey) -> Vec<(&'static str, String)> {
    let reading = &survey.reading;
    let mut findings = vec![("input", format!("{}, {}", quoted_path(&args.input), surveyed(survey)))];
    findings.extend(shard_in_words(survey).map(|part| ("shard", part)));
    if let Some(fingerprint) = &survey.fingerprint {
        findings.push(("sha256", fingerprint.sha256.to_string()));
    }
    findings.push(("encoding", reading.encoding.name().to_owned()));
    findings.push(("delimiter", delimiter_in_words(reading.layout.delimiter)));
    findings.push(("header", reading.header_line.map_or_else(|| "none".to_owned(), |line| format!("on line {line}"))));
    if let Some(column) = &reading.id_column {
        findings.push(("ID column", format!("{} ({})", column.number, quoted(&column.name))));
    }
    findings
}

/// Lists which of the invitations this very run would cancel, and which rows it would leave out.
fn selection(
    args: &RunArgs,
    survey: &Survey,
    earlier: &LookedBack,
    chosen: Option<&Chosen>,
) -> Vec<(&'static str, String)> {
    let mut findings = Vec::new();
    let settled = match earlier {
        LookedBack::Known(earlier) => earlier.as_ref().map_or(0, Resumption::settled),
        LookedBack::Unknown => 0,
    };
    if settled > 0 {
        findings.push(("settled", format!("{} by earlier runs", HumanCount(settled))));
    }
    findings.extend(chosen.and_then(Chosen::in_words).map(|words| ("would send", words)));
    let beyond = chosen.map_or(0, |chosen| survey.eligible.saturating_sub(settled).saturating_sub(chosen.count));
    if let (Some(limit), 1..) = (args.guards.limit, beyond) {
        findings.push(("would leave", format!("{} beyond --limit {limit}", HumanCount(beyond))));
    }
    for skipped in &survey.skipped {
        findings.push(("would skip", format!("{} {}: {}", HumanCount(skipped.rows), skipped.status, skipped.reason)));
        for (line, skip) in &skipped.examples {
            let mut example = format!("  line {line}: {}", quoted(&skip.invitation_id));
            if skip.reason != skipped.reason {
                example = format!("{example}, {}", skip.reason);
            }
            findings.push(("", example));
        }
    }
    findings
}

/// What iMocha's lists say of the invitations, a line for each list and for each of the first invitations.
fn in_words(already: &Already) -> Vec<(&'static str, String)> {
    let counts: Vec<String> =
        already.counts().map(|(state, count)| format!("{} {}", HumanCount(count), state.word())).collect();
    let then = if already.total() > 0 { "; a run would most likely be refused those" } else { "" };
    let mut lines =
        vec![("already", format!("{} by iMocha's lists since {}{then}", counts.join(", "), already.window.since))];
    lines.extend(already.first.iter().map(|(line, id, state)| ("", format!("  line {line}: {id}, {}", state.word()))));
    lines
}

fn delimiter_in_words(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "tab".to_owned(),
        other => quoted(&char::from(other).to_string()),
    }
}
