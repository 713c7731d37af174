//! Reads results into a page.

use std::path::Path;

use jiff::Timestamp;

use super::counted::{CountedElsewhere, RowRecord};
use super::next_step::next_step;
use crate::app::again::word;
use crate::app::held::HeldResults;
use crate::app::resume::SANDBOX;
use crate::app::verify::format_of;
use crate::config::DEFAULT_BASE_URL;
use crate::error::{Cause, Refusal};
use crate::outcome::{Status, Summary};
use crate::results::{Journal, LastRun, ResultsRow};
use crate::row::column_key;
use crate::text::{one_line, quoted, quoted_path};
use crate::ui::{Counting, PageDraft, PageFile};
use crate::verification::MissingRows;

/// How many columns a message names, and how much of each name.
const COLUMNS_TOLD: usize = 40;

/// Results that are read for a page, and nothing is written to.
#[derive(Debug)]
pub(super) struct ReadResults {
    held: HeldResults,
    facts: PageFile,
    /// For each name of `--columns`, the columns of the input that have it, counted from 0.
    shown: Vec<Vec<usize>>,
}

/// Opens the results, and finds the columns in them that are to be shown.
///
/// # Errors
///
/// If one cannot be read or is no results file, or none of them has a column of one of these names.
pub(super) fn open_all(results: &[impl AsRef<Path>], columns: &[String]) -> Result<Vec<ReadResults>, Refusal> {
    let mut opened = Vec::new();
    for path in results {
        opened.push(open(path.as_ref(), columns)?);
    }
    for (index, name) in columns.iter().enumerate() {
        let is_known = |results: &ReadResults| results.shown.get(index).is_some_and(|places| !places.is_empty());
        if !opened.iter().any(is_known) {
            return Err(unknown_column(name, &opened));
        }
    }
    Ok(opened)
}

fn open(path: &Path, columns: &[String]) -> Result<ReadResults, Refusal> {
    let format = format_of(path)?;
    let run = match Journal::look(path) {
        Ok(run) => run,
        Err(refusal) => {
            // Who may read the results may not always read the journal, which is for its owner alone.
            tracing::warn!(%refusal, "the report says nothing of the run");
            None
        }
    };
    let gap = match &run {
        _ if Journal::is_held(path) => Some(MissingRows::AtWork),
        Some(run) if !run.has_ended() => Some(MissingRows::Killed),
        Some(_) | None => None,
    };
    let names = format.input_columns();
    let shown = columns.iter().map(|name| places_of(name, &names)).collect();
    let facts = PageFile {
        path: path.to_owned(),
        simulated: run.as_ref().and_then(|run| (run.identity.base_url == SANDBOX).then_some(true)),
        verify_command: verify_command(path, run.as_ref()),
        run,
        gap,
    };
    Ok(ReadResults { held: HeldResults::open(path, format, None, None)?, facts, shown })
}

/// The columns with this name: spelled so, or else as people read it.
fn places_of(name: &str, columns: &[String]) -> Vec<usize> {
    let matching = |is_it: &dyn Fn(&str) -> bool| -> Vec<usize> {
        columns.iter().enumerate().filter(|(_, column)| is_it(column)).map(|(index, _)| index).collect()
    };
    let exactly = matching(&|column| column.trim() == name);
    if exactly.is_empty() { matching(&|column| column_key(column) == column_key(name)) } else { exactly }
}

fn unknown_column(name: &str, opened: &[ReadResults]) -> Refusal {
    let mut known: Vec<String> = Vec::new();
    for column in opened.iter().flat_map(|results| results.held.format.input_columns()) {
        let column = quoted(&one_line(&column, usize::MAX));
        if !known.contains(&column) {
            known.push(column);
        }
    }
    let more = if known.len() > COLUMNS_TOLD { ", …" } else { "" };
    known.truncate(COLUMNS_TOLD);
    let which = match opened {
        [one] => format!("the results {} have", quoted_path(one.held.file.path())),
        _several => "none of the results has".to_owned(),
    };
    let message = match opened {
        [_one] => format!("{which} no column {} of the input", quoted(name)),
        _several => format!("{which} a column {} of the input", quoted(name)),
    };
    Refusal::new(Cause::Usage, message).hint(format!("their columns are {}{more}", known.join(", ")))
}

/// The command that asks iMocha's lists about these results; none for a sandbox that is gone, or where nobody knows whose
/// they are.
fn verify_command(path: &Path, run: Option<&LastRun>) -> Option<String> {
    let base_url = &run?.identity.base_url;
    if base_url == SANDBOX {
        return None;
    }
    let command = format!("{} verify {}", env!("CARGO_PKG_NAME"), word(path.as_os_str())?);
    if base_url == DEFAULT_BASE_URL {
        return Some(command);
    }
    Some(format!("{command} --base-url {}", word(base_url.as_ref())?))
}

/// The page about these results, and the counts of their rows; `simulated` is what is known of the API besides.
///
/// # Errors
///
/// If results cannot be read, or were changed since a run wrote them.
pub(super) fn page_of(
    results: Vec<ReadResults>,
    columns: &[String],
    simulated: Option<bool>,
) -> Result<(String, Summary), Refusal> {
    let draft = compile(results, columns, simulated)?;
    let sum = draft.sum().clone();
    Ok((draft.render(Timestamp::now())?, sum))
}

/// Reads all rows into a page.
fn compile(results: Vec<ReadResults>, columns: &[String], simulated: Option<bool>) -> Result<PageDraft, Refusal> {
    let elsewhere = counted_elsewhere(&results)?;
    let mut files = Vec::new();
    let mut read = Vec::new();
    for ReadResults { held, facts, shown } in results {
        files.push(PageFile { simulated: simulated.or(facts.simulated), ..facts });
        read.push((held, shown));
    }
    let mut page = PageDraft::new(files, columns.to_vec());
    for (file, (held, shown)) in read.iter().enumerate() {
        let is_torn = held.for_each_row(|row| {
            let counted = if elsewhere.has(file, row.line) { Counting::Elsewhere } else { Counting::Here };
            page.take(file, row, counted, || shown.iter().map(|places| cells(row, places)).collect());
            Ok(())
        })?;
        if is_torn {
            page.tear(file);
        }
    }
    page.go_on(next_step);
    Ok(page)
}

/// What stands in these columns of a row.
fn cells(row: &ResultsRow<'_>, places: &[usize]) -> Vec<u8> {
    let cells = places.iter().map(|&place| row.input_cell(place)).filter(|cell| !cell.is_empty());
    cells.collect::<Vec<_>>().join(&b", "[..])
}

/// Which rows count in other results than their own. One file alone is not read for that.
fn counted_elsewhere(results: &[ReadResults]) -> Result<CountedElsewhere, Refusal> {
    if results.len() < 2 {
        return Ok(CountedElsewhere::default());
    }
    let mut records = Vec::new();
    for (file, results) in results.iter().enumerate() {
        results.held.for_each_row(|row| {
            let has_id = !matches!(row.status, Status::InvalidId | Status::Duplicate);
            let id = if has_id { row.invitation_id.parse().ok() } else { None };
            let (line, status, finished_at) = (row.line, row.status, row.finished_at);
            records.push(RowRecord { file, line, id, status, finished_at });
            Ok(())
        })?;
    }
    Ok(CountedElsewhere::of(records, &inputs(results)))
}

/// For each of the results the first that is of the same input, as their journals say.
fn inputs(results: &[ReadResults]) -> Vec<usize> {
    let of = |results: &ReadResults| {
        let run = results.facts.run.as_ref()?;
        (!run.identity.sha256.is_empty()).then(|| run.identity.sha256.clone())
    };
    let sums: Vec<Option<String>> = results.iter().map(of).collect();
    let first = |(index, sum): (usize, &Option<String>)| match sum {
        Some(_) => sums.iter().position(|other| other == sum).unwrap_or(index),
        None => index,
    };
    sums.iter().enumerate().map(first).collect()
}
