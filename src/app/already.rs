//! `run --dry-run --preview`: what iMocha's own lists say of the invitations that a run would cancel.

use jiff::{SignedDuration, Timestamp};

use super::plan::Endpoint;
use super::watch::runtime;
use crate::cli::RunArgs;
use crate::engine::Unread;
use crate::error::{Cause, Refusal};
use crate::invitation::InvitationId;
use crate::listing::{ListedState, ListingWindow};
use crate::outcome::StopReason;
use crate::shutdown::Shutdown;
use crate::ui::Console;
use crate::verification::{Already, Listed, Lists};

/// How far back the lists are asked for: an invitation that was sent a year ago may be on a list as well as one of
/// yesterday. Where iMocha refuses so long a time, it is asked for a shorter one.
const DAYS_BACK: [i32; 2] = [365, 30];
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What iMocha was asked for, and what it answered.
#[derive(Debug)]
pub(super) struct ListsBefore {
    lists: Lists,
    window: ListingWindow,
}

impl ListsBefore {
    /// Asks for the lists.
    ///
    /// # Errors
    ///
    /// If they cannot be had.
    pub(super) fn ask(args: &RunArgs, endpoint: &Endpoint, console: &Console) -> Result<Self, Refusal> {
        let (lists, window) = ask(args, endpoint, console)?;
        Ok(Self { lists, window })
    }

    /// What the lists say before any invitation was counted.
    pub(super) fn of_none(&self) -> Already {
        Already::of(self.window, self.lists.all_entries())
    }

    /// Counts an invitation on this line of the input, if it is on one of the lists.
    pub(super) fn count(&self, already: &mut Already, line: u64, id: InvitationId) {
        let state = match self.lists.of(id.get()) {
            Listed::Nowhere => return,
            Listed::Cancelled | Listed::Both => ListedState::Cancelled,
            Listed::Over(state) => state,
        };
        already.count(state, line, id.get());
    }
}

fn ask(args: &RunArgs, endpoint: &Endpoint, console: &Console) -> Result<(Lists, ListingWindow), Refusal> {
    let lister = endpoint.lister(args.pace.list_rate(), args.connection.max_outage, Shutdown::default());
    let runtime = runtime()?;
    let now = Timestamp::now();
    let mut refused = None;
    for days in DAYS_BACK {
        let window = ListingWindow::new(now.checked_sub(DAY * days).unwrap_or(now), now);
        console.progress(&format!("asking for iMocha's lists from {} to {}", window.since, window.until));
        match runtime.block_on(lister.read(window)) {
            Ok(lists) => return Ok((lists, window)),
            Err(unread @ Unread::Unusable { .. }) => refused = Some(unread),
            Err(unread @ Unread::Stopped(_)) => return Err(unreadable(unread)),
        }
    }
    Err(refused.map_or_else(|| Refusal::new(Cause::Outage, "iMocha's lists could not be read"), unreadable))
}

fn unreadable(unread: Unread) -> Refusal {
    let stop = unread.into_stop();
    let cause = if stop.reason == StopReason::Unauthorized { Cause::Unauthorized } else { Cause::Outage };
    Refusal::new(cause, stop.detail).hint("leave --preview out to look at the file alone")
}
