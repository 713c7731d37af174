//! The protocol between a run, its disk and iMocha as a small model, of which every history is tried.
//!
//! # What is asked
//!
//! A run is killed, the power goes, an answer is lost: which row may have been cancelled then, and what may the next run do?
//! The journal, the order of the syncs and the rules for doubt answer that. Each of them is tested elsewhere, case by case;
//! here [stateright](https://docs.rs/stateright) tries **all** interleavings of their steps within bounds, and says after
//! each step whether the three promises hold against the true record of the world: nothing is cancelled that was not asked
//! for, nothing is reported that was not confirmed, no row is lost.
//!
//! # What is modelled
//!
//! Three rows, each with its own invitation. Three processes one after the other, runs or `verify`, and at most two crashes,
//! at any step. [`model::Action`] lists all that can happen, in the order of a run:
//!
//! 1. It reads what is there, writes what it carries on to the journal, and syncs that ([`disk`]). It writes new results under
//!    another name with the rows that are done, syncs and renames them, and syncs the directory.
//! 2. It marks two rows at once in the journal, and syncs the mark. Two workers send what is marked; a call is confirmed,
//!    refused, lost or meets any other trouble ([`world`]); the product's own `judge` says what becomes of the row
//!    ([`rules`]): it ends, or is called again, now or in another run. The run may be stopped at any moment.
//! 3. The recorder writes what has ended, and syncs it later. When every row has its result and is synced, the run ends.
//! 4. `verify` finds rows in iMocha's lists, some or all, and settles those that the product's own `compare` settles, in new
//!    results that it syncs, renames and makes durable in the same way.
//!
//! A kill takes the memory of the process and leaves every written byte. A power cut also takes any end of what was not
//! synced: lines of the journal, rows of the results, the new name of the results; a kill and a power cut can follow each
//! other. A call that was in flight may have worked, or may work later. What iMocha and the candidates did meanwhile is
//! decided only when a call or `verify` finds it out, since nobody could tell the difference before: this saves most of the
//! states.
//!
//! # What is left out
//!
//! Rows that are never sent (`invalid_id`, `duplicate`, `filtered`), the lock (one process at a time), times, rates, and the
//! counts of attempts. A disk that refuses: then the run stops and the rows go to standard error (`src/engine/record.rs`).
//! Torn lines and rows: whatever is torn counts as not written, and so does what stands behind it (`src/results/reader.rs`,
//! `src/results/journal/entries.rs`); the tests there tear real bytes. `--overwrite`, which gives up what earlier runs knew.
//! More is allowed than the product does: rows may be written in other groups, and a row may give up at any time. Two
//! things are taken for granted, as the contract does: a 404 is true, and an invitation that was cancelled stays so.
//!
//! What a run reads from the disk is told again in [`disk`] in a few lines; [`likeness`] holds these against what the
//! product's own `History` and `Doubt` make of real results, over several runs. So the model cannot drift from the rules.
//! That the product takes its steps in this very order is not checked here: the model says what the order is good for.
//!
//! # What it showed
//!
//! The protocol keeps its promises in each of some 500,000 states, and the faults of [`model::Fault`], each one step in the
//! wrong order or left out, are found at once: so these steps are needed, and the model can see. One of the faults is how
//! things stand where a directory cannot be synced (`src/results/place.rs`: all but Unix). A power cut that brings the old
//! results back and leaves the newer mark makes a later run take a row that was sent for one that was not, because a row of
//! the results says more than the mark. There the promise rests on a file system that keeps the order of a rename and a
//! later write.
//!
//! `cargo test --test protocol` checks all this; with `-- --nocapture`, each test says how many states it saw.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "how many states there are is told")]

mod change;
mod disk;
mod faults;
mod likeness;
mod model;
mod possible;
mod process;
mod properties;
mod rules;
mod stories;
mod world;

use std::thread::available_parallelism;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use crate::model::{Left, Protocol};
use crate::rules::Rules;
use crate::world::Answer;

/// What a call meets where all crashes are tried: the two that make the others' doubt.
const FEW_TROUBLES: &[Answer] = &[Answer::Lost, Answer::Refused];

impl Protocol {
    /// The protocol without troubles and faults, and without properties.
    fn within(processes: u8, crashes: u8) -> Self {
        let left = Left { processes, crashes, troubles: 0 };
        Self { left, troubles: FEW_TROUBLES, fault: None, rules: Rules::ask(), properties: Vec::new }
    }

    fn with_troubles(self, troubles: u8) -> Self {
        Self { left: Left { troubles, ..self.left }, ..self }
    }

    /// Tries every history until all is found that is sought, or there are no more.
    fn check(self, until: HasDiscoveries) -> impl Checker<Self> {
        let began = Instant::now();
        let threads = available_parallelism().map_or(1, usize::from);
        let checker = self.checker().threads(threads).finish_when(until).spawn_bfs().join();
        let (states, depth) = (checker.unique_state_count(), checker.max_depth());
        println!("{states} states up to {depth} steps deep in {:.1?}", began.elapsed());
        checker
    }
}

#[test]
fn the_promises_hold_whenever_two_crashes_come() {
    let protocol = Protocol { properties: properties::promises, ..Protocol::within(3, 2) };
    protocol.with_troubles(1).check(HasDiscoveries::AnyFailures).assert_properties();
}

#[test]
fn the_promises_hold_whatever_a_call_meets() {
    for (crashes, troubles) in [(1, 1), (0, 2)] {
        let protocol = Protocol { properties: properties::promises, ..Protocol::within(2, crashes) };
        let protocol = Protocol { troubles: &Answer::ALL, ..protocol.with_troubles(troubles) };
        protocol.check(HasDiscoveries::AnyFailures).assert_properties();
    }
}
