//! The rows that wait for a worker: those that come back to be tried again, and then the next of the input, in its order,
//! and none before the journal says that it may be sent.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;
use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use super::feed::EligibleRow;
use super::trial::Trial;
use crate::outcome::{Outcome, Stop, StopReason};
use crate::results::Journal;
use crate::shutdown::Shutdown;

/// The journal, which the run writes and its owner closes. A lock, because both hold it.
pub type SharedJournal = Arc<std::sync::Mutex<Journal>>;

/// Where the rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputKind {
    File,
    /// The next row may be long in coming.
    Stream,
}

/// A row under way: some worker has it, or it backs off.
#[derive(Debug)]
pub(super) struct RowUnderWay {
    pub(super) trial: Trial,
    /// The place that is kept for its outcome.
    place: OwnedPermit<Outcome>,
    /// The way back into the queue, which lives as long as a row may come back. It has room for all that have a place.
    back: Sender<Self>,
}

impl RowUnderWay {
    /// Leaves its worker, and comes back after `wait` or when the run is stopped.
    pub(super) fn back_off(self, shutdown: &Shutdown, wait: impl Future<Output = ()> + Send + 'static) {
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.stopped() => {}
                () = wait => {}
            }
            let back = self.back.clone();
            // Only where a part of the run has panicked nobody takes it; it still says how its last call ended.
            if let Err(untaken) = back.try_send(self) {
                untaken.into_inner().end(shutdown.reason());
            }
        });
    }

    /// Sends on how the row ended, if need be because of this stop.
    pub(super) fn end(self, stop: Option<&Stop>) {
        self.place.send(self.trial.end(stop));
    }
}

/// Which rows go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Those that come back to be tried again.
    ReturnedFirst,
    /// Those of the input, as long as there are some and places for their outcomes.
    NewFirst,
}

/// Hands rows to the workers.
#[derive(Debug)]
pub(super) struct RowQueue {
    /// A lock and not a channel, because the rows of one batch go to whichever workers are free.
    waiting: Mutex<Waiting>,
    has_new_rows: AtomicBool,
}

#[derive(Debug)]
struct Waiting {
    returned: Receiver<RowUnderWay>,
    /// `None` when the input has ended.
    upcoming: Option<Upcoming>,
}

impl RowQueue {
    pub(super) fn new(
        batches: Receiver<Vec<EligibleRow>>,
        source: InputKind,
        journal: Option<SharedJournal>,
        outcomes: Sender<Outcome>,
    ) -> Self {
        let (back, returned) = channel(outcomes.max_capacity());
        let batch = Vec::new().into_iter();
        let upcoming = Some(Upcoming { batches, batch, unreserved: None, source, journal, outcomes, back });
        Self { waiting: Mutex::new(Waiting { returned, upcoming }), has_new_rows: AtomicBool::new(true) }
    }

    /// Whether rows of the input may be left that were not taken yet.
    pub(super) fn has_new_rows(&self) -> bool {
        self.has_new_rows.load(Ordering::Relaxed)
    }

    /// The next row, or `None` after the last has ended. Who holds the lock gets the rows that come back, too, so none of
    /// them waits for a slow input. A row is taken, and with it its batch reserved, only when a worker is free to call:
    /// what is reserved counts as what may have been sent.
    pub(super) async fn next(&self, shutdown: &Shutdown, turn: Turn) -> Option<RowUnderWay> {
        let mut waiting = self.waiting.lock().await;
        let Waiting { returned, upcoming } = &mut *waiting;
        if let Some(rows) = upcoming {
            let next = match turn {
                Turn::ReturnedFirst => tokio::select! {
                    biased;
                    Some(row) = returned.recv() => Err(row),
                    place = rows.wait_for_place(shutdown) => Ok(place),
                },
                Turn::NewFirst => tokio::select! {
                    biased;
                    place = rows.wait_for_place(shutdown) => Ok(place),
                    Some(row) = returned.recv() => Err(row),
                },
            };
            match next {
                Err(row) => return Some(row),
                Ok(Some(place)) => return rows.take(place, shutdown).await,
                Ok(None) => {
                    *upcoming = None;
                    self.has_new_rows.store(false, Ordering::Relaxed);
                }
            }
        }
        returned.recv().await
    }
}

/// The rows of the input as they come from the feed.
#[derive(Debug)]
struct Upcoming {
    batches: Receiver<Vec<EligibleRow>>,
    batch: std::vec::IntoIter<EligibleRow>,
    /// The last line of the batch, until the journal says that it may be sent.
    unreserved: Option<u64>,
    source: InputKind,
    journal: Option<SharedJournal>,
    outcomes: Sender<Outcome>,
    back: Sender<RowUnderWay>,
}

impl Upcoming {
    /// Waits until there is a row and a place for its outcome; `None` when there are no more, or nobody records them.
    ///
    /// # Cancel safety
    ///
    /// No row is lost when the wait is given up.
    async fn wait_for_place(&mut self, shutdown: &Shutdown) -> Option<OwnedPermit<Outcome>> {
        while self.batch.as_slice().is_empty() {
            let batch = tokio::select! {
                biased;
                batch = self.batches.recv() => batch?,
                // The next row of a stream may never come.
                () = shutdown.stopped(), if self.source == InputKind::Stream => return None,
            };
            self.unreserved = batch.last().map(|eligible| eligible.row.line);
            self.batch = batch.into_iter();
        }
        let Ok(place) = self.outcomes.clone().reserve_owned().await else {
            let detail = "this program broke: nobody records how rows end; please report what stands above".to_owned();
            shutdown.stop(Stop { reason: StopReason::Bug, detail });
            return None;
        };
        Some(place)
    }

    /// Takes the row that [`wait_for_place`](Self::wait_for_place) has waited for. Once the run is stopped, rows are no longer reserved: none
    /// is sent.
    async fn take(&mut self, place: OwnedPermit<Outcome>, shutdown: &Shutdown) -> Option<RowUnderWay> {
        if let (Some(line), Some(journal)) = (self.unreserved, &self.journal)
            && !shutdown.is_stopped()
        {
            if let Err(error) = reserve(Arc::clone(journal), line).await {
                let detail = format!("the journal could not be written: {error}");
                shutdown.stop(Stop { reason: StopReason::ResultsUnwritable, detail });
            }
            self.unreserved = None;
        }
        let trial = Trial::new(self.batch.next()?);
        Some(RowUnderWay { trial, place, back: self.back.clone() })
    }
}

/// Has the journal say that rows up to `line` may be sent. Beside the calls, for the disk may be slow.
async fn reserve(journal: SharedJournal, line: u64) -> io::Result<()> {
    let reserved = spawn_blocking(move || journal.lock().unwrap_or_else(PoisonError::into_inner).reserve(line)).await;
    reserved.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
