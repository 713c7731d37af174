//! What changes when something happens.

use imocha_cancel::listing::ListedState;
use imocha_cancel::outcome::Status;

use crate::disk::{Disk, Known, Line, PerRow, ROWS, Results};
use crate::model::{Action, Fault, Protocol, State};
use crate::process::{Last, Phase, Process, Row, Run, Step};
use crate::rules::Rules;
use crate::world::{Answer, Invitation};

impl Protocol {
    /// Changes the state by what happens.
    pub(crate) fn happens(&self, state: &mut State, action: &Action) {
        match *action {
            Action::Begin => self.begin(state),
            Action::SyncJournal => {
                state.disk.journal.sync();
                // The journal lies beside the results: its directory is theirs.
                self.sync_directory(&mut state.disk);
                state.reach(Step::JournalSynced);
            }
            Action::WritePart => {
                state.disk.write_part(|row, status| (!status.is_tried_again()).then_some((row, status)));
                state.reach(Step::PartWritten);
            }
            Action::SyncPart => {
                state.disk.part.iter_mut().for_each(Results::sync);
                state.reach(Step::PartSynced);
            }
            Action::Rename => {
                state.disk.rename_part();
                state.reach(Step::Renamed);
            }
            Action::SyncDirectory => {
                // This is nothing new, but for `rename_before_sync`.
                state.disk.results.iter_mut().for_each(Results::sync);
                self.sync_directory(&mut state.disk);
                state.reach(Step::Calling);
            }
            Action::Mark(rows) => state.disk.journal.unsynced.push(Line::SentUpTo(rows)),
            Action::SyncMark => state.disk.journal.sync(),
            Action::Send(row) => state.send(row),
            Action::GetAnswer(row, answer, then) => self.get_answer(state, row, (answer, then)),
            Action::GiveUp(row) => state.end(row),
            Action::Stop => state.stop(),
            Action::Record => state.record(),
            Action::SyncResults => state.disk.results.iter_mut().for_each(Results::sync),
            Action::Finish => state.process = Process::Between(Last::Ended),
            Action::Verify(shown) => state.verify(shown),
            Action::Kill => state.crash(Last::Killed),
            Action::LosePower(kept) => {
                state.crash(Last::LostPower);
                state.disk.lose_power(kept);
            }
        }
        state.see_what_is_safe();
        if state.left.crashes == 0 {
            // No crash can come any more, so it is all the same when a row is written and what is synced.
            state.record();
            state.disk.keep_everything();
        }
    }
}

/// What a run or `verify` does.
impl Protocol {
    fn begin(&self, state: &mut State) {
        state.left.processes -= 1;
        let rows = std::array::from_fn(|row| match state.disk.known(row) {
            Known::Done(_) => Row::Done,
            Known::Tried(status) => Row::Waiting(Some(status)),
            // `standing_before` in `src/engine/trial.rs`.
            Known::InDoubt => Row::Waiting(Some(Status::Unconfirmed)),
            Known::Unsent => Row::Waiting(None),
        });
        let carried = state.disk.carried_on(self.fault == Some(Fault::DoubtForgotten));
        state.disk.journal.unsynced.push(Line::Run(carried));
        state.process = Process::Run(Run { step: Step::JournalWritten, rows });
    }

    fn sync_directory(&self, disk: &mut Disk) {
        if self.fault != Some(Fault::DirectoryNotSynced) {
            disk.before_rename = None;
        }
    }

    fn get_answer(&self, state: &mut State, row: usize, (answer, then): (Answer, Invitation)) {
        let is_trouble = !state.world.answers(row).contains(&(answer, then));
        state.left.troubles -= u8::from(is_trouble);
        state.world.called[row] |= answer != Answer::Unsent;
        state.world.invitations[row] = then;
        if let Some(row) = state.row_mut(row)
            && let Row::InFlight(standing) = *row
        {
            *row = self.rules.after(standing, answer);
        }
    }
}

impl State {
    /// A row of the run at work.
    fn row_mut(&mut self, row: usize) -> Option<&mut Row> {
        match &mut self.process {
            Process::Run(run) => Some(&mut run.rows[row]),
            Process::Between(_) | Process::Verify(_) => None,
        }
    }

    /// The process has taken this step.
    fn reach(&mut self, reached: Step) {
        match &mut self.process {
            Process::Run(run) => run.step = reached,
            Process::Verify(_) if reached == Step::Calling => self.process = Process::Between(Last::Settled),
            Process::Verify(step) => *step = reached,
            Process::Between(_) => {}
        }
    }

    fn send(&mut self, row: usize) {
        // The mark is on disk, and the row has no final result: neither in the results, nor in one that no crash can take.
        let is_done = matches!(self.disk.known(row), Known::Done(_)) || self.witness.safe[row].is_some();
        self.witness.wrong_call |= is_done || row >= self.marked();
        if let Some(row) = self.row_mut(row)
            && let Row::Waiting(standing) | Row::BackingOff(standing) = *row
        {
            *row = Row::InFlight(standing);
        }
    }

    /// A row that is not called any more ends as its last call or earlier runs left it (`Trial::end` in
    /// `src/engine/trial.rs`, `not_attempted` in `src/engine/feed.rs`).
    fn end(&mut self, row: usize) {
        if let Some(row) = self.row_mut(row)
            && let Row::Waiting(standing) | Row::BackingOff(standing) = *row
        {
            *row = Row::Ended(standing.unwrap_or(Status::NotAttempted));
        }
    }

    fn stop(&mut self) {
        for row in 0..ROWS {
            if matches!(self.row_mut(row), Some(Row::Waiting(_))) {
                self.end(row);
            }
        }
    }

    fn record(&mut self) {
        let (Process::Run(run), Some(results)) = (&mut self.process, &mut self.disk.results) else { return };
        for (number, row) in run.rows.iter_mut().enumerate() {
            if let Row::Ended(status) = *row {
                results.rows.push((number, status));
                *row = Row::Recorded;
            }
        }
    }

    fn verify(&mut self, shown: PerRow<Option<ListedState>>) {
        self.left.processes -= 1;
        self.left.troubles -= self.troubles_of(shown);
        let settled = |row: usize, status| shown[row].and_then(|list| Rules::settled(status, list)).unwrap_or(status);
        self.disk.write_part(|row, status| Some((row, settled(row, status))));
        for (row, list) in shown.into_iter().enumerate() {
            if let Some(list) = list {
                self.world.show(row, list);
            }
        }
        self.process = Process::Verify(Step::PartWritten);
    }

    /// The process is gone, and with it what only its memory held.
    fn crash(&mut self, last: fn(Phase) -> Last) {
        self.left.crashes -= 1;
        let phase = self.phase();
        for row in 0..ROWS {
            if matches!(self.row_mut(row), Some(Row::InFlight(_))) {
                self.world.lose_call(row);
            }
        }
        self.disk.part = None;
        self.process = Process::Between(last(phase));
    }

    /// What a crash now cuts off.
    fn phase(&self) -> Phase {
        let rows = match &self.process {
            Process::Between(_) => return Phase::Between,
            Process::Verify(step) => return Phase::Settling(*step),
            Process::Run(Run { step: Step::Calling, rows }) => rows,
            Process::Run(Run { step, .. }) => return Phase::Beginning(*step),
        };
        if self.disk.journal.is_marking() {
            Phase::Marking
        } else if rows.iter().any(|row| matches!(row, Row::InFlight(_))) {
            Phase::InFlight
        } else if rows.iter().any(|row| matches!(row, Row::Ended(_))) {
            Phase::Ended
        } else if self.disk.has_unsynced_rows() {
            Phase::Recorded
        } else {
            Phase::Quiet
        }
    }

    /// Remembers the final results that no crash can take any more.
    fn see_what_is_safe(&mut self) {
        let Some(results) = self.disk.results.as_ref().filter(|_| self.disk.before_rename.is_none()) else { return };
        for &(row, status) in results.rows.iter().take(results.synced).filter(|(_, status)| !status.is_tried_again()) {
            self.witness.safe[row].get_or_insert(status);
        }
    }
}
