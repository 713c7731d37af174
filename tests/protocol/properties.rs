//! The promises, and what has to happen for them to be worth something.

use imocha_cancel::outcome::{Effect, Status};
use stateright::Property;

use crate::disk::{Known, ROWS};
use crate::model::{Protocol, State};
use crate::process::{Last, Phase, Process, Row, Run, Step};
use crate::world::Invitation;

pub(crate) const ONLY_MARKED_ARE_SENT: &str = "only open rows that are marked on disk are sent";
pub(crate) const CANCELLED_IS_TRUE: &str = "what is reported as cancelled is";
pub(crate) const REFUSALS_ARE_TRUE: &str = "no other final or clear status hides a call that may have cancelled";
pub(crate) const UNSENT_IS_TRUE: &str = "not_attempted and unreachable were never sent";
pub(crate) const ONE_RESULT_EACH: &str = "no row has two results, and none lacks one when a run has ended";
pub(crate) const SAFE_RESULTS_STAY: &str = "a final result that was safe on disk stays";
pub(crate) const DOUBT_STAYS: &str = "doubt is never forgotten";

/// The three promises. They hold in every state.
pub(crate) fn promises() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONLY_MARKED_ARE_SENT, |_: &Protocol, state: &State| !state.witness.wrong_call),
        Property::always(CANCELLED_IS_TRUE, |_, state: &State| {
            state.every_report(|row, status| {
                status != Status::Cancelled || state.world.invitations[row] == Invitation::Cancelled
            })
        }),
        Property::always(REFUSALS_ARE_TRUE, |_, state: &State| {
            state.every_report(|row, status| match status {
                Status::Cancelled => true,
                Status::NotCancellable => state.world.invitations[row] == Invitation::Completed,
                Status::NotFound => state.world.invitations[row] == Invitation::Absent,
                other => other.effect() == Effect::Possible || !state.may_be_cancelled(row),
            })
        }),
        Property::always(UNSENT_IS_TRUE, |_, state: &State| {
            state.every_report(|row, status| {
                !matches!(status, Status::NotAttempted | Status::Unreachable) || !state.world.called[row]
            })
        }),
        Property::always(ONE_RESULT_EACH, |_, state: &State| {
            let results = |row| {
                let all = state.disk.results.iter().flat_map(|results| &results.rows);
                all.filter(|(of, _)| *of == row).count()
            };
            let fewest = usize::from(state.process == Process::Between(Last::Ended));
            (0..ROWS).all(|row| (fewest..=1).contains(&results(row)))
        }),
        Property::always(SAFE_RESULTS_STAY, |_, state: &State| {
            let stays = |row: usize| state.witness.safe[row].is_none_or(|safe| state.disk.reported(row) == Some(safe));
            (0..ROWS).all(stays)
        }),
        Property::always(DOUBT_STAYS, |_, state: &State| {
            let is_known = |row| match state.disk.known(row) {
                // Whether these are true is said above.
                Known::Done(_) => true,
                known => known.is_in_doubt() || !state.may_be_cancelled(row),
            };
            (0..ROWS).all(is_known)
        }),
    ]
}

/// Every status that a row can end with once it may be sent.
pub(crate) fn statuses() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes("cancelled is reported", |_: &Protocol, state: &State| state.reports(Status::Cancelled)),
        Property::sometimes("not_cancellable is reported", |_, state: &State| state.reports(Status::NotCancellable)),
        Property::sometimes("not_found is reported", |_, state: &State| state.reports(Status::NotFound)),
        Property::sometimes("forbidden is reported", |_, state: &State| state.reports(Status::Forbidden)),
        Property::sometimes("unauthorized is reported", |_, state: &State| state.reports(Status::Unauthorized)),
        Property::sometimes("rate_limited is reported", |_, state: &State| state.reports(Status::RateLimited)),
        Property::sometimes("server_error is reported", |_, state: &State| state.reports(Status::ServerError)),
        Property::sometimes("unreachable is reported", |_, state: &State| state.reports(Status::Unreachable)),
        Property::sometimes("unconfirmed is reported", |_, state: &State| state.reports(Status::Unconfirmed)),
        Property::sometimes("unexpected_response is reported", |_, state: &State| {
            state.reports(Status::UnexpectedResponse)
        }),
        Property::sometimes("not_attempted is reported", |_, state: &State| state.reports(Status::NotAttempted)),
    ]
}

/// A kill in every phase, and a power cut in every phase in which it takes something.
pub(crate) fn crashes() -> Vec<Property<Protocol>> {
    const fn killed(step: Step) -> Last {
        Last::Killed(Phase::Beginning(step))
    }
    vec![
        Property::sometimes("killed before the journal is synced", |_: &Protocol, state: &State| {
            state.ended(killed(Step::JournalWritten))
        }),
        Property::sometimes("killed before the new results are begun", |_, state: &State| {
            state.ended(killed(Step::JournalSynced))
        }),
        Property::sometimes("killed before the new results are synced", |_, state: &State| {
            state.ended(killed(Step::PartWritten))
        }),
        Property::sometimes("killed before the rename", |_, state: &State| state.ended(killed(Step::PartSynced))),
        Property::sometimes("killed before the directory is synced", |_, state: &State| {
            state.ended(killed(Step::Renamed))
        }),
        Property::sometimes("killed before a mark is synced", |_, state: &State| {
            state.ended(Last::Killed(Phase::Marking))
        }),
        Property::sometimes("killed during a call", |_, state: &State| state.ended(Last::Killed(Phase::InFlight))),
        Property::sometimes("killed before an outcome is written", |_, state: &State| {
            state.ended(Last::Killed(Phase::Ended))
        }),
        Property::sometimes("killed before a row is synced", |_, state: &State| {
            state.ended(Last::Killed(Phase::Recorded))
        }),
        Property::sometimes("killed between two calls", |_, state: &State| state.ended(Last::Killed(Phase::Quiet))),
        Property::sometimes("killed before settled rows are synced", |_, state: &State| {
            state.ended(Last::Killed(Phase::Settling(Step::PartWritten)))
        }),
        Property::sometimes("killed before settled rows are renamed", |_, state: &State| {
            state.ended(Last::Killed(Phase::Settling(Step::PartSynced)))
        }),
        Property::sometimes("killed after settled rows are renamed", |_, state: &State| {
            state.ended(Last::Killed(Phase::Settling(Step::Renamed)))
        }),
        Property::sometimes("a power cut takes the first line of a run", |_, state: &State| {
            state.ended(Last::LostPower(Phase::Beginning(Step::JournalWritten)))
        }),
        Property::sometimes("a power cut brings the old results back", |_, state: &State| {
            state.ended(Last::LostPower(Phase::Beginning(Step::Renamed)))
        }),
        Property::sometimes("a power cut takes a mark", |_, state: &State| {
            state.ended(Last::LostPower(Phase::Marking))
        }),
        Property::sometimes("a power cut takes a row", |_, state: &State| {
            state.ended(Last::LostPower(Phase::Recorded))
        }),
        Property::sometimes("a power cut takes what verify settled", |_, state: &State| {
            state.ended(Last::LostPower(Phase::Settling(Step::Renamed)))
        }),
        Property::sometimes("a power cut takes a row of a run that was killed", |_, state: &State| {
            state.ended(Last::LostPower(Phase::Between))
        }),
    ]
}

pub(crate) const ALL_CANCELLED: &str = "all is cancelled after two crashes";
pub(crate) const CARRIED_ON_TWICE: &str = "the last of three runs knows the doubt of the first";
pub(crate) const SETTLED_BY_A_RUN: &str = "a later run settles the doubt that an earlier one left";
pub(crate) const SETTLED_AS_CANCELLED: &str = "verify settles doubt as cancelled";
pub(crate) const SETTLED_AS_NOT_CANCELLABLE: &str = "verify settles doubt as not_cancellable";
pub(crate) const OUR_OWN_REFUSAL: &str = "an invitation that is cancelled ends as unconfirmed";

/// What makes doubt worth its cost.
pub(crate) fn stories() -> Vec<Property<Protocol>> {
    vec![
        Property::sometimes(ALL_CANCELLED, |_: &Protocol, state: &State| {
            let is_cancelled = |row| state.disk.reported(row) == Some(Status::Cancelled);
            state.ended(Last::Ended) && state.left.crashes == 0 && (0..ROWS).all(is_cancelled)
        }),
        Property::sometimes(CARRIED_ON_TWICE, |_, state: &State| {
            let is_carried = |row| state.carried(row) == Known::InDoubt && state.world.may_be_cancelled(row);
            state.left.processes == 0 && (0..ROWS).any(is_carried)
        }),
        Property::sometimes(SETTLED_BY_A_RUN, |_, state: &State| {
            state.ends_in_this_run(Status::Cancelled, |row| state.carried(row).is_in_doubt())
        }),
        Property::sometimes(SETTLED_AS_CANCELLED, |_, state: &State| state.is_settled_as(Status::Cancelled)),
        Property::sometimes(SETTLED_AS_NOT_CANCELLABLE, |_, state: &State| state.is_settled_as(Status::NotCancellable)),
        Property::sometimes(OUR_OWN_REFUSAL, |_, state: &State| {
            let is_cancelled = |row: usize| state.world.invitations[row] == Invitation::Cancelled;
            state.ends_in_this_run(Status::Unconfirmed, is_cancelled)
        }),
    ]
}

impl State {
    /// Whether this holds for every row of the results.
    fn every_report(&self, holds: impl Fn(usize, Status) -> bool) -> bool {
        self.disk.results.iter().flat_map(|results| &results.rows).all(|&(row, status)| holds(row, status))
    }

    fn reports(&self, status: Status) -> bool {
        (0..ROWS).any(|row| self.disk.reported(row) == Some(status))
    }

    fn ended(&self, last: Last) -> bool {
        self.process == Process::Between(last)
    }

    /// Whether a call of ours has cancelled the invitation of this row, or may: one that is in flight included.
    fn may_be_cancelled(&self, row: usize) -> bool {
        let in_flight = matches!(&self.process, Process::Run(run) if matches!(run.rows[row], Row::InFlight(_)));
        self.world.may_be_cancelled(row) || in_flight && self.world.invitations[row] == Invitation::Pending
    }

    /// What the run at work carries on from earlier ones.
    fn carried(&self, row: usize) -> Known {
        self.disk.journal.durable.as_ref().map_or(Known::Unsent, |run| run.carried.rows[row])
    }

    /// Whether a row for which `holds` ends so in the run at work.
    fn ends_in_this_run(&self, status: Status, holds: impl Fn(usize) -> bool) -> bool {
        let Process::Run(Run { rows, .. }) = &self.process else { return false };
        (0..ROWS).any(|row| rows[row] == Row::Ended(status) && holds(row))
    }

    /// Whether `verify` has settled a row so.
    fn is_settled_as(&self, status: Status) -> bool {
        let before = |row| self.disk.before_rename.as_ref()?.0.as_ref()?.of(row);
        let is_settled = |row| self.disk.reported(row) == Some(status) && before(row) != Some(status);
        self.process == Process::Verify(Step::Renamed) && (0..ROWS).any(is_settled)
    }
}
