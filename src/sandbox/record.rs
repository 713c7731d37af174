//! What the sandbox can tell about the requests that it received: when each came, what it said, and what came of it.
//!
//! Only the shape of a record. [`record_keeper`](super::record_keeper) keeps one for the process, [`record_file`](super::record_file)
//! writes one for other processes.

use std::time::Instant;

use super::invitations::InvitationState;

/// What a sandbox received so far.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Each request, in the order in which they were decided upon.
    ///
    /// A request whose body broke off, or was longer than 64 KiB, is not among them: it had no effect.
    pub arrivals: Vec<Arrival>,
    /// The most requests that were in flight at once: from the head's arrival until the answer was ready to be sent,
    /// or the caller had gone.
    pub peak_in_flight: usize,
}

/// One request, as it was received, and what came of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When its head had arrived.
    pub when: Instant,
    /// The method, such as `POST`.
    pub method: String,
    /// The path and, if there was one, `?` and the query.
    pub path: String,
    /// Which key came with it. The key itself is not kept.
    pub key: SentKey,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Accept-Encoding`.
    pub accept_encoding: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// The invitation that the path named, if it was a cancel call with an ID that makes sense.
    pub invitation: Option<u64>,
    /// The status of the answer; `None` where a fault left it without one. Whether the answer arrived is for the caller
    /// to say.
    pub status: Option<u16>,
    /// The invitation's state before; `None` where there is no such invitation.
    pub before: Option<InvitationState>,
    /// The invitation's state after; `None` as for `before`.
    pub after: Option<InvitationState>,
    /// The fault that befell it, of those in [`Options::faults`](super::Options::faults).
    pub fault: Option<FaultDone>,
}

impl Arrival {
    /// Whether it cancelled an invitation.
    pub fn is_applied(&self) -> bool {
        self.before != self.after
    }
}

/// A fault that befell a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultDone {
    /// The rule's place in the file, from 1.
    pub rule: u32,
    /// What the file calls it, such as `reset`.
    pub name: &'static str,
}

/// What a request brought as its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentKey {
    /// The sandbox's key.
    Right,
    /// Something else.
    Wrong,
    /// No key at all.
    Missing,
}
