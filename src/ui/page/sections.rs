//! The parts of the page between the verdict and the particulars: the outcomes, the counts by file, the rows that need
//! attention, and how to go on.

use std::collections::BTreeMap;

use indicatif::HumanCount;

use super::findings::{FileFindings, NextStep};
use super::kinds::{Kind, meaning};
use super::listed::{ListedRow, ListedRows};
use super::timeline::percent;
use super::verdict::count;
use crate::outcome::{Status, Summary};
use crate::text::one_line;

/// The part of the whole that a bar shows at least, in ten-thousandths: less could not be seen.
const LEAST_SHARE: u64 = 40;
/// The longest command that is shown. A longer one, or one that could not be copied as it is, comes from somebody else.
const COMMAND_CHARACTERS: usize = 4_000;

/// A bar of the picture of outcomes, and the row of its table.
#[derive(Debug)]
pub(super) struct OutcomeBar {
    pub(super) status: &'static str,
    pub(super) meaning: &'static str,
    pub(super) class: &'static str,
    pub(super) rows: HumanCount,
    /// The share of all rows, as it is told and as it is drawn, in percent.
    pub(super) share: String,
    pub(super) width: String,
    /// The places of its text and of its bar from above, in pixels.
    pub(super) text_y: usize,
    pub(super) bar_y: usize,
}

/// How much room a bar takes with its text, and where both are in it, in pixels.
pub(super) const BAR_ROOM: usize = 38;
const TEXT_Y: usize = 16;
const BAR_Y: usize = 22;

/// What the page is about.
pub(super) fn title(files: &[FileFindings]) -> String {
    match files {
        [one] => format!("Cancelled invitations: {}", one.name()),
        several => format!("Cancelled invitations: {} results files", several.len()),
    }
}

/// The kinds that any rows are of; the confirmed ones in any case.
pub(super) fn kinds(sum: &Summary) -> Vec<(HumanCount, Kind)> {
    let counts = Kind::ALL.into_iter().map(|kind| (count(sum, kind), kind));
    counts
        .filter(|(rows, kind)| *rows > 0 || *kind == Kind::Cancelled)
        .map(|(rows, kind)| (HumanCount(rows), kind))
        .collect()
}

/// A bar for each status that any rows have, kind by kind.
pub(super) fn outcomes(sum: &Summary) -> Vec<OutcomeBar> {
    let mut present: Vec<(Status, u64)> = sum.present().collect();
    present.sort_by_key(|(status, _)| Kind::of(*status));
    let total = sum.total();
    let bar = |(index, (status, rows)): (usize, (Status, u64))| {
        let drawn = (u128::from(rows) * 10_000 / u128::from(total.max(1))).try_into().unwrap_or(10_000);
        OutcomeBar {
            status: status.word(),
            meaning: meaning(status),
            class: Kind::of(status).class(),
            rows: HumanCount(rows),
            share: percent_in_words(rows, total),
            width: percent(LEAST_SHARE.max(drawn), 10_000),
            text_y: index * BAR_ROOM + TEXT_Y,
            bar_y: index * BAR_ROOM + BAR_Y,
        }
    };
    present.into_iter().enumerate().map(bar).collect()
}

/// A share of the rows with one decimal; what is not nothing and not all never reads as such.
fn percent_in_words(rows: u64, total: u64) -> String {
    let thousandths = (u128::from(rows) * 1_000 + u128::from(total) / 2) / u128::from(total.max(1));
    match thousandths {
        0 if rows > 0 => "< 0.1 %".to_owned(),
        1_000.. if rows < total => "> 99.9 %".to_owned(),
        _ => format!("{}.{} %", thousandths / 10, thousandths % 10),
    }
}

/// How many rows of a file are of each kind.
#[derive(Debug)]
pub(super) struct FileCounts {
    pub(super) name: String,
    pub(super) rows: HumanCount,
    pub(super) kinds: Vec<HumanCount>,
}

/// The table of the files: the kinds that it needs, the files, and their sum; empty where there is one file.
pub(super) fn of_files(files: &[FileFindings], sum: &Summary) -> (Vec<Kind>, Vec<FileCounts>, Option<FileCounts>) {
    if files.len() < 2 {
        return (Vec::new(), Vec::new(), None);
    }
    let has_any = |kind: &Kind| files.iter().any(|file| count(&file.counts, *kind) > 0);
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(has_any).collect();
    let counts = |name: String, counts: &Summary| FileCounts {
        name,
        rows: HumanCount(counts.total()),
        kinds: kinds.iter().map(|&kind| HumanCount(count(counts, kind))).collect(),
    };
    let of_each = files.iter().map(|file| counts(file.name(), &file.counts)).collect();
    let together = counts("together, each row once".to_owned(), sum);
    (kinds, of_each, Some(together))
}

/// The rows of one kind that need attention.
#[derive(Debug)]
pub(super) struct KindSection {
    pub(super) kind: Kind,
    /// How many there are, listed or not.
    pub(super) all: HumanCount,
    pub(super) rows: Vec<ShownRow>,
    /// The statuses of those that are listed, as classes.
    pub(super) classes: String,
    /// How many are listed.
    pub(super) listed: HumanCount,
    pub(super) has_more: bool,
}

/// A row as the page shows it.
#[derive(Debug)]
pub(super) struct ShownRow {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) invitation_id: String,
    pub(super) status: &'static str,
    pub(super) reason: String,
    pub(super) cells: Vec<String>,
}

/// The sections of the rows that need attention, and the statuses by which they can be filtered, where there are
/// several.
pub(super) fn of_rows(
    listed: ListedRows,
    files: &[FileFindings],
    sum: &Summary,
) -> (Vec<KindSection>, Vec<(&'static str, HumanCount)>) {
    let names: Vec<String> = files.iter().map(FileFindings::name).collect();
    let mut statuses: BTreeMap<(Kind, Status), u64> = BTreeMap::new();
    let mut sections = Vec::new();
    for (kind, rows) in listed.by_kind() {
        for row in &rows {
            *statuses.entry((kind, row.status)).or_default() += 1;
        }
        let classes: Vec<&str> =
            statuses.keys().filter(|(other, _)| *other == kind).map(|(_, status)| status.word()).collect();
        let (all, listed) = (count(sum, kind), u64::try_from(rows.len()).unwrap_or(u64::MAX));
        sections.push(KindSection {
            kind,
            all: HumanCount(all),
            classes: classes.join(" "),
            listed: HumanCount(listed),
            has_more: listed < all,
            rows: rows.into_iter().map(|row| shown(row, &names)).collect(),
        });
    }
    let filters = statuses.into_iter().map(|((_, status), rows)| (status.word(), HumanCount(rows)));
    let filters: Vec<_> = filters.collect();
    (sections, if filters.len() > 1 { filters } else { Vec::new() })
}

fn shown(row: ListedRow, names: &[String]) -> ShownRow {
    let ListedRow { file, line, invitation_id, status, reason, cells } = row;
    let file = names.get(file).cloned().unwrap_or_default();
    ShownRow { file, line, invitation_id, status: status.word(), reason, cells }
}

/// Rows that need attention and are not listed.
#[derive(Debug)]
pub(super) struct Unlisted {
    pub(super) rows: HumanCount,
    pub(super) listed: HumanCount,
    /// The statuses by which to filter the results, with all their rows.
    pub(super) statuses: Vec<(&'static str, HumanCount)>,
    pub(super) files: Vec<String>,
}

/// What is said where more rows need attention than are `listed`.
pub(super) fn unlisted(files: &[FileFindings], sum: &Summary, listed: usize) -> Option<Unlisted> {
    let is_of_listed_kind = |status: &Status| Kind::of(*status).is_listed();
    let mut statuses: Vec<(Status, u64)> = sum.present().filter(|(status, _)| is_of_listed_kind(status)).collect();
    statuses.sort_by_key(|(status, _)| Kind::of(*status));
    let listed = u64::try_from(listed).unwrap_or(u64::MAX);
    let rows = statuses.iter().map(|(_, rows)| rows).sum::<u64>().saturating_sub(listed);
    (rows > 0).then(|| Unlisted {
        rows: HumanCount(rows),
        listed: HumanCount(listed),
        statuses: statuses.iter().map(|(status, rows)| (status.word(), HumanCount(*rows))).collect(),
        files: files.iter().map(FileFindings::name).collect(),
    })
}

/// How many rows no run has reached.
pub(super) fn not_reached(sum: &Summary) -> Option<HumanCount> {
    let rows = count(sum, Kind::NotReached);
    (rows > 0).then_some(HumanCount(rows))
}

/// How to go on with the run of one file.
#[derive(Debug)]
pub(super) struct GoingOn {
    /// The file, where there are several.
    pub(super) file: String,
    pub(super) text: &'static str,
    pub(super) command: Option<String>,
}

/// How to go on with each run with which that is possible or not; nothing where all of them are done.
pub(super) fn steps(files: &[FileFindings]) -> Vec<GoingOn> {
    let step = |file: &FileFindings| {
        let (text, command) = match &file.next {
            NextStep::Nothing => return None,
            NextStep::Command(command) => match copied(command) {
                Some(command) => ("In the directory in which the run was begun:", Some(command)),
                None => (SAY_AGAIN, None),
            },
            NextStep::SayAgain => (SAY_AGAIN, None),
            NextStep::AfterPermission(command) => (
                "What is left to do is forbidden to the key, so going on ends in the same way until somebody has changed \
                 what the key may do. Then, in the directory in which the run was begun:",
                command.as_deref().and_then(copied),
            ),
            NextStep::Wait => ("A run is at work. Wait until it has ended, then make the report again.", None),
            NextStep::Impossible(why) => (*why, None),
        };
        Some(GoingOn { file: file.name(), text, command })
    };
    files.iter().filter_map(step).collect()
}

const SAY_AGAIN: &str = "Give the command again that began the run, with --resume.";

/// The commands that ask iMocha's lists about rows in doubt.
pub(super) fn verify_commands(files: &[FileFindings]) -> Vec<String> {
    let doubtful = files.iter().filter(|file| count(&file.counts, Kind::InDoubt) > 0);
    doubtful.filter_map(|file| copied(file.facts.verify_command.as_deref()?)).collect()
}

/// The command, if a reader who copies it gets what stands there.
fn copied(command: &str) -> Option<String> {
    (one_line(command, COMMAND_CHARACTERS) == command).then(|| command.to_owned())
}
