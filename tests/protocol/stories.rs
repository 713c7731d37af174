//! What has to happen somewhere for the promises to be worth something: every status, a crash in every phase, doubt that is
//! carried on and settled. Each is sought, and the longer ones are told as histories.

use imocha_cancel::listing::ListedState;
use stateright::{Checker, HasDiscoveries};

use crate::disk::Kept;
use crate::model::Action::{self, Begin, Finish, GetAnswer, Kill, LosePower, Mark, Record, Rename, Send, Stop};
use crate::model::Action::{SyncDirectory, SyncJournal, SyncMark, SyncPart, SyncResults, Verify, WritePart};
use crate::model::Protocol;
use crate::properties::{self, ALL_CANCELLED, CARRIED_ON_TWICE, OUR_OWN_REFUSAL};
use crate::properties::{SETTLED_AS_CANCELLED, SETTLED_AS_NOT_CANCELLABLE, SETTLED_BY_A_RUN};
use crate::world::Answer::{self, Confirmed, Refused};
use crate::world::Invitation::Cancelled;

/// A run begins, and may call.
pub(crate) const BEGUN: [Action; 6] = [Begin, SyncJournal, WritePart, SyncPart, Rename, SyncDirectory];
/// Then it is killed, before the first row that it sends is answered.
pub(crate) const CUT_OFF: [Action; 4] = [Mark(2), SyncMark, Send(0), Kill];
/// Or it is stopped before it sends anything, and ends.
const STOPPED: [Action; 4] = [Stop, Record, SyncResults, Finish];

const fn cancels(row: usize) -> [Action; 2] {
    [Send(row), GetAnswer(row, Confirmed, Cancelled)]
}

#[test]
fn every_status_is_reported() {
    let protocol = Protocol { troubles: &Answer::ALL, properties: properties::statuses, ..Protocol::within(1, 0) };
    protocol.with_troubles(1).check(HasDiscoveries::All).assert_properties();
}

#[test]
fn a_crash_comes_in_every_phase() {
    let protocol = Protocol { properties: properties::crashes, ..Protocol::within(3, 2) };
    protocol.check(HasDiscoveries::All).assert_properties();
}

/// Seeks such a state, and holds that this history leads to one.
fn is_told(troubles: u8, property: &'static str, history: &[&[Action]]) {
    let protocol = Protocol { properties: properties::stories, ..Protocol::within(3, 2) }.with_troubles(troubles);
    let checker = protocol.check(HasDiscoveries::AnyOf([property].into()));
    checker.assert_discovery(property, history.concat());
}

#[test]
fn all_is_cancelled_after_two_crashes() {
    let row_lost = [Record, LosePower(Kept { lines: 0, renamed: true, rows: 0 })];
    let second: [&[Action]; 4] = [&BEGUN, &[Mark(2), SyncMark], &cancels(0), &row_lost];
    // No third crash can come: each row of this run is on disk at once.
    let third = [&BEGUN, &[Mark(2)][..], &cancels(0), &cancels(1), &[Mark(3)], &cancels(2), &[Finish]];
    is_told(0, ALL_CANCELLED, &[&BEGUN, &CUT_OFF, &second.concat(), &third.concat()]);
}

#[test]
fn the_third_run_knows_the_doubt_of_the_first() {
    let killed_at_once = [Begin, SyncJournal, Kill];
    is_told(0, CARRIED_ON_TWICE, &[&BEGUN, &CUT_OFF, &killed_at_once, &[Begin, SyncJournal]]);
}

#[test]
fn a_later_run_settles_doubt() {
    is_told(0, SETTLED_BY_A_RUN, &[&BEGUN, &CUT_OFF, &BEGUN, &[Mark(2), SyncMark], &cancels(0)]);
}

#[test]
fn a_refusal_of_what_we_may_have_cancelled_settles_nothing() {
    let refused = [Mark(2), SyncMark, Send(0), GetAnswer(0, Refused, Cancelled)];
    is_told(0, OUR_OWN_REFUSAL, &[&BEGUN, &CUT_OFF, &BEGUN, &refused]);
}

#[test]
fn verify_settles_doubt() {
    let unanswered: [&[Action]; 4] = [&BEGUN, &CUT_OFF, &BEGUN, &STOPPED];
    for (troubles, property, list) in
        [(0, SETTLED_AS_CANCELLED, ListedState::Cancelled), (1, SETTLED_AS_NOT_CANCELLABLE, ListedState::Completed)]
    {
        let settled = [Verify([Some(list), None, None]), SyncPart, Rename];
        is_told(troubles, property, &[&unanswered.concat(), &settled]);
    }
}
