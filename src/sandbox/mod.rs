//! A simulated iMocha API on the loopback interface, for demonstrations, rehearsals and tests.
//!
//! This room owns a small HTTP server, which runs on a thread of its own, and the true state of the invitations in it.
//! It shares no code with the client: if both used the same wrong code, a test would pass all the same. So nothing here
//! names another room. The shell starts a sandbox, and so do the integration tests.
//!
//! `options` and `limits` are what a sandbox is told, and `faults` what it is told to do wrong. `api` decides how each
//! `call` is answered: it asks `rate_gate`, `invitations`, `server_errors` and `faults`, and has the answer written by
//! `answer`. The limiters of `rate_gate` that go by time are in `time_limiter`, and `retry_after` says when to come back.
//! What a list shows, `list_keeper` decides; `list_kind` names the lists, and `list_window` reads what a call asks for.
//! Where only a share of the calls fails, `chance` says which. `server`, `connection` and `delivery` carry requests and
//! answers; `record`, `record_keeper` and `record_file` keep what was received.

mod answer;
mod api;
mod call;
mod chance;
mod connection;
mod delivery;
mod faults;
mod invitations;
mod limits;
mod list_keeper;
mod list_kind;
mod list_window;
mod options;
mod rate_gate;
mod record;
mod record_file;
mod record_keeper;
mod retry_after;
mod server;
mod server_errors;
#[cfg(test)]
mod tests;
mod time_limiter;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::oneshot;

pub use self::faults::{Faults, FaultsError};
pub use self::invitations::InvitationState;
pub use self::limits::{ErrorRate, InvalidOption, LimiterKind, RateLimit};
pub use self::list_keeper::ListDate;
pub use self::options::{DEFAULT_API_KEY, Options, Recording};
pub use self::rate_gate::{Passage, RateGate};
pub use self::record::{Arrival, FaultDone, Record, SentKey};
pub use self::retry_after::RetryAfter;

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
/// A cancel call that names an ID, and a list call that names a list, is first held against [`Options::faults`]: the
/// first rule that is for this call decides what goes wrong with it, as [`Faults`] describes. Every other call gets the
/// first of these answers that applies:
///
/// 1. 404 or 405 when the path or the method does not exist;
/// 2. 401 when the key is missing or wrong;
/// 3. 429 when the call is beyond the rate limit, by the limiter and with the `Retry-After` that [`RateLimit`] names;
/// 4. 404 when the path of a cancel call names something that cannot be an ID;
/// 5. 400 when the body is not a JSON object, or the header `Content-Type` does not say that it is JSON; for a list
///    call, also when it names no list or no time;
/// 6. 500 when the call is among those that [`Options::error_rate`] fails;
/// 7. the answer in the table above, or the list.
///
/// Three things decide which calls fail with 500: the seed, the invitation or list, and how many calls for it came as
/// far as step 6. The time does not matter, nor does the order in which calls for different invitations and lists come.
/// Half of the cancel calls that fail take effect all the same.
///
/// A call takes effect when it arrives; [`Options::latency`] only holds its answer back. So a call also takes effect
/// when its caller gives up before the answer comes.
///
/// # Lists
///
/// | list | invitations in it |
/// | --- | --- |
/// | `cancelled` | those that were cancelled in this sandbox, and those whose given state is Canceled |
/// | `completed` | those whose given state is Complete, Test Left or Terminated |
/// | `expired` | those whose given state is Expired |
///
/// Since every number is an ID, an invitation with a given state is in its list only after a cancel call has named it,
/// whatever became of that call. Pending invitations and those in progress are in no list.
///
/// [`Options::list_date`] says which date of an invitation must lie in the window of the call, both ends included:
///
/// - with [`ListDate::Cancelled`], the moment of its cancellation; for a given state, the moment one day before the
///   sandbox's start.
/// - with [`ListDate::Invited`], the date on which the candidate was invited. It is invented: the ID alone decides it,
///   and the dates of all IDs are spread evenly over the 90 days before the sandbox's start.
///
/// A list has the earliest date first. Dates are not rounded: one of 12:00:00.5 is not in a list that ends at 12:00:00.
/// What was cancelled here shows up after [`Options::list_delay`]. A list with more entries than [`Options::list_page`]
/// is cut after so many, and does not say so. The account has three tests.
///
/// # Memory
///
/// A sandbox remembers each invitation that it cancelled, and each whose given state has a list and that a cancel call
/// named; when it ends, this is forgotten. With an error rate or with faults it remembers each
/// invitation that it was called for, with [`LimiterKind::SlidingWindow`] the moment of each call that it let through in
/// the last period, and with [`Recording::On`] each request.
pub struct Sandbox {
    address: SocketAddr,
    api: Arc<SandboxApi>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Sandbox {
    /// Starts a sandbox; it is listening when this returns.
    ///
    /// It runs on a thread of its own with a runtime of its own, so that callers and sandbox never wait for each
    /// other's tasks.
    ///
    /// # Errors
    ///
    /// When the port is taken or may not be used, when the record cannot be created or exists already, or when the
    /// thread or the runtime cannot be started.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (port, record) = (options.port, options.record.clone());
        let of_port = |source| StartError::Port { port, source };
        // The port comes first: if it is taken, the file for the record has not been created yet.
        let socket = server::bind(port).map_err(of_port)?;
        let of_record = |source| StartError::Record { path: record.unwrap_or_default(), source };
        let (api, outages) = SandboxApi::new(options).map_err(of_record)?;
        let api = Arc::new(api);
        let (stop, stopped) = oneshot::channel();
        let (listening, is_listening) = sync_channel(1);
        let served = Arc::clone(&api);
        let server = thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || serve(served, socket, &listening, outages, stopped))
            .map_err(StartError::Thread)?;
        match is_listening.recv() {
            Ok(address) => Ok(Self { address, api, stop: Some(stop), server: Some(server) }),
            Err(_) => Err(of_port(end_of(server).err().unwrap_or_else(|| io::Error::other("it did not start")))),
        }
    }

    /// Where it listens, such as `http://127.0.0.1:49152`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on, also when [`Options::port`] left the choice to the sandbox.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The key that callers must send.
    pub fn api_key(&self) -> &str {
        self.api.key()
    }

    /// What was received up to now; empty with [`Recording::Off`].
    pub fn record(&self) -> Record {
        self.api.record_keeper().map(RecordKeeper::record).unwrap_or_default()
    }

    /// Blocks until the record holds `arrivals` requests, but no longer than `patience`. True when it does hold them;
    /// with [`Recording::Off`] it never does.
    pub fn wait_for_arrivals(&self, arrivals: usize, patience: Duration) -> bool {
        self.api.record_keeper().is_some_and(|keeper| keeper.wait_for(arrivals, patience))
    }

    /// The true state of an invitation; `None` when there is no such invitation.
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

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or may not be used.
    #[error("could not serve on 127.0.0.1:{port}")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file for the record cannot be created, or is there already: it may be anything, so it is not written to.
    #[error("could not create the record {path:?}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system allows no further thread.
    #[error("could not start the sandbox's thread")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// The kind of what the system said.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Port { source, .. } | Self::Record { source, .. } | Self::Thread(source) => source.kind(),
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    /// Stops listening, waits up to half a second for the answers that are still due, and ends.
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

/// What the server's thread does: it listens, tells `listening` on which address, and serves until `stopped`.
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
