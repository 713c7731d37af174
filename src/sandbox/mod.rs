//! A simulated iMocha API on the loopback interface: for demonstrations, rehearsals, and as the tests' witness.
//!
//! It owns a small HTTP server on a thread of its own, and the truth about the invitations in it. It shares no code
//! with the client, so that a test can never agree with its own bug: nothing here names a room outside this one. The
//! shell starts it, and so do the integration tests.
//!
//! `options` and `faults` are what it is told, `invitations` and `mishap` are its rules, `answer` its words, and
//! `interference` is what goes wrong; `api` joins them, `server` listens for it, and `record` is what it saw.

mod answer;
mod api;
mod call;
mod chance;
mod connection;
mod delivery;
mod faults;
mod invitations;
mod limits;
mod options;
mod rate_gate;
mod record;
mod record_file;
mod record_keeper;
mod server;
mod server_errors;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::oneshot;

pub use self::faults::{Faults, FaultsError};
pub use self::invitations::InvitationState;
pub use self::limits::{ErrorRate, InvalidOption, RateLimit};
pub use self::options::{DEFAULT_API_KEY, Options, Recording};
pub use self::record::{Arrival, FaultDone, Record, SentKey};

use self::api::SandboxApi;
use self::faults::Outages;
use self::record_keeper::RecordKeeper;

/// A simulated iMocha API that is listening.
///
/// # Invitations
///
/// Every positive 64-bit integer is the ID of an invitation, and its last two digits say which state it is in:
///
/// | ID ends in | the invitation is | a cancel call is answered with |
/// | --- | --- | --- |
/// | 90 | Inprogress | 400 |
/// | 91 | Complete | 400 |
/// | 92 | Expired | 400 |
/// | 93 | Canceled already | 400 |
/// | 94 | Test Left | 400 |
/// | 95 | Terminated | 400 |
/// | 96 | Pending, but not for this key to touch | 403 |
/// | 97 | not there | 404 |
/// | anything else | Pending | 200, and it is Canceled from then on; the next time 400 |
///
/// # A call's way
///
/// A cancel call for an ID meets with the first of [`Options::faults`] that is for it; [`Faults`] says what that means.
/// Any other call is answered by the first of these that applies: 404 and 405 for a path or method that does not exist,
/// 401 without the right key, 429 beyond the rate limit (with `Retry-After` in whole seconds), 404 for what is no ID,
/// 400 for what is not a JSON object declared as such, 500 by [`Options::error_rate`], and then the table above.
///
/// Which calls fail with 500 follows from the seed, the invitation, and how many calls for that invitation came so
/// far; not from the order of calls or the time. Half of those calls take effect all the same.
///
/// A call takes effect when it arrives, [`Options::latency`] only holds its answer back. So the call of a caller who
/// loses patience has been heard.
///
/// # Lists
///
/// The list of cancelled invitations holds those cancelled here, by the time of their cancellation, which is not
/// rounded: a window that ends at a whole second does not reach into it. The lists of completed and of expired ones
/// are empty, for nothing of the kind happens here. An account has three tests.
///
/// # Memory
///
/// It remembers each invitation it cancelled, and no more; with an error rate or faults, each invitation it was called
/// for; with [`Recording::On`], each request.
pub struct Sandbox {
    address: SocketAddr,
    api: Arc<SandboxApi>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Sandbox {
    /// Starts a sandbox; it is listening when this returns.
    ///
    /// It runs on a thread of its own with a runtime of its own, so that it never shares a scheduler with its callers.
    ///
    /// # Errors
    ///
    /// When the port is taken or may not be used, when the record cannot be created or exists already, or when there is
    /// no thread or runtime to be had.
    pub fn start(options: Options) -> io::Result<Self> {
        // First of all: where the port is taken, nothing else has been begun.
        let socket = server::bind(options.port)?;
        let (api, outages) = SandboxApi::new(options)?;
        let api = Arc::new(api);
        let (stop, stopped) = oneshot::channel();
        let (listening, is_listening) = sync_channel(1);
        let served = Arc::clone(&api);
        let server = thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || serve(served, socket, &listening, outages, stopped))?;
        match is_listening.recv() {
            Ok(address) => Ok(Self { address, api, stop: Some(stop), server: Some(server) }),
            Err(_) => Err(end_of(server).err().unwrap_or_else(|| io::Error::other("the sandbox did not start"))),
        }
    }

    /// Where it listens, such as `http://127.0.0.1:49152`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on, also where it was free to choose one.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The key that it takes.
    pub fn api_key(&self) -> &str {
        self.api.key()
    }

    /// What it received so far; empty with [`Recording::Off`].
    pub fn record(&self) -> Record {
        self.api.record_keeper().map(RecordKeeper::record).unwrap_or_default()
    }

    /// Blocks until so many requests were received and took effect, for no longer than `patience`; tells whether they
    /// were. Never true with [`Recording::Off`].
    pub fn wait_for_arrivals(&self, arrivals: usize, patience: Duration) -> bool {
        self.api.record_keeper().is_some_and(|keeper| keeper.wait_for(arrivals, patience))
    }

    /// The true state of an invitation; `None` where there is none.
    pub fn state_of(&self, invitation: u64) -> Option<InvitationState> {
        self.api.invitations().state_of(invitation)
    }

    /// Blocks until the server ends, which is when the process does or when the server fails.
    ///
    /// # Errors
    ///
    /// When the server failed.
    pub fn wait(mut self) -> io::Result<()> {
        self.server.take().map_or(Ok(()), end_of)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    /// Stops listening, gives what is under way half a second to be answered, and ends.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(error)) = self.server.take().map(end_of) {
            tracing::debug!(%error, "sandbox ended badly");
        }
    }
}

/// Waits for the server's thread.
fn end_of(server: JoinHandle<io::Result<()>>) -> io::Result<()> {
    server.join().unwrap_or_else(|_| Err(io::Error::other("the sandbox panicked")))
}

/// The server's thread: listens, says where, and serves until it is stopped.
fn serve(
    api: Arc<SandboxApi>,
    socket: TcpSocket,
    listening: &SyncSender<SocketAddr>,
    outages: Outages,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let listener = server::listen(socket)?;
        if listening.send(listener.local_addr()?).is_err() {
            return Ok(());
        }
        server::serve(listener, api::router(api), outages, stopped).await
    })
}
