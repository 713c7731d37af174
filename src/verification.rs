//! What iMocha's lists say of the rows of results: the word for each row, and what the lists settle. Pure: the lists are
//! handed in.
//!
//! An invitation that is in no list is not for that reason *not cancelled*: a list may lag, and the window may be
//! another than it seems. So absence is never held against a row.

use std::collections::BTreeMap;
use std::path::PathBuf;

use strum::{IntoStaticStr, VariantArray};

use crate::listing::{ListedState, Listing, ListingWindow};
use crate::outcome::{Status, Summary};
use crate::shard::ShardGap;

/// What the lists say of one row. The words are the contract with the operator's scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Finding {
    /// The same as the row.
    Confirmed,
    /// The row was in doubt, and the lists decide.
    Settled,
    /// Nothing yet: the row is cancelled or in doubt, and in no list.
    NotYetSeen,
    /// The row is cancelled, and listed as completed or expired.
    Contradicted,
    /// The row was refused, not reached or left out, and is listed as cancelled.
    AlreadyCancelled,
    /// Nothing was cancelled here, and nothing is listed.
    NothingToCheck,
}

impl Finding {
    /// Each of them, in the order in which they are told.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The word in the column `verified` and in the JSON summary.
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Whether a person has to look at the row.
    pub const fn needs_attention(self) -> bool {
        match self {
            Self::NotYetSeen | Self::Contradicted => true,
            Self::Confirmed | Self::Settled | Self::AlreadyCancelled | Self::NothingToCheck => false,
        }
    }
}

/// What the lists say of one invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It is in none.
    Nowhere,
    /// It is cancelled.
    Cancelled,
    /// It is completed or expired, as this list says.
    Over(ListedState),
    /// It is cancelled, and completed or expired: that does not decide anything.
    Both,
}

/// Says what the lists make of a row that ended with `status`, and as what they settle it, if they do.
pub fn compare(status: Status, listed: Listed) -> (Finding, Option<Status>) {
    match status {
        Status::Cancelled => match listed {
            Listed::Cancelled | Listed::Both => (Finding::Confirmed, None),
            Listed::Over(_) => (Finding::Contradicted, None),
            Listed::Nowhere => (Finding::NotYetSeen, None),
        },
        Status::NotCancellable => match listed {
            Listed::Over(_) | Listed::Both => (Finding::Confirmed, None),
            Listed::Cancelled => (Finding::AlreadyCancelled, None),
            Listed::Nowhere => (Finding::NothingToCheck, None),
        },
        Status::ServerError | Status::Unconfirmed | Status::UnexpectedResponse => match listed {
            Listed::Cancelled => (Finding::Settled, Some(Status::Cancelled)),
            Listed::Over(_) => (Finding::Settled, Some(Status::NotCancellable)),
            Listed::Nowhere | Listed::Both => (Finding::NotYetSeen, None),
        },
        Status::NotFound
        | Status::Forbidden
        | Status::Unauthorized
        | Status::RateLimited
        | Status::Unreachable
        | Status::Filtered
        | Status::NotAttempted => match listed {
            Listed::Cancelled | Listed::Both => (Finding::AlreadyCancelled, None),
            Listed::Over(_) | Listed::Nowhere => (Finding::NothingToCheck, None),
        },
        // The invitation of a duplicate is that of another row, and the cell of an invalid ID names none.
        Status::Duplicate | Status::InvalidId => (Finding::NothingToCheck, None),
    }
}

/// The lists of all states, for one window.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    cancelled: Listing,
    completed: Listing,
    expired: Listing,
}

impl Lists {
    /// Adds a list of this state. What an earlier one of the same state had stays, and is not counted twice.
    pub fn add(&mut self, state: ListedState, listing: Listing) {
        let own = match state {
            ListedState::Cancelled => &mut self.cancelled,
            ListedState::Completed => &mut self.completed,
            ListedState::Expired => &mut self.expired,
        };
        if own.entries == 0 {
            *own = listing;
            return;
        }
        let before = own.ids.len();
        own.ids.extend(listing.ids);
        own.ids.sort_unstable();
        own.ids.dedup();
        // An entry that came before is not new.
        own.entries += u64::try_from(own.ids.len() - before).unwrap_or(u64::MAX);
    }

    /// Adds other lists, those of another window.
    pub fn extend(&mut self, other: Self) {
        let Self { cancelled, completed, expired } = other;
        self.add(ListedState::Cancelled, cancelled);
        self.add(ListedState::Completed, completed);
        self.add(ListedState::Expired, expired);
    }

    /// What they say of the invitation with this ID.
    pub fn of(&self, id: u64) -> Listed {
        let is_in = |listing: &Listing| listing.ids.binary_search(&id).is_ok();
        let over = if is_in(&self.completed) {
            Some(ListedState::Completed)
        } else {
            is_in(&self.expired).then_some(ListedState::Expired)
        };
        match (is_in(&self.cancelled), over) {
            (false, None) => Listed::Nowhere,
            (true, None) => Listed::Cancelled,
            (false, Some(state)) => Listed::Over(state),
            (true, Some(_)) => Listed::Both,
        }
    }

    /// How many entries came in the list of this state.
    pub fn entries(&self, state: ListedState) -> u64 {
        match state {
            ListedState::Cancelled => self.cancelled.entries,
            ListedState::Completed => self.completed.entries,
            ListedState::Expired => self.expired.entries,
        }
    }

    /// How many entries came in all lists together.
    pub fn all_entries(&self) -> u64 {
        ListedState::ALL.iter().map(|&state| self.entries(state)).sum()
    }
}

/// Why rows may be missing in results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRows {
    /// A run is at work at them.
    AtWork,
    /// The last run did not say that it had ended: it was killed.
    Killed,
    /// Their end is torn.
    Torn,
}

impl MissingRows {
    /// What is said of such results, behind their name.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::AtWork => "are being written by another run, so rows are missing: verify again when it has ended",
            Self::Killed => {
                "may lack rows that were sent, for the last run was killed: go on with --resume, then verify again"
            }
            Self::Torn => "have a torn end, so rows are missing: go on with --resume, then verify again",
        }
    }
}

/// Whether rows that the lists decide are settled in the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// They are.
    Done,
    /// It is only told that they would be.
    OnlyTold,
}

/// The most rows that are told one by one.
pub const MOST_TOLD: usize = 20;

/// A row that needs attention, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRow {
    /// The results file that it is in.
    pub results: PathBuf,
    /// Its line in the input.
    pub line: u64,
    /// Its invitation.
    pub invitation_id: String,
    /// What the lists say of it.
    pub finding: Finding,
    /// How it ended.
    pub status: Status,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// What is listed: completed or expired.
    pub listed: Option<ListedState>,
}

/// What a verification found.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The time that the lists are for.
    pub window: ListingWindow,
    /// How many entries came, by list.
    pub entries: [(ListedState, u64); 3],
    /// Whether `settled` rows are settled in the results.
    pub settling: Settling,
    /// How many rows there are of each finding.
    counts: BTreeMap<Finding, u64>,
    /// How many rows of which status were settled as which.
    pub settled: BTreeMap<(Status, Status), u64>,
    /// Results in which rows may be missing, and why.
    pub gaps: Vec<(PathBuf, MissingRows)>,
    /// Inputs of which not every shard is there, once and with all its rows.
    pub shard_gaps: Vec<ShardGap>,
    /// The first rows that are contradicted, and the first that are not yet seen.
    told: BTreeMap<Finding, Vec<ToldRow>>,
}

impl Verification {
    /// A verification by these lists, of which no row was looked at yet.
    pub fn by(lists: &Lists, window: ListingWindow, settling: Settling) -> Self {
        let entries = [ListedState::Cancelled, ListedState::Completed, ListedState::Expired]
            .map(|state| (state, lists.entries(state)));
        Self {
            window,
            entries,
            settling,
            counts: BTreeMap::new(),
            settled: BTreeMap::new(),
            gaps: Vec::new(),
            shard_gaps: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// Counts a row that ended with `status`, with what the lists make of it. `told` describes it, should it be told.
    pub fn count(
        &mut self,
        status: Status,
        (finding, settled): (Finding, Option<Status>),
        told: impl FnOnce() -> ToldRow,
    ) {
        *self.counts.entry(finding).or_default() += 1;
        if let Some(settled) = settled {
            *self.settled.entry((status, settled)).or_default() += 1;
        }
        if finding.needs_attention() {
            let of_its_kind = self.told.entry(finding).or_default();
            if of_its_kind.len() < MOST_TOLD {
                of_its_kind.push(told());
            }
        }
    }

    /// Counts in `summary` the rows that are settled as what they are now.
    pub fn settle(&self, summary: &mut Summary) {
        for (&(from, to), &rows) in &self.settled {
            summary.settle(from, to, rows);
        }
    }

    /// The first rows that need attention, at most [`MOST_TOLD`]: contradicted ones first, and each kind by its lines.
    pub fn told(&self) -> Vec<&ToldRow> {
        let kinds = [Finding::Contradicted, Finding::NotYetSeen];
        let mut told: Vec<&ToldRow> =
            kinds.iter().filter_map(|finding| self.told.get(finding)).flatten().take(MOST_TOLD).collect();
        told.sort_by_key(|row| (row.finding != Finding::Contradicted, &row.results, row.line));
        told
    }

    /// How many rows have this finding.
    pub fn rows(&self, finding: Finding) -> u64 {
        self.counts.get(&finding).copied().unwrap_or(0)
    }

    /// Whether nobody has to look at anything.
    pub fn is_well(&self) -> bool {
        self.need_attention() == 0 && self.gaps.is_empty() && self.shard_gaps.is_empty()
    }

    /// How many rows need attention.
    pub fn need_attention(&self) -> u64 {
        self.counts.iter().filter(|(finding, _)| finding.needs_attention()).map(|(_, rows)| rows).sum()
    }

    /// How many entries came in all lists together.
    pub fn all_entries(&self) -> u64 {
        self.entries.iter().map(|(_, entries)| entries).sum()
    }
}

/// How many invitations are on iMocha's lists before anybody cancels them here.
#[derive(Debug, Clone)]
pub struct Already {
    /// The time that the lists are for.
    pub window: ListingWindow,
    /// How many entries came in all lists together.
    pub entries: u64,
    /// How many of the invitations are on which list.
    counts: [u64; ListedState::ALL.len()],
    /// The first of them: the line, the invitation, and the list.
    pub first: Vec<(u64, u64, ListedState)>,
}

impl Already {
    /// The most invitations that are named.
    const MOST_NAMED: usize = 5;

    /// Nothing was counted yet by the lists for this window, which have so many entries.
    pub fn of(window: ListingWindow, entries: u64) -> Self {
        Self { window, entries, counts: [0; ListedState::ALL.len()], first: Vec::new() }
    }

    /// Counts the invitation on this line, which is on this list.
    pub fn count(&mut self, state: ListedState, line: u64, id: u64) {
        for (listed, count) in ListedState::ALL.iter().zip(&mut self.counts) {
            *count += u64::from(*listed == state);
        }
        if self.first.len() < Self::MOST_NAMED {
            self.first.push((line, id, state));
        }
    }

    /// How many of the invitations are on each list.
    pub fn counts(&self) -> impl Iterator<Item = (ListedState, u64)> {
        ListedState::ALL.iter().copied().zip(self.counts)
    }

    /// How many of them are on a list.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Whether the lists can say something about a row with this status that they have not said yet, when it is in none of
/// them.
pub fn is_awaited(status: Status) -> bool {
    compare(status, Listed::Nowhere).0 == Finding::NotYetSeen
}

#[cfg(test)]
mod tests;
