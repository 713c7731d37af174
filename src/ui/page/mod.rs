//! The report: one HTML page about results, for people who would rather look than read. It has no script and takes
//! nothing from outside, so it opens from an attachment; `templates/report.html` has its form.
//!
//! Rows are shown to it one by one, and what it keeps of them is bounded, however many they are. What comes from a
//! server or from the input is made harmless on its way in, and escaped by the template on its way out.

mod findings;
mod kinds;
mod listed;
mod particulars;
mod sections;
mod timeline;
mod verdict;

use askama::Template;
use indicatif::HumanCount;
use jiff::Timestamp;

use self::findings::{FileFindings, NAME_CHARACTERS};
pub use self::findings::{NextStep, PageFile};
use self::kinds::Kind;
use self::listed::{ListedRows, shown_cell};
use self::particulars::Particular;
use self::sections::{FileCounts, GoingOn, KindSection, OutcomeBar, Unlisted};
use self::timeline::{CallsOverTime, Timeline};
use self::verdict::Headline;
use crate::error::{Cause, Refusal};
use crate::outcome::Summary;
use crate::results::ResultsRow;
use crate::text::one_line;
use crate::verification::MissingRows;

/// How every page begins. Only a file that begins so is ever replaced by a new page.
pub const PAGE_BEGINNING: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"imocha-cancel ";
/// Whether a row counts in the sum of several results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// It does.
    Here,
    /// No: the same row counts in another of the results.
    Elsewhere,
}

/// A page to which rows are still shown.
#[derive(Debug)]
pub struct PageDraft {
    files: Vec<FileFindings>,
    /// The names of the input's own columns that are shown.
    columns: Vec<String>,
    /// The counts of all files together, each row once.
    sum: Summary,
    timeline: Timeline,
    listed: ListedRows,
}

impl PageDraft {
    /// A page about these results. The rows that need attention have these columns of the input.
    pub fn new(files: Vec<PageFile>, columns: Vec<String>) -> Self {
        Self {
            files: files.into_iter().map(FileFindings::new).collect(),
            columns,
            sum: Summary::new(),
            timeline: Timeline::new(),
            listed: ListedRows::default(),
        }
    }

    /// Takes the next row of the file with this number, counted from 0. `cells` are those of the shown columns; they are
    /// asked for only if the row is listed.
    pub fn take(&mut self, file: usize, row: &ResultsRow<'_>, counted: Counting, cells: impl FnOnce() -> Vec<Vec<u8>>) {
        let Some(findings) = self.files.get_mut(file) else { return };
        findings.take(row);
        if row.attempts > 0 {
            self.timeline.add(row.finished_at, row.attempts);
        }
        if counted == Counting::Elsewhere {
            findings.elsewhere += 1;
            return;
        }
        self.sum.add_unsent(row.status, 1);
        self.listed.take(file, row, || cells().iter().map(|cell| shown_cell(cell)).collect());
    }

    /// Says that the end of this file is torn.
    pub fn tear(&mut self, file: usize) {
        if let Some(findings) = self.files.get_mut(file) {
            findings.facts.gap.get_or_insert(MissingRows::Torn);
        }
    }

    /// The counts of all files together, each row once.
    pub fn sum(&self) -> &Summary {
        &self.sum
    }

    /// Says how to go on with the run of each file, as `next` judges by what is known of the file, the counts of its rows,
    /// and how many of them are missing.
    pub fn go_on(&mut self, next: impl Fn(&PageFile, &Summary, u64) -> NextStep) {
        for findings in &mut self.files {
            findings.next = next(&findings.facts, &findings.counts, findings.missing());
        }
    }

    /// The page, made at this moment.
    ///
    /// # Errors
    ///
    /// If the template fails, which its tests rule out.
    pub fn render(self, made_at: Timestamp) -> Result<String, Refusal> {
        let page = Page::of(self, made_at).render();
        // The template engine takes away the end of the last line.
        page.map(|page| page + "\n")
            .map_err(|error| Refusal::new(Cause::Usage, "could not make the report").caused_by(error))
    }
}

/// What the template shows.
#[derive(Debug, Template)]
#[template(path = "report.html")]
struct Page {
    version: &'static str,
    made_at: String,
    title: String,
    verdict: Headline,
    rows: HumanCount,
    kinds: Vec<(HumanCount, Kind)>,
    outcomes: Vec<OutcomeBar>,
    calls: Option<CallsOverTime>,
    /// The kinds that the table of the files has, and the files; none where there is one file.
    file_kinds: Vec<Kind>,
    files: Vec<FileCounts>,
    sum: Option<FileCounts>,
    elsewhere: Option<HumanCount>,
    sections: Vec<KindSection>,
    /// The statuses of the listed rows with their numbers, where there are several.
    filters: Vec<(&'static str, HumanCount)>,
    /// How many rows need attention that are not listed, and where they are.
    unlisted: Option<Unlisted>,
    not_reached: Option<HumanCount>,
    columns: Vec<String>,
    has_several_files: bool,
    steps: Vec<GoingOn>,
    verify_commands: Vec<String>,
    particulars: Vec<(String, Vec<Particular>)>,
}

impl Page {
    fn of(draft: PageDraft, made_at: Timestamp) -> Self {
        let PageDraft { files, columns, sum, timeline, listed } = draft;
        let verdict = Headline::of(&files, &sum);
        let (sections, filters) = sections::of_rows(listed, &files, &sum);
        let listed: usize = sections.iter().map(|section| section.rows.len()).sum();
        let has_several_files = files.len() > 1;
        let (file_kinds, counts, together) = sections::of_files(&files, &sum);
        let elsewhere: u64 = files.iter().map(|file| file.elsewhere).sum();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            made_at: particulars::moment(made_at),
            title: sections::title(&files),
            rows: HumanCount(sum.total()),
            kinds: sections::kinds(&sum),
            outcomes: sections::outcomes(&sum),
            calls: timeline.draw(),
            file_kinds,
            files: counts,
            sum: together,
            elsewhere: (elsewhere > 0).then_some(HumanCount(elsewhere)),
            unlisted: sections::unlisted(&files, &sum, listed),
            not_reached: sections::not_reached(&sum),
            sections,
            filters,
            columns: columns.iter().map(|column| one_line(column, NAME_CHARACTERS)).collect(),
            has_several_files,
            steps: sections::steps(&files),
            verify_commands: sections::verify_commands(&files),
            particulars: files.iter().map(|file| (file.name(), particulars::of(file))).collect(),
            verdict,
        }
    }
}

#[cfg(test)]
mod tests;
