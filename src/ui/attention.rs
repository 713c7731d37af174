//! The rows of a run that somebody has to look at, in words.

use indicatif::HumanCount;

use crate::outcome::{AttentionRow, MOST_KEPT, Status, Summary, Tally};
use crate::text::{plural, push_line, quoted};

/// Appends the first rows of each status that needs attention, and how many there are, of this run and of all.
pub(super) fn push(text: &mut String, tally: &Tally) {
    let all = needing(&tally.all_runs);
    if all.is_empty() {
        return;
    }
    let rows = all.iter().map(|(_, rows)| rows).sum();
    push_line(
        text,
        format_args!("{} {} attention:", HumanCount(rows), if rows == 1 { "row needs" } else { "rows need" }),
    );
    for (status, rows) in all {
        let of_this_run = match tally.this_run.count(status) {
            of_this_run if of_this_run == rows => String::new(),
            0 => ", none of this run".to_owned(),
            of_this_run => format!(", {} of this run", HumanCount(of_this_run)),
        };
        let first = if rows > u64::try_from(MOST_KEPT).unwrap_or(u64::MAX) { ", the first of them" } else { "" };
        push_line(text, format_args!("  {} {status}{of_this_run}{first}:", HumanCount(rows)));
        for (_, row) in tally.all_runs.attention().rows().filter(|(kept, _)| *kept == status) {
            push_line(text, format_args!("    {}: {}", place(row), reason(row)));
        }
    }
}

/// What needs attention in one line, and the first rows of all: for whoever wants to read only that. Empty where nothing
/// does.
pub(super) fn in_short(how: &str, tally: &Tally, results: Option<&str>) -> String {
    let mut text = String::new();
    let counts: Vec<String> = tally
        .all_runs
        .present()
        .filter(|(status, _)| status.needs_attention())
        .map(|(status, rows)| format!("{} {status}", HumanCount(rows)))
        .collect();
    let total = tally.all_runs.total();
    let counts = if counts.is_empty() { String::new() } else { format!(", {}", counts.join(", ")) };
    let results = results.map(|results| format!("; results: {results}")).unwrap_or_default();
    push_line(
        &mut text,
        format_args!("warning: {how}: {} {}{counts}{results}", HumanCount(total), plural(total, "row")),
    );
    for (status, row) in tally.all_runs.attention().rows().take(MOST_KEPT) {
        push_line(&mut text, format_args!("  {}: {status}, {}", place(row), reason(row)));
    }
    text
}

/// The statuses that need attention and have rows to be named, those in doubt first.
fn needing(summary: &Summary) -> Vec<(Status, u64)> {
    let mut needing: Vec<_> =
        summary.present().filter(|(status, _)| summary.attention().rows().any(|(kept, _)| kept == *status)).collect();
    needing.sort_by_key(|(status, _)| !status.is_in_doubt());
    needing
}

fn place(row: &AttentionRow) -> String {
    format!("line {}, {}", row.line, shown_id(&row.invitation_id))
}

/// The ID of a row, as it can be shown: the cell of a row that has none, and what somebody has written into results, can be
/// anything.
pub(super) fn shown_id(id: &str) -> String {
    let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { id.to_owned() } else { quoted(id) }
}

fn reason(row: &AttentionRow) -> &str {
    if row.error.is_empty() { "no reason is known" } else { &row.error }
}
