//! `run --dry-run --preview`: what iMocha's own lists say of the invitations that a run would cancel.

use jiff::{SignedDuration, Timestamp};

use super::plan::Endpoint;
use super::resume::Resumption;
use super::watch::runtime;
use crate::cli::RunArgs;
use crate::engine::Unread;
use crate::error::{Cause, Refusal};
use crate::input::{InputFile, Reading, RowReader};
use crate::listing::{ListedState, ListingWindow};
use crate::outcome::StopReason;
use crate::results::Standing;
use crate::row::Screened;
use crate::shutdown::Shutdown;
use crate::ui::Console;
use crate::verification::{Already, Listed, Lists};

/// How far back the lists are asked for: an invitation that was sent a year ago may be on a list as well as one of
/// yesterday. Where iMocha refuses so long a time, it is asked for a shorter one.
const DAYS_BACK: [i32; 2] = [365, 30];
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Asks for the lists, and counts how many of the invitations that would be cancelled are on them.
pub(super) fn already(
    args: &RunArgs,
    endpoint: &Endpoint,
    (file, reading): (InputFile, Reading),
    resumption: Option<&Resumption>,
    console: &Console,
) -> Result<Already, Refusal> {
    let (lists, window) = ask(args, endpoint, console)?;
    let mut found = Already::of(window, lists.all_entries());
    let mut left = args.guards.limit.unwrap_or(u64::MAX);
    for screened in RowReader::from_file(file, reading)? {
        let Screened::ToCancel { row, id, .. } = screened? else { continue };
        let is_done = resumption.is_some_and(|resumption| resumption.history.of(row.line) == Standing::Done);
        if is_done || left == 0 {
            continue;
        }
        left -= 1;
        let state = match lists.of(id.get()) {
            Listed::Nowhere => continue,
            Listed::Cancelled | Listed::Both => ListedState::Cancelled,
            Listed::Over(state) => state,
        };
        found.count(state, row.line, id.get());
    }
    Ok(found)
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
