//! The end of a run before its last row: a value that everyone who waits listens to, and that remembers why.
//!
//! After a stop no further call leaves; what is in flight ends and is recorded. Signals end here: the first stops the
//! run, the second gives it up.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use tokio_util::sync::CancellationToken;

use crate::outcome::{Signal, Stop, StopReason};

/// A switch that is off while a run goes on, and can be turned on once. Its clones are one switch.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    stop: Arc<OnceLock<Stop>>,
}

impl Shutdown {
    /// Stops the run, and says so at once: what is in flight and a slow input can take a while. The first reason counts;
    /// a later one is left out. Whoever may block can wait until it is said, by the handle.
    pub fn stop(&self, stop: Stop) -> Option<JoinHandle<()>> {
        let (reason, detail) = (stop.reason.word(), stop.detail.clone());
        let is_first = self.stop.set(stop).is_ok();
        self.token.cancel();
        // From a thread of its own, for standard error may block, and most callers must not.
        is_first.then(|| thread::spawn(move || tracing::warn!(reason, detail, "stopping: no further call leaves")))
    }

    /// Whether the run is stopped: from then on [`stopped`](Self::stopped) does not wait.
    pub fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
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

/// The signals that ask this process to end.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens to signals from now on, within a runtime.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Listens to Ctrl-C from now on, within a runtime.
    ///
    /// # Errors
    ///
    /// None here.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Stops the run at the first signal, and returns at the second.
    pub async fn second(mut self, shutdown: &Shutdown) {
        let signal = self.next().await;
        let name = match signal {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
            Signal::HangUp => "SIGHUP",
        };
        let detail = format!("{name}: what is in flight is finished and recorded; a second signal leaves at once");
        shutdown.stop(Stop { reason: StopReason::Interrupted(signal), detail });
        self.next().await;
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hang_up.recv() => Signal::HangUp,
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        // An error means that nobody can press Ctrl-C.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
