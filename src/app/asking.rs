//! For which times lists are asked for, and how often: back from the present while invitations are missing, and again
//! while the operator waits.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::held::HeldResults;
use super::watch::{Halt, Watch};
use crate::engine::{Lister, Unread};
use crate::error::Refusal;
use crate::listing::ListingWindow;
use crate::outcome::{Status, Stop};
use crate::results::ResultsRow;
use crate::ui::Console;
use crate::verification::{Listed, Lists, is_awaited};

/// How long before the first run the window begins, in days, and how far it grows while invitations are missing that
/// iMocha confirmed. (Source for the first and the last: the contract.)
const DAYS_BEFORE: [i32; 3] = [30, 90, 365];
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How far beyond this machine's time the window reaches: its clock and iMocha's may differ. Chosen by us.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(60);
/// The pause before lists are asked for again, which doubles, and its bound. Chosen by us: lists lag by seconds or by
/// minutes, and nobody knows by which.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Who asks for lists, and for which results.
pub(super) struct Asking<'a> {
    pub(super) lister: Lister,
    pub(super) watch: &'a Watch,
    pub(super) console: &'a Console,
    pub(super) results: &'a Arc<Vec<HeldResults>>,
}

/// Lists of one part of the time, and of the part before it, and so on.
#[derive(Debug, Default)]
pub(super) struct WindowParts(Vec<(ListingWindow, Lists)>);

impl WindowParts {
    /// The lists of all parts together.
    pub(super) fn lists(&self) -> Lists {
        let mut all = Lists::default();
        self.0.iter().for_each(|(_, lists)| all.extend(lists.clone()));
        all
    }

    /// The time that the parts cover.
    pub(super) fn window(&self) -> Option<ListingWindow> {
        let ((newest, _), (oldest, _)) = (self.0.first()?, self.0.last()?);
        Some(ListingWindow { since: oldest.since, until: newest.until })
    }
}

/// What the results have that the lists should have, too.
#[derive(Debug, Default)]
struct Missing {
    /// When something happened for the first time.
    earliest: Option<Timestamp>,
    /// Rows that iMocha confirmed as cancelled, and that are in no list.
    confirmed: u64,
    /// Rows that the lists may still say something about, those included.
    awaited: u64,
}

impl Asking<'_> {
    /// Asks for the lists since `since`, and further back while invitations are missing that iMocha confirmed. Each step
    /// asks only for the time that was not asked for yet.
    pub(super) fn grow(&self, since: Option<Timestamp>) -> Result<WindowParts, Halt> {
        let now = Timestamp::now();
        // A row of a machine whose clock was wrong can lie in the future.
        let first_run = self.missing(Lists::default())?.earliest.unwrap_or(now).min(now);
        let before = |&days: &i32| first_run.checked_sub(DAY * days).unwrap_or(first_run);
        let mut starts: Vec<Timestamp> = DAYS_BEFORE.iter().map(before).collect();
        if let Some(since) = since {
            starts.retain(|&start| start < since);
            starts.insert(0, since);
        }
        let mut parts = WindowParts::default();
        for start in starts {
            let part = match parts.window() {
                None => ListingWindow::new(start, end_of_window()),
                Some(newer) => ListingWindow::new(start, newer.until).before(newer),
            };
            match self.read(part) {
                Ok(lists) => parts.0.push((part, lists)),
                Err(unread) if parts.0.is_empty() => return Err(Halt::Stopped(unread.into_stop())),
                Err(unread) => {
                    go_on_without(unread)?;
                    break;
                }
            }
            if self.missing(parts.lists())?.confirmed == 0 {
                break;
            }
        }
        Ok(parts)
    }

    /// Asks again, for as long as the operator waits, while the lists may still say something.
    pub(super) fn wait(&self, mut parts: WindowParts, wait: Option<Duration>) -> Result<WindowParts, Halt> {
        let Some(wait) = wait else { return Ok(parts) };
        let end = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let awaited = self.missing(parts.lists())?.awaited;
            if awaited == 0 || left.is_zero() {
                return Ok(parts);
            }
            self.console.progress(&format!("{awaited} not yet seen; asking again in {}", seconds(pause.min(left))));
            self.watch.wait_for(async {
                tokio::select! {
                    () = sleep(pause.min(left)) => {}
                    () = self.watch.shutdown().stopped() => {}
                }
            });
            self.watch.check_going()?;
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.ask_again(&mut parts)?;
        }
    }

    /// Asks once more for each part, the newest up to now.
    fn ask_again(&self, parts: &mut WindowParts) -> Result<(), Halt> {
        for (index, (window, lists)) in parts.0.iter_mut().enumerate() {
            let part = if index == 0 { ListingWindow::new(window.since, end_of_window()) } else { *window };
            match self.read(part) {
                Ok(fresh) => (*window, *lists) = (part, fresh),
                Err(unread) => return go_on_without(unread),
            }
        }
        Ok(())
    }

    fn missing(&self, lists: Lists) -> Result<Missing, Halt> {
        let results = Arc::clone(self.results);
        let missing = self.watch.unless_stopped(move || -> Result<Missing, Refusal> {
            let mut missing = Missing::default();
            for held in results.iter() {
                let first = held.first_began_at;
                missing.earliest = missing.earliest.into_iter().chain(first).min();
                held.for_each_row(|row| {
                    missing.earliest = missing.earliest.into_iter().chain([row.finished_at]).min();
                    if is_awaited(row.status) && listed(row, &lists) == Listed::Nowhere {
                        missing.awaited += 1;
                        missing.confirmed += u64::from(row.status == Status::Cancelled);
                    }
                    Ok(())
                })?;
            }
            Ok(missing)
        })?;
        Ok(missing?)
    }

    fn read(&self, window: ListingWindow) -> Result<Lists, Unread> {
        self.console.progress(&format!("asking for iMocha's lists from {} to {}", window.since, window.until));
        let shutdown = self.watch.shutdown();
        self.watch.wait_for(async {
            tokio::select! {
                lists = self.lister.read(window) => lists,
                () = shutdown.given_up() => Err(Unread::Stopped(shutdown.reason().cloned().unwrap_or_else(Stop::of_panic))),
            }
        })
    }
}

/// What the lists say of the invitation of a row.
pub(super) fn listed(row: &ResultsRow<'_>, lists: &Lists) -> Listed {
    row.invitation_id.parse().map_or(Listed::Nowhere, |id| lists.of(id))
}

/// Goes on without lists that would only have told more.
fn go_on_without(unread: Unread) -> Result<(), Halt> {
    match unread {
        Unread::Stopped(stop) => Err(Halt::Stopped(stop)),
        Unread::Unusable { .. } => {
            let detail = unread.into_stop().detail;
            tracing::warn!("{detail}; what follows is by the lists that were read before");
            Ok(())
        }
    }
}

fn seconds(time: Duration) -> impl std::fmt::Display {
    humantime::format_duration(Duration::from_secs(time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)))
}

fn end_of_window() -> Timestamp {
    let now = Timestamp::now();
    now.checked_add(CLOCKS_DIFFER).unwrap_or(now)
}
