//! Holds results against iMocha's own lists, and settles what they decide: for `verify`, and at the end of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::asking::{Asking, listed};
use super::held::HeldResults;
use super::verified_rows::write_verified;
use super::watch::{Halt, Watch};
use crate::ending::Ending;
use crate::engine::Lister;
use crate::error::Refusal;
use crate::listing::ListingWindow;
use crate::outcome::{Status, Stop, StopReason, Summary};
use crate::results::format::Format;
use crate::results::settle::rewrite;
use crate::results::shards::shard_gaps;
use crate::results::{ResultsRow, Settlement};
use crate::text::quoted_path;
use crate::ui::{Console, Report};
use crate::verification::{Finding, Listed, Lists, MissingRows, Settling, ToldRow, Verification, compare};

/// How results are held against the lists.
#[derive(Debug)]
pub(super) struct CrossCheck {
    pub(super) lister: Lister,
    pub(super) results: Vec<HeldResults>,
    /// From when on the operator wants lists.
    pub(super) since: Option<Timestamp>,
    /// How long to ask again for what is not yet seen.
    pub(super) wait: Option<Duration>,
    pub(super) settling: Settling,
    /// Where each row goes with what was found: `None` for nowhere.
    pub(super) rows_to: Option<PathBuf>,
}

/// What was found, and what the results hold now.
#[derive(Debug)]
pub(super) struct CrossChecked {
    pub(super) verification: Verification,
    pub(super) summary: Summary,
}

impl CrossCheck {
    /// Asks for the lists until they say all that they can, and settles what they decide.
    pub(super) fn perform(self, watch: &Watch, console: &Console) -> Result<CrossChecked, Halt> {
        let Self { lister, results, since, wait, settling, rows_to } = self;
        let results = Arc::new(results);
        let asking = Asking { lister, watch, console, results: &results };
        let parts = asking.grow(since)?;
        let parts = asking.wait(parts, wait)?;
        let now = Timestamp::now();
        let (lists, window) = (parts.lists(), parts.window().unwrap_or_else(|| ListingWindow::new(now, now)));
        // From here on nothing is given up in the middle, but by a second signal.
        watch.check_going()?;
        let conclude = move || conclude(&results, &lists, window, settling, rows_to.as_deref());
        match watch.to_its_end(conclude) {
            Ok(concluded) => concluded,
            Err(Halt::Stopped(stop)) => Err(Halt::Midway(stop)),
            Err(other) => Err(other),
        }
    }
}

/// Verifies the results of a run that is finished, and whose lock it still holds.
pub(super) fn verify_run(
    report: Report,
    first_began_at: Option<Timestamp>,
    lister: Lister,
    watch: &Watch,
    console: &Console,
) -> Report {
    let Some(path) = &report.results else { return report };
    let began_at = first_began_at.unwrap_or(report.started_at);
    let held = Format::found_in(path).and_then(|format| HeldResults::open(path, format, Some(began_at), None));
    let checked = held.map_err(Halt::from).and_then(|held| {
        let (since, wait, settling, rows_to) = (None, None, Settling::Done, None);
        CrossCheck { lister, results: vec![held], since, wait, settling, rows_to }.perform(watch, console)
    });
    match checked {
        Ok(CrossChecked { verification, summary }) => {
            let mut tally = report.tally;
            verification.settle(&mut tally.all_runs);
            tally.all_runs.attend_to(summary.attention().clone());
            Report { tally, verification: Some(verification), ..report }
        }
        Err(Halt::Stopped(stop) | Halt::Midway(stop)) => {
            let detail = format!("{}; the run is over, but its results are not verified", stop.detail);
            Report { ending: Ending::Stopped(Stop { detail, ..stop }), is_unverified: true, ..report }
        }
        Err(Halt::Refused(refusal)) => {
            Report { ending: Ending::Stopped(unwritable(&refusal, &[])), is_unverified: true, ..report }
        }
    }
}

/// Says of each row what the lists make of it, and settles what they decide. Each file is settled in one step.
fn conclude(
    results: &[HeldResults],
    lists: &Lists,
    window: ListingWindow,
    settling: Settling,
    rows_to: Option<&Path>,
) -> Result<CrossChecked, Halt> {
    let mut verification = Verification::by(lists, window, settling);
    let mut summary = Summary::new();
    let (mut has_settled, mut shards) = (Vec::new(), Vec::new());
    for held in results {
        let (mut settles, mut rows) = (false, 0);
        let is_torn = held.for_each_row(|row| {
            let listed = listed(row, lists);
            let found = compare(row.status, listed);
            let settled = found.1.filter(|_| settling == Settling::Done);
            summary.add_row(settled.unwrap_or(row.status), row.line, row.invitation_id, row.error);
            rows += 1;
            verification.count(row.status, found, || told(held, row, found.0, listed));
            settles |= found.1.is_some();
            Ok(())
        })?;
        let gap = held.gap.or(is_torn.then_some(MissingRows::Torn));
        verification.gaps.extend(gap.map(|gap| (held.file.path().to_owned(), gap)));
        has_settled.push(settles);
        shards.extend(held.identity.as_ref().map(|identity| (identity, rows)));
    }
    verification.shard_gaps = shard_gaps(shards);
    let settlement = |row: &ResultsRow<'_>| match settling {
        Settling::Done => settlement(row, lists),
        Settling::OnlyTold => None,
    };
    if let Some(path) = rows_to {
        // Before anything is settled: where this cannot be written, nothing is changed.
        let look = |row: &ResultsRow<'_>| (compare(row.status, listed(row, lists)).0, settlement(row));
        write_verified(path, results, look).map_err(|refusal| Halt::Stopped(unwritable(&refusal, &[])))?;
    }
    if settling == Settling::Done {
        let mut settled: Vec<&Path> = Vec::new();
        for (held, _) in results.iter().zip(has_settled).filter(|(_, settles)| *settles) {
            rewrite(&held.file, &held.format, settlement).map_err(|refusal| {
                let stop = unwritable(&refusal, &settled);
                if settled.is_empty() { Halt::Stopped(stop) } else { Halt::Midway(stop) }
            })?;
            settled.push(held.file.path());
        }
    }
    Ok(CrossChecked { verification, summary })
}

/// What becomes of a row that the lists decide.
fn settlement(row: &ResultsRow<'_>, lists: &Lists) -> Option<Settlement> {
    let listed = listed(row, lists);
    let status = compare(row.status, listed).1?;
    let word = match listed {
        Listed::Over(state) => state.word(),
        Listed::Cancelled | Listed::Nowhere | Listed::Both => Status::Cancelled.word(),
    };
    let day = Timestamp::now().strftime("%Y-%m-%d");
    let before = if row.error.is_empty() { String::new() } else { format!(": {}", row.error) };
    let error = format!("settled by verify on {day}: iMocha lists it as {word}; before that {}{before}", row.status);
    Some(Settlement { status, error })
}

fn told(held: &HeldResults, row: &ResultsRow<'_>, finding: Finding, listed: Listed) -> ToldRow {
    ToldRow {
        results: held.file.path().to_owned(),
        line: row.line,
        invitation_id: row.invitation_id.to_owned(),
        finding,
        status: row.status,
        http_status: row.http_status,
        listed: match listed {
            Listed::Over(state) => Some(state),
            Listed::Nowhere | Listed::Cancelled | Listed::Both => None,
        },
    }
}

/// A stop over what could not be written, and what was settled before.
fn unwritable(refusal: &Refusal, settled: &[&Path]) -> Stop {
    let mut detail = refusal.with_causes();
    if !settled.is_empty() {
        let names: Vec<String> = settled.iter().map(|path| quoted_path(path)).collect();
        detail = format!("{detail}; settled before that: {}", names.join(", "));
    }
    Stop { reason: StopReason::ResultsUnwritable, detail }
}
