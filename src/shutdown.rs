//! The end of a run before its last row: a value that everyone who waits listens to, and that remembers why.
//!
//! After a stop no further call leaves; what is in flight ends and is recorded.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::outcome::Stop;

/// A switch that is off while a run goes on, and can be turned on once. Its clones are one switch.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    stop: Arc<OnceLock<Stop>>,
}

impl Shutdown {
    /// Stops the run. The first reason counts; a later one is left out.
    pub fn stop(&self, stop: Stop) {
        let first = self.stop.get_or_init(|| stop);
        tracing::debug!(reason = first.reason.word(), "no further call will be made");
        self.token.cancel();
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
        self.token.cancelled().await;
    }
}
