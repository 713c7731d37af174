//! Does `run --dry-run`: everything except the cancel calls.

use std::io;

use indicatif::HumanCount;

use super::already::already;
use super::guards::check_survey;
use super::plan::{Endpoint, Sink, reading_options, shard_in_words, surveyed};
use super::resume::Resumption;
use crate::cli::RunArgs;
use crate::config::Sha256Sum;
use crate::error::{Cause, Refusal};
use crate::input::{self, Survey};
use crate::outcome::Summary;
use crate::reply::Failure;
use crate::results::format::Format;
use crate::results::{Journal, ResultsFile};
use crate::shard::ShardPart;
use crate::text::{Scrubber, quoted, quoted_path};
use crate::ui::{Console, Preview};
use crate::verification::Already;

/// What a dry run found.
#[derive(Debug)]
pub(super) struct Rehearsal {
    /// How many invitations would be cancelled.
    pub(super) cancels: u64,
    /// How many rows there are.
    pub(super) rows: u64,
    /// Which shard of the input they are.
    pub(super) shard: Option<ShardPart>,
    /// The counts of what the results hold already.
    pub(super) done: Summary,
    /// What iMocha's own lists say of the invitations, where they were asked.
    pub(super) already: Option<Already>,
    /// The SHA-256 of the input; `None` for standard input.
    pub(super) input_sha256: Option<Sha256Sum>,
}

/// Surveys the input, checks the key, and says what a run would do.
pub(super) fn dry_run(
    args: &RunArgs,
    endpoint: &Endpoint,
    output: &Sink,
    console: &Console,
) -> Result<Rehearsal, Refusal> {
    let options = reading_options(args);
    let (survey, file) = if args.reads_standard_input() {
        (input::survey_stream(io::stdin(), &options)?, None)
    } else {
        let (file, mut survey) = input::survey_file(&args.input, &options)?;
        survey.find_duplicates(&file)?;
        (survey, Some(file))
    };
    let resumption = match output {
        Sink::File(file) => Some(try_out(args, file, &survey, endpoint)?),
        Sink::StandardOutput => None,
    };
    let cancels = check_survey(args, &survey, resumption.as_ref())?;
    let key = check_key(endpoint)?;
    let already = match file.filter(|_| args.guards.preview) {
        Some(file) => Some(already(args, endpoint, (file, survey.reading.clone()), resumption.as_ref(), console)?),
        None => None,
    };
    let mut findings = findings(args, &survey, resumption.as_ref().map_or(0, Resumption::settled));
    findings.push(("results", output.to_string()));
    findings.push(("key", key));
    if let Some(already) = &already {
        findings.extend(in_words(already));
    }
    let time = endpoint.config.rate.time_for(cancels);
    console.say(&Preview { cancels, host: endpoint.host(), particulars: findings, time }.rehearsal());
    let done = resumption.map(|resumption| resumption.history.summary().clone()).unwrap_or_default();
    let input_sha256 = survey.fingerprint.map(|file| file.sha256);
    Ok(Rehearsal { cancels, rows: survey.rows, shard: survey.part(), done, already, input_sha256 })
}

/// Reads what earlier runs left, and checks whether the journal and the results could be written. It leaves nothing
/// behind: a journal that was created for it is removed again.
fn try_out(args: &RunArgs, file: &ResultsFile, survey: &Survey, endpoint: &Endpoint) -> Result<Resumption, Refusal> {
    let journal = Journal::open(file.path())?;
    let resumption = Resumption::look(args, file.path(), Some(&journal), survey, endpoint)?;
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

/// Lists how the input was understood, so that the user can see at a glance whether that is right.
fn findings(args: &RunArgs, survey: &Survey, settled: u64) -> Vec<(&'static str, String)> {
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
    if settled > 0 {
        findings.push(("settled", format!("{} by earlier runs", HumanCount(settled))));
    } else if let Some(last) = survey.last {
        let first: Vec<String> = survey.samples.iter().map(|(line, id)| format!("{id} (line {line})")).collect();
        let are_all = u64::try_from(first.len()).is_ok_and(|count| count == survey.eligible);
        let rest = if are_all { String::new() } else { format!(", … and last {last}") };
        findings.push(("would send", first.join(", ") + &rest));
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
