//! What is recorded about each request that the sandbox received: when it came, what it said, and what came of it.
//!
//! This file owns the shape of a record. [`record_keeper`](super::record_keeper) keeps a record in memory, and
//! [`record_file`](super::record_file) writes one for other processes.

use std::time::Instant;

use super::invitations::InvitationState;

/// What a sandbox received.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Each request, in the order in which the sandbox decided how to answer them.
    ///
    /// A request whose body broke off or was longer than 64 KiB is missing: it had no effect.
    pub arrivals: Vec<Arrival>,
    /// The most requests that were in flight at once. A request is in flight from the arrival of its head until its
    /// answer is ready to be sent or its caller has closed the connection.
    pub peak_in_flight: usize,
}

/// One request as it was received, and what came of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When its head had arrived.
    pub when: Instant,
    /// The method, such as `POST`.
    pub method: String,
    /// The path and, if there was one, `?` and the query.
    pub path: String,
    /// Whether it came with the right key. The key itself is not recorded.
    pub key: SentKey,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Accept-Encoding`.
    pub accept_encoding: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// The invitation that the path named; `None` when it was not a cancel call or named something that cannot be an
    /// ID.
    pub invitation: Option<u64>,
    /// The status of the answer; `None` when a fault kept the request from getting one. Only the caller knows whether
    /// the answer arrived.
    pub status: Option<u16>,
    /// The invitation's state before the request; `None` when there is no such invitation.
    pub before: Option<InvitationState>,
    /// The invitation's state after the request; `None` when there is no such invitation.
    pub after: Option<InvitationState>,
    /// What [`Options::faults`](super::Options::faults) did wrong to the request.
    pub fault: Option<FaultDone>,
}

impl Arrival {
    /// Whether the request cancelled an invitation.
    pub fn is_applied(&self) -> bool {
        self.before != self.after
    }
}

/// A fault of the sandbox that was done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultDone {
    /// The rule's place in the file, from 1.
    pub rule: u32,
    /// What the file calls it, such as `reset`.
    pub name: &'static str,
}

/// What a request sent as its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentKey {
    /// The sandbox's key.
    Right,
    /// Another key.
    Wrong,
    /// No key at all.
    Missing,
}
