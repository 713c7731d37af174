//! The end of a run before its last row: a value that everyone who waits listens to, and that remembers why.
//!
//! After a stop no further call leaves; what is in flight ends and is recorded. When the run is given up, nobody waits
//! for anything any more. The [`Signals`] end here: the first stops the run, the second gives it up.

mod signals;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

pub use self::signals::Signals;
use crate::outcome::{Signal, Stop, StopReason};

/// A switch that is off while a run goes on, and can be turned on once. Its clones are one switch.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    stopped: CancellationToken,
    given_up: CancellationToken,
    has_begun: Arc<AtomicBool>,
    stop: Arc<OnceLock<Stop>>,
}

impl Shutdown {
    /// Takes note that calls may leave from now on: then there is something to finish when the run is stopped.
    pub fn calls_begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Whether calls may have left.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Stops the run, and says so at once: what is in flight and a slow input can take a while. The first reason counts;
    /// a later one is left out. Does not block: the log does not.
    pub fn stop(&self, stop: Stop) {
        let (reason, detail) = (stop.reason.word(), stop.detail.clone());
        let is_first = self.stop.set(stop).is_ok();
        self.stopped.cancel();
        if is_first && self.has_begun() {
            tracing::warn!(reason, detail, "stopping: no further call leaves");
        }
    }

    /// Takes note of a signal: the first stops the run, any further one gives it up.
    pub fn signalled(&self, signal: Signal, order: Order) {
        match order {
            Order::First if self.has_begun() => {
                let detail = format!(
                    "{}: what is in flight is finished and recorded; a second signal leaves at once",
                    signal.word()
                );
                self.stop(Stop { reason: StopReason::Interrupted(signal), detail });
            }
            Order::First => {
                let detail = format!("{} before the first call", signal.word());
                self.stop(Stop { reason: StopReason::Interrupted(signal), detail });
            }
            Order::Further => self.give_up(),
        }
    }

    /// Whether the run is stopped: from then on [`stopped`](Self::stopped) does not wait.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Why the run was stopped, or `None` while it goes on.
    pub fn reason(&self) -> Option<&Stop> {
        self.stop.get()
    }

    /// Waits until the run is stopped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the wait is given up.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Has everybody stop to wait for anything.
    pub fn give_up(&self) {
        self.given_up.cancel();
    }

    /// Whether nobody is to wait for anything any more.
    pub fn is_given_up(&self) -> bool {
        self.given_up.is_cancelled()
    }

    /// Waits until the run is given up.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the wait is given up.
    pub async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

/// Which signal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first.
    First,
    /// Any behind it.
    Further,
}
