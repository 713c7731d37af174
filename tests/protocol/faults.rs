//! Each fault is found, with a history that shows what it does.

use stateright::{Checker, HasDiscoveries};

use crate::disk::Kept;
use crate::model::Action::{self, Begin, GetAnswer, Kill, LosePower, Mark, Record, Rename, Send, Stop};
use crate::model::Action::{SyncDirectory, SyncJournal, SyncMark, SyncResults, WritePart};
use crate::model::{Fault, Protocol};
use crate::properties::{self, DOUBT_STAYS, ONLY_MARKED_ARE_SENT, SAFE_RESULTS_STAY, UNSENT_IS_TRUE};
use crate::stories::{BEGUN, CUT_OFF};
use crate::world::Answer::Confirmed;
use crate::world::Invitation::Cancelled;

/// Seeks the first failure of this property, and holds that this history is one.
fn is_found(fault: Fault, property: &'static str, history: &[&[Action]]) {
    let protocol = Protocol { fault: Some(fault), properties: properties::promises, ..Protocol::within(3, 2) };
    let checker = protocol.check(HasDiscoveries::AnyOf([property].into()));
    checker.assert_discovery(property, history.concat());
}

#[test]
fn mark_after_send_is_found() {
    is_found(Fault::MarkAfterSend, ONLY_MARKED_ARE_SENT, &[&BEGUN, &[Send(0)]]);
    // Whoever resumes takes a row that was sent for one that was not.
    is_found(Fault::MarkAfterSend, DOUBT_STAYS, &[&BEGUN, &[Send(0), Kill]]);
}

#[test]
fn doubt_forgotten_is_found() {
    let (first_resume, second_resume) = ([Begin, SyncJournal, Kill], [Begin, SyncJournal]);
    is_found(Fault::DoubtForgotten, DOUBT_STAYS, &[&BEGUN, &CUT_OFF, &first_resume, &second_resume]);
}

#[test]
fn rename_before_sync_is_found() {
    let begun = [Begin, SyncJournal, WritePart, Rename, SyncDirectory];
    let cancelled = [Mark(2), SyncMark, Send(0), GetAnswer(0, Confirmed, Cancelled), Record, SyncResults];
    let empty = LosePower(Kept { lines: 0, renamed: true, rows: 0 });
    is_found(
        Fault::RenameBeforeSync,
        SAFE_RESULTS_STAY,
        &[&begun, &cancelled, &[Kill], &[Begin, SyncJournal, WritePart, Rename, empty]],
    );
}

#[test]
fn directory_not_synced_is_found() {
    // The second run finds rows that no run has attempted, and drops them from its results, for it will mark and send them.
    let not_attempted = [Stop, Record, LosePower(Kept { lines: 0, renamed: true, rows: 2 })];
    let old_results = LosePower(Kept { lines: 0, renamed: false, rows: 2 });
    let sent = [Mark(2), SyncMark, Send(0), old_results];
    is_found(Fault::DirectoryNotSynced, UNSENT_IS_TRUE, &[&BEGUN, &not_attempted, &BEGUN, &sent]);
}
