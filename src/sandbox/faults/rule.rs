//! Which calls a fault is for.
//!
//! A rule sees the seed and the call, and nothing else: no clock and no state. So it says the same for the same call
//! each time.

use std::ops::Range;
use std::time::Duration;

use super::call_fault::CallFault;
use super::call_subject::CallSubject;
use super::numbers::Numbers;
use crate::sandbox::chance::Draw;
use crate::sandbox::limits::ErrorRate;
use crate::sandbox::list_kind::ListKind;

/// A fault, and the calls that it is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    /// Its place in the file, from 1.
    pub(crate) number: u32,
    /// What the file calls the fault.
    pub(crate) name: &'static str,
    /// What must be true of a call for the fault to be done to it.
    pub(super) condition: Condition,
    /// What goes wrong with such a call.
    pub(crate) fault: CallFault,
}

/// What must be true of a call. A condition that is `None` holds for each call; only `list` says without a value that
/// the call is a cancel call.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Condition {
    /// The lists that are asked for; `None` for cancel calls.
    pub(super) list: Option<NamedLists>,
    /// The invitation's ID.
    pub(super) ids: Option<Numbers>,
    /// The last two digits of the invitation's ID.
    pub(super) ending: Option<Numbers>,
    /// The number of the call among the calls for the same invitation or list, from 1.
    pub(super) attempts: Option<Numbers>,
    /// The time since the sandbox's first call.
    pub(super) time: Option<Range<Duration>>,
    /// The share of the calls for which all other conditions hold.
    pub(super) chance: Option<ErrorRate>,
}

/// The lists that a condition names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedLists {
    /// Each of them.
    Any,
    /// This one.
    One(ListKind),
}

/// A call, as the conditions see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountedCall {
    /// What it is for.
    pub(super) subject: CallSubject,
    /// Its number among the calls for the same, from 1.
    pub(super) attempt: u64,
    /// How long after the sandbox's first call it came.
    pub(super) since_first_call: Duration,
}

impl Rule {
    /// Whether the fault is for this call.
    pub(super) fn is_for(&self, call: CountedCall, seed: u64) -> bool {
        let Condition { list, ids, ending, attempts, time, chance } = &self.condition;
        let takes = |numbers: &Option<Numbers>, number| numbers.as_ref().is_none_or(|numbers| numbers.contains(number));
        let is_for_subject = match (call.subject, list) {
            (CallSubject::Invitation(invitation), None) => takes(ids, invitation) && takes(ending, invitation % 100),
            (CallSubject::List(_), Some(NamedLists::Any)) => true,
            (CallSubject::List(kind), Some(NamedLists::One(named))) => kind == *named,
            (CallSubject::Invitation(_), Some(_)) | (CallSubject::List(_), None) => false,
        };
        is_for_subject
            && takes(attempts, call.attempt)
            && time.as_ref().is_none_or(|time| time.contains(&call.since_first_call))
            && chance.is_none_or(|chance| self.draw(call, seed).is_within(chance))
    }

    /// The draw for this rule and call, of four numbers with eight little-endian bytes each.
    fn draw(&self, call: CountedCall, seed: u64) -> Draw {
        let numbers = [seed, u64::from(self.number), call.subject.number(), call.attempt].map(u64::to_le_bytes);
        Draw::of(&numbers.each_ref().map(<[u8; 8]>::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: u32, condition: Condition) -> Rule {
        Rule { number, name: "slow", condition, fault: CallFault::Slow(Duration::ZERO) }
    }

    fn numbers(text: &str) -> Option<Numbers> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn all_that_a_rule_says_must_be_true() {
        let seconds = Duration::from_secs;
        let condition = Condition {
            list: None,
            ids: numbers(r#"{"from": 1000}"#),
            ending: numbers("7"),
            attempts: numbers("[1, 3]"),
            time: Some(seconds(1)..seconds(2)),
            chance: None,
        };
        let cases = [
            (1007, 1, 1000, true),
            (1007, 3, 1999, true),
            (907, 1, 1000, false),
            (1008, 1, 1000, false),
            (1007, 2, 1000, false),
            (1007, 1, 999, false),
            (1007, 1, 2000, false),
        ];
        for (invitation, attempt, since_ms, is_for) in cases {
            let since_first_call = Duration::from_millis(since_ms);
            let call = CountedCall { subject: CallSubject::Invitation(invitation), attempt, since_first_call };
            assert_eq!(rule(1, condition.clone()).is_for(call, 0), is_for, "{call:?}");
        }
        let anything = CountedCall { subject: CallSubject::Invitation(5), attempt: 9, since_first_call: seconds(9) };
        assert!(rule(1, Condition::default()).is_for(anything, 0));
    }

    #[test]
    fn a_rule_is_for_cancel_calls_or_for_lists() {
        let expired = Some(NamedLists::One(ListKind::Expired));
        let cases = [
            (None, CallSubject::Invitation(5), true),
            (None, CallSubject::List(ListKind::Expired), false),
            (expired, CallSubject::Invitation(5), false),
            (expired, CallSubject::List(ListKind::Expired), true),
            (expired, CallSubject::List(ListKind::Cancelled), false),
            (Some(NamedLists::Any), CallSubject::Invitation(5), false),
            (Some(NamedLists::Any), CallSubject::List(ListKind::Completed), true),
        ];
        for (list, subject, is_for) in cases {
            let call = CountedCall { subject, attempt: 1, since_first_call: Duration::ZERO };
            assert_eq!(
                rule(1, Condition { list, ..Condition::default() }).is_for(call, 0),
                is_for,
                "{list:?} {call:?}"
            );
        }
    }

    #[test]
    fn chance_is_kept_and_seed_rule_invitation_and_attempt_decide_it() {
        let chosen = |seed, number, attempt| {
            let rule = rule(number, Condition { chance: Some(ErrorRate::new(0.2).unwrap()), ..Condition::default() });
            let subject = CallSubject::Invitation;
            let call = |id| CountedCall { subject: subject(id), attempt, since_first_call: Duration::ZERO };
            (1..=10_000).filter(|invitation| rule.is_for(call(*invitation), seed)).collect::<Vec<u64>>()
        };
        let found = chosen(1, 1, 1);
        assert!((1900..=2100).contains(&found.len()), "{} of 10000", found.len());
        assert_eq!(found, chosen(1, 1, 1));
        for other in [chosen(2, 1, 1), chosen(1, 2, 1), chosen(1, 1, 2)] {
            assert_ne!(found, other);
        }
    }
}
