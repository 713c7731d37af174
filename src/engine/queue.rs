//! Holds the rows that wait for a worker: those that come back to be tried again, and the next rows of the input, in
//! its order. No row leaves before the journal says that it may be sent.

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

/// The journal. The run writes it and its owner closes it; both hold it, hence the lock.
pub type SharedJournal = Arc<std::sync::Mutex<Journal>>;

/// Where the rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputKind {
    File,
    /// A stream: the next row may come much later, or never.
    Stream,
}

/// A row under way: a worker has it, or it backs off.
#[derive(Debug)]
pub(super) struct RowUnderWay {
    pub(super) trial: Trial,
    /// The place reserved for its outcome in the recorder's channel.
    place: OwnedPermit<Outcome>,
    /// Sends the row back into the queue. This sender exists as long as the row may come back. The channel has room for
    /// every row that has a place for its outcome.
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
            // This fails only after a part of the run has panicked. The row still reports how its last call ended.
            if let Err(untaken) = back.try_send(self) {
                untaken.into_inner().end(shutdown.reason());
            }
        });
    }

    /// Sends the outcome of the row to the recorder. If the row was not tried, `stop` says why.
    pub(super) fn end(self, stop: Option<&Stop>) {
        self.place.send(self.trial.end(stop));
    }
}

/// Which rows go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Those that come back to be tried again.
    ReturnedFirst,
    /// Rows of the input, as long as there are any and there is a place for their outcomes.
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

    /// Whether the input may still have rows that no worker has taken.
    pub(super) fn has_new_rows(&self) -> bool {
        self.has_new_rows.load(Ordering::Relaxed)
    }

    /// Returns the next row, or `None` after the last row has ended. The caller that holds the lock also gets the rows
    /// that come back, so these do not wait for a slow input. A row of the input is taken, and its batch reserved, only
    /// when a worker is free to call: a reserved row counts as one that may have been sent.
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

/// The rows of the input as the feed hands them over.
#[derive(Debug)]
struct Upcoming {
    batches: Receiver<Vec<EligibleRow>>,
    batch: std::vec::IntoIter<EligibleRow>,
    /// The last line of the batch, as long as the journal does not yet say that it may be sent.
    unreserved: Option<u64>,
    source: InputKind,
    journal: Option<SharedJournal>,
    outcomes: Sender<Outcome>,
    back: Sender<RowUnderWay>,
}

impl Upcoming {
    /// Waits until there is a row and a place for its outcome. `None` means that there are no more rows, or that the
    /// recorder has ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no row is lost.
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

    /// Takes the row that [`wait_for_place`](Self::wait_for_place) has waited for. After a stop, no rows are reserved
    /// any more, because none is sent.
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

/// Makes the journal say that rows up to `line` may be sent. Runs on a blocking thread, because a slow disk must not
/// hold up the calls.
async fn reserve(journal: SharedJournal, line: u64) -> io::Result<()> {
    let reserved = spawn_blocking(move || journal.lock().unwrap_or_else(PoisonError::into_inner).reserve(line)).await;
    reserved.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
