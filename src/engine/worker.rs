//! One row, from its turn to its outcome.

use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};

use super::feed::{EligibleRow, not_attempted};
use crate::client::Client;
use crate::outcome::Outcome;
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::Throttle;
use crate::verdict::judge;

/// What the workers of a pool share. Each of them is a call of [`work`](Self::work).
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) queue: RowQueue,
    pub(super) client: Client,
    pub(super) throttle: Throttle,
    pub(super) scrubber: Scrubber,
    pub(super) shutdown: Shutdown,
}

impl Worker {
    /// Takes rows until there are none, and sends on how each ended.
    pub(super) async fn work(&self, outcomes: Sender<Outcome>) {
        while let Some(eligible) = self.queue.next().await {
            let outcome = self.end(eligible).await;
            if outcomes.send(outcome).await.is_err() {
                return;
            }
        }
    }

    async fn end(&self, EligibleRow { id, row }: EligibleRow) -> Outcome {
        tokio::select! {
            // In this order: once the run is stopped, a permit that is free at the same moment is not used.
            biased;
            () = self.shutdown.stopped() => {}
            () = self.throttle.permit() => {}
        }
        if let Some(stop) = self.shutdown.reason() {
            return not_attempted(row, stop);
        }
        let started = Instant::now();
        let answer = self.client.cancel(id).await;
        let duration = started.elapsed();
        let verdict = judge(id, &answer, &self.scrubber);
        let (line, status) = (row.line, verdict.status.word());
        tracing::debug!(
            line,
            id = id.get(),
            status,
            http_status = verdict.http_status,
            error = verdict.error,
            "called"
        );
        if let Some(stop) = verdict.stop {
            self.shutdown.stop(stop);
        }
        Outcome {
            row,
            status: verdict.status,
            http_status: verdict.http_status,
            error: verdict.error,
            attempts: 1,
            duration,
            finished_at: Timestamp::now(),
        }
    }
}

/// The rows that wait for a worker. It hands them out one by one, in the order of the input.
#[derive(Debug)]
pub(super) struct RowQueue {
    /// A lock and not a channel, because the rows of one batch go to whichever workers are free.
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    batches: Receiver<Vec<EligibleRow>>,
    batch: std::vec::IntoIter<EligibleRow>,
}

impl RowQueue {
    pub(super) fn new(batches: Receiver<Vec<EligibleRow>>) -> Self {
        Self { waiting: Mutex::new(Waiting { batches, batch: Vec::new().into_iter() }) }
    }

    /// The next row, or `None` after the last one.
    async fn next(&self) -> Option<EligibleRow> {
        let mut waiting = self.waiting.lock().await;
        loop {
            if let Some(eligible) = waiting.batch.next() {
                return Some(eligible);
            }
            waiting.batch = waiting.batches.recv().await?.into_iter();
        }
    }
}
