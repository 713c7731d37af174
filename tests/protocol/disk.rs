//! The disk: the journal, the results, and the name of the results in its directory, each with what a power cut may
//! still take. Also what a run reads from it: `known` and `carried_on` do what `src/results/history.rs` and
//! `src/results/doubt.rs` do, and `likeness.rs` holds them against these.

use imocha_cancel::outcome::{Effect, Status};

/// How many rows the input has.
pub(crate) const ROWS: usize = 3;

/// One for each row of the input.
pub(crate) type PerRow<T> = [T; ROWS];

/// What is known about a row before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Known {
    /// It has its final result.
    Done(Status),
    /// It was tried and is to be tried again; this is its last result.
    Tried(Status),
    /// It has no result, and may have been sent.
    InDoubt,
    /// It was certainly not sent.
    Unsent,
}

impl Known {
    /// Whether a call for the row may have cancelled it without a confirmation.
    pub(crate) fn is_in_doubt(self) -> bool {
        match self {
            Self::Tried(status) => status.effect() == Effect::Possible,
            Self::InDoubt => true,
            Self::Done(_) | Self::Unsent => false,
        }
    }
}

/// What a run carries on from earlier ones, as it stands in the first line that it writes to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Carried {
    /// How many rows of the input earlier runs have marked.
    pub(crate) marked: usize,
    pub(crate) rows: PerRow<Known>,
}

impl Carried {
    /// Nothing, as a first run does.
    pub(crate) const NOTHING: Self = Self { marked: 0, rows: [Known::Unsent; ROWS] };
}

/// The last run in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RunLines {
    pub(crate) carried: Carried,
    /// How many rows of the input it has marked as ones that may be sent.
    pub(crate) marked: usize,
}

/// A line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    Run(Carried),
    SentUpTo(usize),
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Journal {
    /// What is on disk; `None` before the first run.
    pub(crate) durable: Option<RunLines>,
    /// Lines that were written and not synced.
    pub(crate) unsynced: Vec<Line>,
}

impl Journal {
    /// What can be read in it.
    pub(crate) fn read(&self) -> Option<RunLines> {
        self.unsynced.iter().fold(self.durable, |run, line| match (*line, run) {
            (Line::Run(carried), _) => Some(RunLines { carried, marked: 0 }),
            (Line::SentUpTo(marked), Some(run)) => Some(RunLines { marked: run.marked.max(marked), ..run }),
            (Line::SentUpTo(_), None) => None,
        })
    }

    /// So many of the lines that were not synced reach the disk, and the others never will.
    fn settle(&mut self, lines: usize) {
        self.unsynced.truncate(lines);
        self.durable = self.read();
        self.unsynced.clear();
    }

    /// Everything that was written reaches the disk.
    pub(crate) fn sync(&mut self) {
        self.settle(self.unsynced.len());
    }

    /// Whether a mark was written and is not yet synced.
    pub(crate) fn is_marking(&self) -> bool {
        matches!(self.unsynced.last(), Some(Line::SentUpTo(_)))
    }
}

/// A results file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Results {
    /// The row of the input and its status, in the order in which they were written.
    pub(crate) rows: Vec<(usize, Status)>,
    /// How many of them are on disk.
    pub(crate) synced: usize,
}

impl Results {
    /// The status that the results report for a row.
    pub(crate) fn of(&self, row: usize) -> Option<Status> {
        self.rows.iter().find(|(of, _)| *of == row).map(|&(_, status)| status)
    }

    /// Everything that was written is on disk. A power cut takes no synced row, so the order of those is of no interest
    /// any more.
    pub(crate) fn sync(&mut self) {
        self.synced = self.rows.len();
        self.rows.sort_unstable();
    }

    /// A power cut leaves this many rows whole. Rows behind the first one that it damages count as lost with it
    /// (`src/results/reader.rs`), so what it leaves is always a beginning.
    fn cut(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.sync();
    }
}

/// What the name of the results led to before a rename: a file, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Replaced(pub(crate) Option<Results>);

/// The journal and the results of one input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Disk {
    pub(crate) journal: Journal,
    /// What the name of the results leads to.
    pub(crate) results: Option<Results>,
    /// What it led to before a rename that is not durable yet: a power cut may bring that back.
    pub(crate) before_rename: Option<Replaced>,
    /// New results that do not have their name yet. A crash leaves them to nobody.
    pub(crate) part: Option<Results>,
}

impl Disk {
    /// Nothing but the input.
    pub(crate) const EMPTY: Self = Self {
        journal: Journal { durable: None, unsynced: Vec::new() },
        results: None,
        before_rename: None,
        part: None,
    };

    /// The status that the results report for a row.
    pub(crate) fn reported(&self, row: usize) -> Option<Status> {
        self.results.as_ref().and_then(|results| results.of(row))
    }

    /// What a run that reads the disk now knows about a row (`History::known`, `Doubt::known`, `Tried::sent_again`).
    pub(crate) fn known(&self, row: usize) -> Known {
        self.journal.read().map_or(Known::Unsent, |run| self.known_by(&run, row))
    }

    fn known_by(&self, run: &RunLines, row: usize) -> Known {
        match (self.reported(row), run.carried.rows[row]) {
            (Some(status), _) if !status.is_tried_again() => Known::Done(status),
            (Some(Status::NotAttempted), _) => Known::Unsent,
            (Some(status), _) => Known::Tried(status),
            (None, known) if known.is_in_doubt() || row >= run.marked => known,
            // The last run may have sent it, and has left no result for it.
            (None, Known::Tried(_)) => Known::Tried(Status::Unconfirmed),
            (None, _) => Known::InDoubt,
        }
    }

    /// What the next run has to carry on, because its results will hold only the rows that are done
    /// (`Doubt::carried_on`). `forgets` is the fault that drops what the last run itself had carried on.
    pub(crate) fn carried_on(&self, forgets: bool) -> Carried {
        let Some(mut run) = self.journal.read() else { return Carried::NOTHING };
        if forgets {
            run.carried = Carried::NOTHING;
        }
        let marked = run.carried.marked.max(run.marked);
        let rows = std::array::from_fn(|row| match self.known_by(&run, row) {
            // Nothing names such a row, so the mark speaks for it, should its result be lost.
            Known::Done(_) if row < marked => Known::InDoubt,
            Known::Done(_) => Known::Unsent,
            known => known,
        });
        Carried { marked, rows }
    }

    /// Writes new results under another name: what `written` makes of the rows of the old ones.
    pub(crate) fn write_part(&mut self, written: impl Fn(usize, Status) -> Option<(usize, Status)>) {
        let old = self.results.iter().flat_map(|results| &results.rows);
        let rows = old.filter_map(|&(row, status)| written(row, status)).collect();
        self.part = Some(Results { rows, synced: 0 });
    }

    /// The new results get the name, which is not durable yet.
    pub(crate) fn rename_part(&mut self) {
        let before = std::mem::replace(&mut self.results, self.part.take());
        // Where an earlier rename is not durable either, the oldest file is what a power cut can bring back.
        self.before_rename.get_or_insert(Replaced(before));
    }

    /// Whether a power cut could take rows of the results.
    pub(crate) fn has_unsynced_rows(&self) -> bool {
        self.results.as_ref().is_some_and(|results| results.synced < results.rows.len())
    }

    /// Every way in which a power cut now takes something. One that takes nothing leaves what a kill leaves.
    pub(crate) fn losses(&self) -> Vec<Kept> {
        let all_lines = self.journal.unsynced.len();
        let names = std::iter::once((true, &self.results));
        let names = names.chain(self.before_rename.iter().map(|Replaced(before)| (false, before)));
        let mut losses = Vec::new();
        for (renamed, results) in names {
            let (synced, all_rows) = results.as_ref().map_or((0, 0), |results| (results.synced, results.rows.len()));
            let kept =
                (synced..=all_rows).flat_map(|rows| (0..=all_lines).map(move |lines| Kept { lines, renamed, rows }));
            losses.extend(kept.filter(|kept| *kept != Kept { lines: all_lines, renamed: true, rows: all_rows }));
        }
        losses
    }

    /// The power goes, and this is left.
    pub(crate) fn lose_power(&mut self, kept: Kept) {
        self.journal.settle(kept.lines);
        if let Some(Replaced(before)) = self.before_rename.take().filter(|_| !kept.renamed) {
            self.results = before;
        }
        self.results.iter_mut().for_each(|results| results.cut(kept.rows));
    }

    /// Everything that was written is on disk.
    pub(crate) fn keep_everything(&mut self) {
        self.journal.sync();
        self.results.iter_mut().for_each(Results::sync);
        self.before_rename = None;
    }
}

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// So many of the lines of the journal.
    pub(crate) lines: usize,
    /// Whether the results have their new name.
    pub(crate) renamed: bool,
    /// So many of the rows of the results.
    pub(crate) rows: usize,
}
