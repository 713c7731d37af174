//! When something may happen.

use imocha_cancel::listing::ListedState;

use crate::disk::{Known, PerRow, ROWS};
use crate::model::{Action, Fault, Protocol, State};
use crate::process::{Process, Row, Run, Step};
use crate::rules::Rules;

/// How many rows a run marks at once, as long as there are so many.
const BATCH_ROWS: usize = 2;

/// How many calls may be in flight at once.
const WORKERS: usize = 2;

impl Protocol {
    /// Adds all that may happen next.
    pub(crate) fn may_happen(&self, state: &State, actions: &mut Vec<Action>) {
        match &state.process {
            Process::Between(_) if state.left.processes > 0 => {
                // A run that finds every row done sends nothing and changes nothing.
                if (0..ROWS).any(|row| !matches!(state.disk.known(row), Known::Done(_))) {
                    actions.push(Action::Begin);
                }
                actions.extend(state.verifications());
            }
            Process::Between(_) => {}
            Process::Run(Run { step: Step::Calling, rows }) => {
                self.marks(state, *rows, actions);
                self.calls(state, *rows, actions);
                records(state, *rows, actions);
            }
            Process::Run(Run { step, .. }) | Process::Verify(step) => actions.extend(self.step_after(*step)),
        }
        if state.left.crashes > 0 {
            let is_at_work = !matches!(state.process, Process::Between(_));
            actions.extend(is_at_work.then_some(Action::Kill));
            actions.extend(state.disk.losses().into_iter().map(Action::LosePower));
        }
    }

    /// What a run does next before it calls, or `verify` before it ends.
    fn step_after(&self, step: Step) -> Option<Action> {
        match step {
            Step::JournalWritten => Some(Action::SyncJournal),
            Step::JournalSynced => Some(Action::WritePart),
            Step::PartWritten if self.fault == Some(Fault::RenameBeforeSync) => Some(Action::Rename),
            Step::PartWritten => Some(Action::SyncPart),
            Step::PartSynced => Some(Action::Rename),
            Step::Renamed => Some(Action::SyncDirectory),
            Step::Calling => None,
        }
    }

    /// The rows of the input are taken in its order. When the next one has its turn and is not marked, it is marked with
    /// those behind it (`take` in `src/engine/queue.rs`).
    fn marks(&self, state: &State, rows: PerRow<Row>, actions: &mut Vec<Action>) {
        if state.disk.journal.is_marking() {
            return actions.push(Action::SyncMark);
        }
        let is_late = self.fault == Some(Fault::MarkAfterSend);
        let unmarked = waiting(rows).filter(|&row| row >= state.marked());
        let batch_end = unmarked.take(BATCH_ROWS).last();
        if let (Some(next), Some(last)) = (waiting(rows).next(), batch_end)
            && (next >= state.marked() || is_late)
        {
            actions.push(Action::Mark(last + 1));
        }
    }

    fn calls(&self, state: &State, rows: PerRow<Row>, actions: &mut Vec<Action>) {
        let next = waiting(rows).next();
        actions.extend(next.map(|_| Action::Stop));
        let has_worker = rows.iter().filter(|row| matches!(row, Row::InFlight(_))).count() < WORKERS;
        for (row, stands) in rows.into_iter().enumerate() {
            let has_turn = match stands {
                Row::Waiting(_) => {
                    next == Some(row) && (row < state.marked() || self.fault == Some(Fault::MarkAfterSend))
                }
                Row::BackingOff(_) => {
                    actions.push(Action::GiveUp(row));
                    true
                }
                Row::InFlight(_) => {
                    actions.extend(self.answers(state, row));
                    false
                }
                Row::Done | Row::Ended(_) | Row::Recorded => false,
            };
            actions.extend((has_turn && has_worker).then_some(Action::Send(row)));
        }
    }

    fn answers(&self, state: &State, row: usize) -> impl Iterator<Item = Action> {
        let troubles = if state.left.troubles > 0 { self.troubles } else { &[] };
        let met = troubles.iter().filter_map(move |&trouble| Some((trouble, state.world.after_trouble(row, trouble)?)));
        let expected = state.world.answers(row).iter().copied();
        expected.chain(met).map(move |(answer, then)| Action::GetAnswer(row, answer, then))
    }
}

fn records(state: &State, rows: PerRow<Row>, actions: &mut Vec<Action>) {
    if rows.iter().any(|row| matches!(row, Row::Ended(_))) {
        actions.push(Action::Record);
    }
    if state.disk.has_unsynced_rows() {
        actions.push(Action::SyncResults);
    } else if rows.iter().all(|row| matches!(row, Row::Done | Row::Recorded)) && !state.disk.journal.is_marking() {
        actions.push(Action::Finish);
    }
}

fn waiting(rows: PerRow<Row>) -> impl Iterator<Item = usize> {
    (0..ROWS).filter(move |&row| matches!(rows[row], Row::Waiting(_)))
}

impl State {
    /// How many rows of the input the run at work has marked, durably.
    pub(crate) fn marked(&self) -> usize {
        self.disk.journal.durable.map_or(0, |run| run.marked)
    }

    /// Every way in which `verify` may settle something: of the rows that it could settle, any may not be in its list yet.
    fn verifications(&self) -> impl Iterator<Item = Action> {
        let shown = (0..ROWS).fold(vec![[None; ROWS]], |shown, row| {
            let lists = std::iter::once(None).chain(self.settling_lists(row).map(Some));
            lists.flat_map(|list| shown.iter().map(move |before| with(*before, row, list))).collect()
        });
        let settles = |shown: &PerRow<_>| *shown != [None; ROWS] && self.troubles_of(*shown) <= self.left.troubles;
        shown.into_iter().filter(settles).map(Action::Verify)
    }

    /// The lists by which `verify` would settle a row.
    fn settling_lists(&self, row: usize) -> impl Iterator<Item = ListedState> {
        let reported = self.disk.reported(row);
        let settles = move |list: &ListedState| reported.is_some_and(|status| Rules::settled(status, *list).is_some());
        self.world.lists(row).iter().copied().filter(settles)
    }

    /// How many of these rows turn out to be completed, which must not be expected.
    pub(crate) fn troubles_of(&self, shown: PerRow<Option<ListedState>>) -> u8 {
        let is_trouble = |row: usize| shown[row] == Some(ListedState::Completed) && self.world.is_undecided(row);
        (0..ROWS).map(|row| u8::from(is_trouble(row))).sum()
    }
}

/// The same for every row but one.
fn with<T>(mut all: PerRow<T>, row: usize, one: T) -> PerRow<T> {
    all[row] = one;
    all
}
