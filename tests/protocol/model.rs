//! The words of the protocol: its state, all that can happen in it, and the faults. `possible.rs` says when something may
//! happen, and `change.rs` what it changes.

use imocha_cancel::listing::ListedState;
use imocha_cancel::outcome::Status;
use stateright::{Model, Property};

use crate::disk::{Disk, Kept, PerRow, ROWS};
use crate::process::{Last, Process};
use crate::rules::Rules;
use crate::world::{Answer, Invitation, World};

/// One moment of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) disk: Disk,
    pub(crate) process: Process,
    pub(crate) left: Left,
    pub(crate) witness: Witness,
}

/// What may still happen: this bounds the number of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    /// Runs, and `verify`.
    pub(crate) processes: u8,
    /// Kills and power cuts.
    pub(crate) crashes: u8,
    /// Whatever a call or `verify` meets that is not what must be expected: a lost call, a failing API, a candidate who
    /// has completed the test.
    pub(crate) troubles: u8,
}

/// What nothing in the product knows, and the properties need.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Witness {
    /// The final results that were on disk at some time, safe from any crash.
    pub(crate) safe: PerRow<Option<Status>>,
    /// Whether a call was made that must never be made.
    pub(crate) wrong_call: bool,
}

/// What can happen next. Rows are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// A run begins: it reads what earlier ones left, and writes its first line to the journal.
    Begin,
    SyncJournal,
    /// The new results are written under another name, with the rows that are done.
    WritePart,
    SyncPart,
    /// The new results take the place of the old ones.
    Rename,
    SyncDirectory,
    /// The run writes to the journal that so many rows of the input may be sent.
    Mark(usize),
    SyncMark,
    Send(usize),
    /// The call that is in flight for this row comes to this, and the invitation is that afterwards.
    GetAnswer(usize, Answer, Invitation),
    /// No further call is made for a row that was called: its attempts are used up, or the run is stopped.
    GiveUp(usize),
    /// No further row is called: the run is stopped, or they lie beyond `--limit`.
    Stop,
    /// The recorder writes all rows that have ended.
    Record,
    SyncResults,
    /// Every row has its result: the run ends by itself.
    Finish,
    /// `verify` finds the rows in these lists, and writes what they settle into new results under another name.
    Verify(PerRow<Option<ListedState>>),
    /// The process is gone, and everything it wrote stays.
    Kill,
    /// The power goes, and with it some of what was not synced.
    LosePower(Kept),
}

/// A step that is taken in the wrong order or left out, to see that the model notices. The names in the comments are those
/// under which such a fault is known wherever it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `mark_after_send`: the journal says that rows may be sent only after they were.
    MarkAfterSend,
    /// `doubt_forgotten`: a run carries on what the last run left, and not what that had carried on itself. So the second
    /// resume is the first that forgets something.
    DoubtForgotten,
    /// `rename_before_sync`: new results get their name before their rows are on disk.
    RenameBeforeSync,
    /// `directory_not_synced`: a run goes on although a power cut may still bring the old results back.
    DirectoryNotSynced,
}

/// The protocol, within bounds.
#[derive(Debug)]
pub(crate) struct Protocol {
    pub(crate) left: Left,
    /// What a call can meet as trouble.
    pub(crate) troubles: &'static [Answer],
    pub(crate) fault: Option<Fault>,
    pub(crate) rules: Rules,
    /// What is asked of every state.
    pub(crate) properties: fn() -> Vec<Property<Self>>,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            world: World { invitations: [Invitation::Pending; ROWS], called: [false; ROWS] },
            disk: Disk::EMPTY,
            process: Process::Between(Last::None),
            left: self.left,
            witness: Witness { safe: [None; ROWS], wrong_call: false },
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.may_happen(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.happens(&mut next, &action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.properties)()
    }
}
