//! Ends a run before its last row. All waiting parts of the run watch one shared switch, which also remembers why the
//! run was stopped.
//!
//! After a stop, no further call starts; calls in flight end and are recorded. When the run is given up, nothing waits
//! any more. The [`Signals`] lead here: the first stops the run, the second gives it up.

mod signals;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

pub use self::signals::Signals;
use crate::outcome::{Signal, Stop, StopReason};

/// A switch that is off while a run goes on, and can be turned on once. All clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    stopped: CancellationToken,
    given_up: CancellationToken,
    has_begun: Arc<AtomicBool>,
    stop: Arc<OnceLock<Stop>>,
}

impl Shutdown {
    /// Records that calls may start from now on: after that, a stop has to wait for calls in flight.
    pub fn calls_begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Whether calls may have started.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Stops the run and logs it at once, because calls in flight and a slow input can take a while to end. Only the
    /// first reason counts. It does not block, because the log does not.
    pub fn stop(&self, stop: Stop) {
        let (reason, detail) = (stop.reason, stop.detail.clone());
        let is_first = self.stop.set(stop).is_ok();
        self.stopped.cancel();
        if !(is_first && self.has_begun()) {
            return;
        }
        if let StopReason::Interrupted(signal) = reason {
            tracing::warn!(
                event = "stopping",
                reason = reason.word(),
                signal = signal.word(),
                "stopping: what is in flight is finished and recorded, and a second signal leaves at once"
            );
        } else {
            tracing::warn!(event = "stopping", reason = reason.word(), detail, "stopping, no further call leaves");
        }
    }

    /// Handles a signal: the first stops the run, any further one gives it up.
    pub fn signalled(&self, signal: Signal, order: Order) {
        match order {
            Order::First if self.has_begun() => {
                self.stop(Stop { reason: StopReason::Interrupted(signal), detail: signal.word().to_owned() });
            }
            Order::First => {
                let detail = format!("{} before the first call", signal.word());
                self.stop(Stop { reason: StopReason::Interrupted(signal), detail });
            }
            Order::Further => {
                if self.has_begun() {
                    tracing::warn!(
                        event = "leaving",
                        signal = signal.word(),
                        "leaving at once: nobody waits for what is in flight"
                    );
                }
                self.give_up();
            }
        }
    }

    /// Whether the run is stopped. If it is, [`stopped`](Self::stopped) does not wait.
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
    /// If the future is dropped, nothing is lost.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Ends all waits of the run.
    pub fn give_up(&self) {
        self.given_up.cancel();
    }

    /// Whether the run is given up, so that nothing may wait any more.
    pub fn is_given_up(&self) -> bool {
        self.given_up.is_cancelled()
    }

    /// Waits until the run is given up.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost.
    pub async fn given_up(&self) {
        self.given_up.cancelled().await;
    }
}

/// Whether a signal is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first.
    First,
    /// Any later one.
    Further,
}
