//! Listens for the signals that ask this process to end. It listens from the beginning, on a thread of its own, so that
//! blocked threads cannot delay it.

use std::io;
use std::thread::Builder as ThreadBuilder;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::sleep;

use super::{Order, Shutdown};
use crate::ending::ExitCode;
use crate::outcome::{Signal, StopReason};

/// How long the process may take to end after a second signal. It needs a moment to report what is left; if it takes
/// longer, it is stuck at a disk or a pipe. Chosen by us.
const LAST_RESORT: Duration = Duration::from_secs(4);

/// Receives the signals.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Listens for signals from now on, and passes them to `shutdown`. A signal that was ignored when the process began
    /// stays ignored, as `nohup` needs it. If the process has not ended some time after the second signal, this ends
    /// it.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread, or does not allow listening.
    pub fn listen(shutdown: Shutdown) -> io::Result<()> {
        try_for_files()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _entered = runtime.enter();
            Self::new()?
        };
        let listen = async move {
            let first = signals.next().await;
            shutdown.signalled(first, Order::First);
            let second = signals.next().await;
            shutdown.signalled(second, Order::Further);
            sleep(LAST_RESORT).await;
            let reason = shutdown.reason().map_or(StopReason::Interrupted(first), |stop| stop.reason);
            leave(ExitCode::of_stopped(reason));
        };
        ThreadBuilder::new().name("signals".to_owned()).spawn(move || runtime.block_on(listen))?;
        Ok(())
    }

    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let ignored = ignored_from_the_start();
        let listen = |kind: SignalKind| {
            let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
            if is_ignored { Ok(None) } else { signal(kind).map(Some) }
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = heard(&mut self.interrupt) => Signal::Interrupt,
            () = heard(&mut self.terminate) => Signal::Terminate,
            () = heard(&mut self.hang_up) => Signal::HangUp,
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        // An error means that Ctrl-C cannot be received.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

/// Makes sure that the process may open the files that listening needs, because the library panics if it may not.
#[cfg(unix)]
fn try_for_files() -> io::Result<()> {
    use std::os::unix::net::UnixStream;

    drop((UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?));
    Ok(())
}

#[cfg(not(unix))]
fn try_for_files() -> io::Result<()> {
    Ok(())
}

/// Waits for one signal; for ever if it is ignored.
#[cfg(unix)]
async fn heard(signal: &mut Option<tokio::signal::unix::Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}

/// The signals that were ignored when this process was started, one bit for each; the lowest bit is signal 1. Call this
/// before anything listens for signals.
///
/// Without `unsafe`, only Linux tells this, in a file (source: proc(5), `SigIgn`); on other systems, no signal counts
/// as ignored.
#[cfg(unix)]
fn ignored_from_the_start() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Ends the process from this thread, because the main thread is stuck.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "nothing else is left, and what could be kept is kept")]
fn leave(code: ExitCode) {
    std::process::exit(code.number().into());
}
