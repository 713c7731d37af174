//! What iMocha's own lists say of the rows: a table for a person, and the fields of the JSON summary.

use std::collections::BTreeSet;

use indicatif::HumanCount;
use serde_json::{Map, Value, json};

use super::attention::shown_id;
use crate::listing::ListingWindow;
use crate::outcome::{Effect, Status};
use crate::text::{plural, push_line, quoted_path};
use crate::verification::{Already, Finding, MOST_TOLD, Settling, ToldRow, Verification};

/// The fields that a verification adds to the JSON summary.
pub(super) fn json(found: &Verification) -> Map<String, Value> {
    let words: Map<String, Value> =
        Finding::ALL.iter().map(|&finding| (finding.word().to_owned(), found.rows(finding).into())).collect();
    Map::from_iter([
        ("verified".to_owned(), words.into()),
        ("window".to_owned(), window(found.window, found.all_entries())),
    ])
}

/// The fields that the preview of a dry run adds to it.
pub(super) fn json_of_preview(already: &Already) -> Map<String, Value> {
    let counts: Map<String, Value> =
        already.counts().map(|(state, count)| (state.word().to_owned(), count.into())).collect();
    Map::from_iter([
        ("already".to_owned(), counts.into()),
        ("window".to_owned(), window(already.window, already.entries)),
    ])
}

fn window(window: ListingWindow, entries: u64) -> Value {
    json!({ "since": window.since.to_string(), "until": window.until.to_string(), "entries": entries })
}

/// Appends the table: the counts that add up, the lists that they come from, and the rows that somebody has to look at.
pub(super) fn push(text: &mut String, found: &Verification, host: &str) {
    for &finding in Finding::ALL {
        let settled = if finding == Finding::Settled { settled(found) } else { String::new() };
        let rows = HumanCount(found.rows(finding)).to_string();
        push_line(text, format_args!("  {:<20}{rows:>9}{settled}", finding.word()));
    }
    let entries: Vec<String> =
        found.entries.iter().map(|(state, entries)| format!("{} {}", HumanCount(*entries), state.word())).collect();
    push_line(
        text,
        format_args!(
            "by the lists of {host} from {} to {}: {}",
            found.window.since,
            found.window.until,
            entries.join(", ")
        ),
    );
    push_attention(text, found, MOST_TOLD);
}

/// As what rows were settled.
fn settled(found: &Verification) -> String {
    let mut statuses: Vec<(Status, u64)> = Vec::new();
    for (&(_, to), &rows) in &found.settled {
        match statuses.iter_mut().find(|(status, _)| *status == to) {
            Some((_, sum)) => *sum += rows,
            None => statuses.push((to, rows)),
        }
    }
    if statuses.is_empty() {
        return String::new();
    }
    let statuses: Vec<String> =
        statuses.iter().map(|(status, rows)| format!("{} {status}", HumanCount(*rows))).collect();
    let how = match found.settling {
        Settling::Done => "",
        Settling::OnlyTold => "; only told, the results are as they were",
    };
    format!("  ({}{how})", statuses.join(", "))
}

/// The HTTP status of a refusal.
const REFUSED: u16 = 400;
/// The rows that are told to somebody who wants to read little.
pub(super) const FEW: usize = 5;

/// Appends the first rows that need attention, at most `most` of them.
pub(super) fn push_attention(text: &mut String, found: &Verification, most: usize) {
    let rows = found.need_attention();
    if rows == 0 {
        return;
    }
    push_line(
        text,
        format_args!("{} {} attention:", HumanCount(rows), if rows == 1 { "row needs" } else { "rows need" }),
    );
    let mut told = found.told();
    told.truncate(most);
    let files: BTreeSet<_> = told.iter().map(|row| &row.results).collect();
    for row in &told {
        let file = if files.len() > 1 { format!("{}, ", quoted_path(&row.results)) } else { String::new() };
        push_line(
            text,
            format_args!(
                "  {file}line {}, {}: {}, {}",
                row.line,
                shown_id(&row.invitation_id),
                row.finding.word(),
                meaning(row)
            ),
        );
    }
    let told = u64::try_from(told.len()).unwrap_or(u64::MAX);
    if rows > told {
        let rest = rows - told;
        push_line(
            text,
            format_args!(
                "  and {} further {}: verify --output FILE writes every row with its word",
                HumanCount(rest),
                plural(rest, "row")
            ),
        );
    }
}

/// What a row that needs attention means.
fn meaning(row: &ToldRow) -> String {
    match (row.finding, row.listed) {
        (Finding::Contradicted, Some(state)) => {
            format!("cancelled here, but listed as {}: invited again since, or never cancelled", state.word())
        }
        _ if row.status.effect() == Effect::Possible && row.http_status == Some(REFUSED) => {
            format!("{} here, refused last (400), and in no list that says why; look it up", row.status)
        }
        _ if row.status.effect() == Effect::Possible => {
            format!("{} here, and in no list that would decide it; it may still be pending, so look it up", row.status)
        }
        _ => format!("{} here, and in no list yet; lists may lag or be cut, so verify again later", row.status),
    }
}
