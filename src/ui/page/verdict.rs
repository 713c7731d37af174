//! The first that a reader sees: how it stands, in one sentence, and what to keep in mind while reading on.

use indicatif::HumanCount;

use super::findings::{FileFindings, PATH_CHARACTERS};
use super::kinds::Kind;
use crate::outcome::{Status, Summary};
use crate::results::shards::shard_gaps;
use crate::shard::ShardGap;
use crate::text::{one_line, plural};
use crate::verification::MissingRows;

/// How the results stand.
#[derive(Debug)]
pub(super) struct Headline {
    /// The class of its box.
    pub(super) class: &'static str,
    pub(super) sentence: String,
    /// What follows in the same breath.
    pub(super) explanation: String,
    /// What a reader of the numbers has to know.
    pub(super) notices: Vec<String>,
}

impl Headline {
    pub(super) fn of(files: &[FileFindings], sum: &Summary) -> Self {
        let shards =
            shard_gaps(files.iter().filter_map(|file| Some((&file.facts.run.as_ref()?.identity, file.counts.total()))));
        let (class, sentence) = headline(files, sum, &shards);
        let mut notices = notices(files);
        notices.extend(shards.iter().map(|gap| format!("The results {}.", one_line(&gap.in_words(), PATH_CHARACTERS))));
        Self { class, sentence, explanation: explanation(files, sum), notices }
    }
}

/// How many rows are of a kind.
pub(super) fn count(sum: &Summary, kind: Kind) -> u64 {
    sum.present().filter(|(status, _)| Kind::of(*status) == kind).map(|(_, rows)| rows).sum()
}

/// What matters most, in one sentence.
fn headline(files: &[FileFindings], sum: &Summary, shards: &[ShardGap]) -> (&'static str, String) {
    let said =
        |rows: u64, one: &str, many: &str| format!("{} {}", HumanCount(rows), if rows == 1 { one } else { many });
    let missing: u64 = files.iter().map(FileFindings::missing).sum();
    let is_at_work = files.iter().any(|file| file.facts.gap == Some(MissingRows::AtWork));
    let open = count(sum, Kind::Failed) + count(sum, Kind::NotReached) + missing;
    let (doubtful, refused) = (count(sum, Kind::InDoubt), count(sum, Kind::Refused) + count(sum, Kind::Invalid));
    if is_at_work {
        ("open", "Not finished: a run is still at work".to_owned())
    } else if !shards.is_empty() {
        ("open", "Not whole: these are not all shards of one input, each once".to_owned())
    } else if open > 0 {
        ("open", format!("Not finished: {}", said(open, "row is still open", "rows are still open")))
    } else if files.iter().any(|file| file.facts.gap.is_some()) {
        ("open", "Not finished: a run was cut off, and rows may be missing".to_owned())
    } else if doubtful > 0 {
        ("look", format!("Finished, and {}", said(doubtful, "row is in doubt", "rows are in doubt")))
    } else if refused > 0 {
        ("look", format!("Finished, and {}", said(refused, "row was not cancelled", "rows were not cancelled")))
    } else if sum.count(Status::Cancelled) > 0 {
        ("good", "Everything is cancelled that was to be cancelled".to_owned())
    } else {
        ("good", "There was nothing to cancel".to_owned())
    }
}

/// The confirmed ones of all that were to be cancelled, and those of which nobody knows.
fn explanation(files: &[FileFindings], sum: &Summary) -> String {
    let meant = sum.total() - count(sum, Kind::LeftOut) + files.iter().map(FileFindings::missing).sum::<u64>();
    if meant == 0 {
        return "No row asks for a cancellation.".to_owned();
    }
    let (cancelled, rows) = (sum.count(Status::Cancelled), plural(meant, "row"));
    let mut text = format!(
        "{} of {} {rows} that {} to be cancelled {} cancelled",
        HumanCount(cancelled),
        HumanCount(meant),
        if meant == 1 { "was" } else { "were" },
        if cancelled == 1 { "is" } else { "are" },
    );
    match count(sum, Kind::InDoubt) {
        0 => {}
        1 => text.push_str("; of one it is not known, and it may be cancelled without a confirmation"),
        doubtful => {
            let doubtful = HumanCount(doubtful).to_string();
            text.push_str("; of ");
            text.push_str(&doubtful);
            text.push_str(" it is not known, and they may be cancelled without a confirmation");
        }
    }
    text.push('.');
    text
}

/// What a reader has to know about the files, one sentence each.
fn notices(files: &[FileFindings]) -> Vec<String> {
    let mut notices = Vec::new();
    if files.iter().any(|file| file.facts.simulated == Some(true)) {
        let which = if files.len() > 1 { " at least in part" } else { "" };
        notices.push(format!("This was a rehearsal against a simulated iMocha{which}: nobody was e-mailed by it."));
    }
    for file in files {
        let whose = if files.len() > 1 { format!("{}: ", file.name()) } else { String::new() };
        let gap = match file.facts.gap {
            Some(MissingRows::AtWork) => Some("a run is at work on these results, so they will change"),
            Some(MissingRows::Killed) => {
                Some("the last run was cut off, so rows may be missing that were sent; going on with it finds out")
            }
            Some(MissingRows::Torn) => {
                Some("the end of the results is torn, as a crash leaves it, so rows are missing; going on mends it")
            }
            None => None,
        };
        notices.extend(gap.map(|gap| format!("{whose}{gap}.")));
        let missing = file.missing();
        if missing > 0 {
            let rows = plural(missing, "row");
            let have = if missing == 1 { "has" } else { "have" };
            notices.push(format!("{whose}{} {rows} of the input {have} no result yet.", HumanCount(missing)));
        }
        if file.facts.run.is_none() {
            notices.push(format!(
                "{whose}there is no journal beside these results, so it is not known which input and which API they are \
                 of, and whether rows are missing."
            ));
        }
    }
    notices
}
