//! The particulars of a run: what it read and called, when, and how it ended.

use indicatif::{HumanBytes, HumanCount};
use jiff::Timestamp;

use super::findings::{FileFindings, PATH_CHARACTERS};
use crate::results::{Identity, LastRun};
use crate::text::one_line;

/// A name and what stands behind it.
#[derive(Debug)]
pub(super) struct Particular {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// What is known of a file and of the runs that wrote it.
pub(super) fn of(file: &FileFindings) -> Vec<Particular> {
    let mut told = vec![
        particular("results", one_line(&file.facts.path.to_string_lossy(), PATH_CHARACTERS)),
        particular("rows", rows(file)),
        particular("calls", HumanCount(file.calls).to_string()),
    ];
    if file.elsewhere > 0 {
        let elsewhere = HumanCount(file.elsewhere).to_string();
        told.push(particular("of these, counted in other results", elsewhere));
    }
    if file.settled > 0 {
        told.push(particular("settled by verify", HumanCount(file.settled).to_string()));
    }
    if let Some(run) = &file.facts.run {
        told.extend(of_run(run, file.facts.simulated));
    }
    if let Some((first, last)) = file.first_ended.zip(file.last_ended) {
        told.push(particular("rows ended", format!("{} to {}", moment(first), moment(last))));
    }
    if let Some(run) = &file.facts.run {
        let ended = run.ended.as_deref().map_or("it did not say that it ended", how_it_ended);
        told.push(particular("the last run ended", one_line(ended, PATH_CHARACTERS)));
        told.push(particular("written by", one_line(&format!("imocha-cancel {}", run.version), PATH_CHARACTERS)));
    }
    told
}

fn particular(name: &'static str, value: String) -> Particular {
    Particular { name, value }
}

fn rows(file: &FileFindings) -> String {
    let rows = HumanCount(file.counts.total());
    match file.missing() {
        0 => rows.to_string(),
        missing => format!("{rows}, and {} of the input without a result", HumanCount(missing)),
    }
}

fn of_run(run: &LastRun, simulated: Option<bool>) -> Vec<Particular> {
    let identity = &run.identity;
    let line = |text: &str| one_line(text, PATH_CHARACTERS);
    let mut told = vec![particular("input", line(&identity.input))];
    if identity.sha256.is_empty() {
        told.push(particular("fingerprint", "none: the input was a stream".to_owned()));
    } else {
        told.push(particular("size of the input", HumanBytes(identity.bytes).to_string()));
        told.push(particular("its fingerprint (SHA-256)", line(&identity.sha256)));
    }
    if !identity.filters.is_empty() {
        told.push(particular("rows chosen with --where by", line(&columns_of(&identity.filters).join(", "))));
    }
    told.push(particular("API", api(identity, simulated)));
    if let Some(first) = run.first_began_at.filter(|_| run.first_began_at != run.began_at) {
        told.push(particular("the first run began", moment(first)));
        told.extend(run.began_at.map(|began| particular("the last run began", moment(began))));
    } else {
        told.extend(run.began_at.map(|began| particular("the run began", moment(began))));
    }
    told
}

/// The columns of conditions. Their values can be names and addresses of people, and are not shown.
fn columns_of(filters: &[String]) -> Vec<&str> {
    filters.iter().map(|filter| filter.split_once('=').map_or("", |(column, _)| column.trim_end_matches('!'))).collect()
}

fn api(identity: &Identity, simulated: Option<bool>) -> String {
    let address = one_line(&identity.base_url, PATH_CHARACTERS);
    match simulated {
        Some(true) => format!("{address} (simulated: nobody was e-mailed)"),
        Some(false) | None => address,
    }
}

/// How a run ended, from the word that its journal has.
fn how_it_ended(word: &str) -> &str {
    match word {
        "finished" => "by itself, when every row was dealt with",
        "unauthorized" => "early: the API key was rejected",
        "results_unwritable" => "early: the results could not be written",
        "outage" => "early: iMocha did not answer for longer than --max-outage",
        "rate_limited" => "early: iMocha asked for fewer calls for longer than --max-outage",
        "deadline" => "early: the time of --max-duration was over",
        "wrong_input" => "early: the first answers said that it was the wrong file or account",
        "interrupted" => "early: somebody stopped it",
        "bug" => "early: by a fault of this program",
        "unreadable_lists" => "when every row was dealt with; iMocha's lists could not be read then",
        "input" => "early: the input could not be read any further",
        "input_changed" => "early: the input was changed while it was read",
        other => other,
    }
}

/// A moment as the page writes it, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
