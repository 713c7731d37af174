//! What goes wrong with which call: this file counts the calls, and asks the rules and the outages about each.
//!
//! [`api`](crate::sandbox::api) tells it of every cancel call and of every list call before it decides on the answer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::Faults;
use super::call_subject::CallSubject;
use super::outage::{self, OutageAnnouncer, Outages};
use super::rule::{CountedCall, Rule};

/// The faults, and counts of the calls that came.
///
/// With any rule, memory grows by about 40 bytes for each invitation that is called for.
#[derive(Debug)]
pub(crate) struct Interference {
    rules: Vec<Rule>,
    seed: u64,
    announcer: OutageAnnouncer,
    // Without any fault, calls are not even counted.
    is_idle: bool,
    // A lock, not a channel: each call must know its number before it is answered.
    counts: Mutex<CallCounts>,
}

/// When the first call came, and how many calls came since: in all, and for each invitation and list.
#[derive(Debug, Default)]
struct CallCounts {
    first_call: Option<Instant>,
    calls: u64,
    /// By the number of what the calls are for.
    attempts: HashMap<u64, u64>,
}

/// What goes wrong with a call.
#[derive(Debug, Default)]
pub(crate) struct Disruption<'rules> {
    /// The rule that is for it, if any.
    pub(crate) rule: Option<&'rules Rule>,
    /// One receiver for each outage that begins with this call. It ends when the outage has begun; the call is to be
    /// answered only after that.
    pub(crate) outages: Vec<oneshot::Receiver<()>>,
}

impl Interference {
    /// Keeps the rules, and returns the outages for the server to carry out.
    pub(crate) fn new(faults: Faults, seed: u64) -> (Self, Outages) {
        let is_idle = faults == Faults::default();
        let (announcer, outages) = outage::plan(faults.outages);
        (Self { rules: faults.rules, seed, announcer, is_idle, counts: Mutex::default() }, outages)
    }

    /// Counts a call, which came at `when`, and says what goes wrong with it.
    pub(crate) fn count_call(&self, subject: CallSubject, when: Instant) -> Disruption<'_> {
        if self.is_idle {
            return Disruption::default();
        }
        let mut counts = self.lock();
        let first_call = *counts.first_call.get_or_insert(when);
        counts.calls = counts.calls.saturating_add(1);
        let calls = counts.calls;
        let attempts = counts.attempts.entry(subject.number()).or_insert(0);
        *attempts = attempts.saturating_add(1);
        let attempt = *attempts;
        drop(counts);
        let call = CountedCall { subject, attempt, since_first_call: when.saturating_duration_since(first_call) };
        Disruption {
            rule: self.rules.iter().find(|rule| rule.is_for(call, self.seed)),
            outages: self.announcer.note(calls, when),
        }
    }

    /// The counts, even if a thread panicked while it held the lock: each count is right on its own.
    fn lock(&self) -> MutexGuard<'_, CallCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::list_kind::ListKind;

    fn interference(text: &str) -> Interference {
        Interference::new(Faults::parse(text).unwrap(), 3).0
    }

    fn met(interference: &Interference, invitation: u64) -> Option<u32> {
        met_by(interference, CallSubject::Invitation(invitation))
    }

    fn met_by(interference: &Interference, subject: CallSubject) -> Option<u32> {
        interference.count_call(subject, Instant::now()).rule.map(|rule| rule.number)
    }

    #[test]
    fn a_call_takes_the_first_rule_that_is_for_it() {
        let interference = interference(
            r#"[{"ids": [1, 2], "attempts": 1, "reset": {}}, {"attempts": {"to": 2}, "close": {}},
                {"ids": 1, "hang": {}}]"#,
        );
        let calls = [(1, Some(1)), (2, Some(1)), (3, Some(2)), (1, Some(2)), (3, Some(2)), (3, None), (1, Some(3))];
        for (invitation, number) in calls {
            assert_eq!(met(&interference, invitation), number, "{invitation}");
        }
    }

    #[test]
    fn calls_are_counted_for_each_list() {
        let interference = interference(
            r#"[{"list": "any", "attempts": 1, "reset": {}}, {"list": "expired", "attempts": 3, "close": {}},
                {"attempts": 2, "hang": {}}]"#,
        );
        let [cancelled, completed, expired] =
            [ListKind::Cancelled, ListKind::Completed, ListKind::Expired].map(CallSubject::List);
        let calls = [
            (expired, Some(1)),
            (cancelled, Some(1)),
            (CallSubject::Invitation(1), None),
            (expired, None),
            (CallSubject::Invitation(1), Some(3)),
            (expired, Some(2)),
            (completed, Some(1)),
            (cancelled, None),
            (cancelled, None),
        ];
        for (subject, number) in calls {
            assert_eq!(met_by(&interference, subject), number, "{subject:?}");
        }
    }

    #[test]
    fn chance_does_not_depend_on_the_order_of_calls() {
        let storm =
            r#"[{"chance": 0.2, "reset": {}}, {"chance": 0.2, "close": {}}, {"chance": 0.2, "slow": {"by": "1s"}}]"#;
        let count_all = |order: &[u64]| {
            let interference = interference(storm);
            let met = |id: &u64| (*id, [met(&interference, *id), met(&interference, *id)]);
            order.iter().map(met).collect::<HashMap<u64, [Option<u32>; 2]>>()
        };
        let upwards: Vec<u64> = (1..=300).collect();
        let downwards: Vec<u64> = (1..=300).rev().collect();
        let found = count_all(&upwards);
        assert_eq!(found, count_all(&downwards));
        for number in [None, Some(1), Some(2), Some(3)] {
            assert!(found.values().flatten().any(|met| *met == number), "no call met {number:?}");
        }
    }
}
