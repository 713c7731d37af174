//! Remembers which invitations were asked for, so that none is sent twice.

use std::collections::HashSet;
use std::sync::Arc;

use super::screen::{Intent, Why};
use crate::invitation::InvitationId;

/// The invitations asked for so far.
#[derive(Debug)]
pub(super) enum Seen {
    /// For a surveyed file: for each ID that several rows have, the line of the first of them, or 0 until it is
    /// reached.
    FirstLines { duplicated: Arc<Vec<u64>>, lines: Vec<u64> },
    /// For a stream: all IDs so far.
    Ids(HashSet<u64>),
}

impl Seen {
    /// Begins a surveyed input; `duplicated` holds the IDs that several rows ask for, sorted.
    pub(super) fn in_file(duplicated: &Arc<Vec<u64>>) -> Self {
        Self::FirstLines { duplicated: Arc::clone(duplicated), lines: vec![0; duplicated.len()] }
    }

    /// Begins an input that was not surveyed.
    pub(super) fn in_stream() -> Self {
        Self::Ids(HashSet::new())
    }

    /// Decides whether a row that asks for a cancellation is a duplicate, and remembers it.
    pub(super) fn intent(&mut self, line: u64, id: InvitationId) -> Intent {
        let earlier = match self {
            Self::Ids(ids) => (!ids.insert(id.get())).then_some(None),
            Self::FirstLines { duplicated, lines } => {
                let place = duplicated.binary_search(&id.get()).ok();
                match place.and_then(|place| lines.get_mut(place)) {
                    None => None,
                    Some(first) if *first == 0 => {
                        *first = line;
                        None
                    }
                    Some(first) => Some(Some(*first)),
                }
            }
        };
        earlier.map_or(Intent::Cancel(id), |first| Intent::Skip(Why::Duplicate(first)))
    }
}
