//! Holds results against iMocha's own lists, and settles what they decide: for `verify`, and at the end of a run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::held::HeldResults;
use super::verified_rows::write_verified;
use super::watch::{Halt, Watch};
use crate::ending::Ending;
use crate::engine::{Lister, Unread};
use crate::error::Refusal;
use crate::listing::ListingWindow;
use crate::outcome::{Status, Stop, StopReason, Summary};
use crate::results::ResultsRow;
use crate::results::settle::{Settlement, rewrite};
use crate::ui::{Console, Report};
use crate::verification::{Finding, Listed, Lists, Settling, ToldRow, Verification, compare, is_awaited};

/// How long before the first run the window begins, in days, and how far it grows while invitations are missing that
/// iMocha confirmed. (Source for the first and the last: the contract.)
const DAYS_BEFORE: [i64; 3] = [30, 90, 365];
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How far beyond this machine's time the window reaches: its clock and iMocha's may differ. Chosen by us.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(60);
/// The pause before lists are asked for again, which doubles, and its bound. Chosen by us: lists lag by seconds or by
/// minutes, and nobody knows by which.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// How results are held against the lists.
#[derive(Debug)]
pub(super) struct CrossCheck {
    pub(super) lister: Lister,
    pub(super) results: Vec<HeldResults>,
    /// From when on the operator wants lists.
    pub(super) since: Option<Timestamp>,
    /// How long to ask again for what is not yet seen.
    pub(super) wait: Option<Duration>,
    pub(super) settling: Settling,
    /// Where each row goes with what was found: `None` for nowhere.
    pub(super) rows_to: Option<PathBuf>,
}

/// What was found, and what the results hold now.
#[derive(Debug)]
pub(super) struct CrossChecked {
    pub(super) verification: Verification,
    pub(super) summary: Summary,
}

impl CrossCheck {
    /// Asks for the lists until they say all that they can, and settles what they decide.
    pub(super) fn perform(self, watch: &Watch, console: &Console) -> Result<CrossChecked, Halt> {
        let Self { lister, results, since, wait, settling, rows_to } = self;
        let results = Arc::new(results);
        let looked = look(watch, &results, &Arc::default())?;
        let first_run = looked.earliest.unwrap_or_else(Timestamp::now);
        let asking = Asking { lister, watch, console, results: &results };
        let (lists, window) = asking.grow(since, first_run)?;
        let (lists, window) = asking.wait(lists, window, wait)?;
        // From here on nothing is given up in the middle.
        watch.check_going()?;
        let calls = asking.lister.calls();
        let concluded = watch.to_its_end(move || conclude(&results, &lists, window, settling, rows_to.as_deref()))?;
        let mut checked = concluded.map_err(Halt::Stopped)?;
        checked.summary.add_calls(calls);
        Ok(checked)
    }
}

/// Verifies the results of a run that is finished, and whose lock it still holds.
pub(super) fn verify_run(
    report: Report,
    first_began_at: Option<Timestamp>,
    lister: Lister,
    watch: &Watch,
    console: &Console,
) -> Report {
    let Some(path) = &report.results else { return report };
    let held = HeldResults::open(path, Some(first_began_at.unwrap_or(report.started_at)), None);
    let checked = held.map_err(Halt::from).and_then(|held| {
        let (since, wait, settling, rows_to) = (None, None, Settling::Done, None);
        CrossCheck { lister, results: vec![held], since, wait, settling, rows_to }.perform(watch, console)
    });
    match checked {
        Ok(CrossChecked { verification, summary }) => {
            let mut tally = report.tally;
            for (&(from, to), &rows) in &verification.settled {
                tally.all_runs.settle(from, to, rows);
            }
            tally.all_runs.add_calls(summary.calls());
            Report { tally, verification: Some(verification), ..report }
        }
        Err(Halt::Stopped(stop)) => Report { ending: Ending::Stopped(stop), ..report },
        Err(Halt::Refused(refusal)) => Report { ending: Ending::Stopped(unwritable(&refusal)), ..report },
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

fn look(watch: &Watch, results: &Arc<Vec<HeldResults>>, lists: &Arc<Lists>) -> Result<Missing, Halt> {
    let (results, lists) = (Arc::clone(results), Arc::clone(lists));
    let looked = watch.unless_stopped(move || -> Result<Missing, Refusal> {
        let mut looked = Missing::default();
        for held in results.iter() {
            let first = held.first_began_at;
            looked.earliest = looked.earliest.into_iter().chain(first).min();
            held.for_each_row(|row| {
                looked.earliest = looked.earliest.into_iter().chain([row.finished_at]).min();
                if is_awaited(row.status) && listed(row, &lists) == Listed::Nowhere {
                    looked.awaited += 1;
                    looked.confirmed += u64::from(row.status == Status::Cancelled);
                }
                Ok(())
            })?;
        }
        Ok(looked)
    })?;
    Ok(looked?)
}

fn listed(row: &ResultsRow<'_>, lists: &Lists) -> Listed {
    row.invitation_id.parse().map_or(Listed::Nowhere, |id| lists.of(id))
}

/// Asks for lists, over windows that grow, and again later.
struct Asking<'a> {
    lister: Lister,
    watch: &'a Watch,
    console: &'a Console,
    results: &'a Arc<Vec<HeldResults>>,
}

impl Asking<'_> {
    /// Asks for the lists since `since`, and further back while invitations are missing that iMocha confirmed. Each step
    /// asks only for the time that was not asked for yet.
    fn grow(&self, since: Option<Timestamp>, first_run: Timestamp) -> Result<(Arc<Lists>, ListingWindow), Halt> {
        let before =
            |days: i64| first_run.checked_sub(DAY * i32::try_from(days).unwrap_or(i32::MAX)).unwrap_or(first_run);
        let mut starts: Vec<Timestamp> = DAYS_BEFORE.iter().map(|&days| before(days)).collect();
        if let Some(since) = since {
            starts.retain(|&start| start < since);
            starts.insert(0, since);
        }
        let mut window: Option<ListingWindow> = None;
        let mut lists = Arc::<Lists>::default();
        for start in starts {
            let wider = ListingWindow::new(start, window.map_or_else(end_of_window, |window| window.until));
            let asked_for = window.map_or(wider, |window| wider.before(window));
            match self.read(asked_for) {
                Ok(more) => Arc::make_mut(&mut lists).extend(more),
                Err(unread) if window.is_some() => go_on_without(unread)?,
                Err(unread) => return Err(Halt::Stopped(unread.into_stop())),
            }
            window = Some(wider);
            if look(self.watch, self.results, &lists)?.confirmed == 0 {
                break;
            }
        }
        Ok((lists, window.unwrap_or_else(|| ListingWindow::new(first_run, end_of_window()))))
    }

    /// Asks again, for as long as the operator waits, while the lists may still say something.
    fn wait(
        &self,
        mut lists: Arc<Lists>,
        mut window: ListingWindow,
        wait: Option<Duration>,
    ) -> Result<(Arc<Lists>, ListingWindow), Halt> {
        let Some(wait) = wait else { return Ok((lists, window)) };
        let end = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let awaited = look(self.watch, self.results, &lists)?.awaited;
            if awaited == 0 || left.is_zero() {
                return Ok((lists, window));
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
            window = ListingWindow::new(window.since, end_of_window());
            match self.read(window) {
                Ok(fresh) => lists = Arc::new(fresh),
                Err(unread) => go_on_without(unread)?,
            }
        }
    }

    fn read(&self, window: ListingWindow) -> Result<Lists, Unread> {
        self.console.progress(&format!("asking for iMocha's lists from {} to {}", window.since, window.until));
        let watch = self.watch;
        watch.wait_for(async {
            tokio::select! {
                lists = self.lister.read(window) => lists,
                () = watch.shutdown().given_up() => Err(Unread::Stopped(
                    watch.shutdown().reason().cloned().unwrap_or_else(Stop::of_panic)
                )),
            }
        })
    }
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

/// Says of each row what the lists make of it, and settles what they decide. Each file is settled in one step; a stop says
/// which were.
fn conclude(
    results: &[HeldResults],
    lists: &Lists,
    window: ListingWindow,
    settling: Settling,
    rows_to: Option<&Path>,
) -> Result<CrossChecked, Stop> {
    let mut verification = Verification::by(lists, window, settling);
    let mut summary = Summary::new();
    let mut settled = BTreeSet::new();
    for (number, held) in results.iter().enumerate() {
        let counted = held.for_each_row(|row| {
            let listed = listed(row, lists);
            let found = compare(row.status, listed);
            summary.add_unsent(row.status, 1);
            verification.count(row.status, found, || told(held, row, found.0, listed));
            if found.1.is_some() {
                settled.insert((number, row.line));
            }
            Ok(())
        });
        counted.map_err(|refusal| unwritable(&refusal))?;
    }
    if settling == Settling::Done {
        for (number, held) in results.iter().enumerate() {
            if settled.range((number, 0)..=(number, u64::MAX)).next().is_some() {
                rewrite(&held.file, &held.format, |row| settlement(row, lists))
                    .map_err(|refusal| unwritable(&refusal))?;
            }
        }
        for (&(from, to), &rows) in &verification.settled {
            summary.settle(from, to, rows);
        }
    }
    if let Some(path) = rows_to {
        let finding = |number: usize, row: &ResultsRow<'_>| {
            if settled.contains(&(number, row.line)) {
                Finding::Settled
            } else {
                compare(row.status, listed(row, lists)).0
            }
        };
        write_verified(path, results, finding).map_err(|refusal| unwritable(&refusal))?;
    }
    Ok(CrossChecked { verification, summary })
}

/// What becomes of a row that the lists decide.
fn settlement(row: &ResultsRow<'_>, lists: &Lists) -> Option<Settlement> {
    let listed = listed(row, lists);
    let status = compare(row.status, listed).1?;
    let word = match listed {
        Listed::Over(state) => state.word(),
        Listed::Cancelled | Listed::Nowhere | Listed::Both => Status::Cancelled.word(),
    };
    let day = Timestamp::now().strftime("%Y-%m-%d");
    let before = if row.error.is_empty() { String::new() } else { format!(": {}", row.error) };
    let error = format!("settled by verify on {day}: iMocha lists it as {word}; before that {}{before}", row.status);
    Some(Settlement { status, error })
}

fn told(held: &HeldResults, row: &ResultsRow<'_>, finding: Finding, listed: Listed) -> ToldRow {
    ToldRow {
        results: held.file.path().to_owned(),
        line: row.line,
        invitation_id: row.invitation_id.to_owned(),
        finding,
        status: row.status,
        listed: match listed {
            Listed::Over(state) => Some(state),
            Listed::Nowhere | Listed::Cancelled | Listed::Both => None,
        },
    }
}

fn unwritable(refusal: &Refusal) -> Stop {
    let causes = std::iter::successors(std::error::Error::source(refusal), |cause| cause.source());
    let detail = causes.fold(refusal.to_string(), |text, cause| format!("{text}: {cause}"));
    Stop { reason: StopReason::ResultsUnwritable, detail }
}
