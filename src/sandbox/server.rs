//! The sandbox's listener and its connections: what happens below HTTP.
//!
//! This file takes the place of `axum::serve`, which gives access to neither: a fault ends a connection in a way for
//! which HTTP has no means, and an outage closes the listener and opens it again.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, Hangup};
use super::faults::Outages;

/// How long a sandbox that is stopped waits for answers that are still due. Chosen by us: long enough for answers that
/// are being sent, and short enough that stopping does not seem slow.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How many connections may wait to be accepted. This is the number that Tokio's own listener uses.
const BACKLOG: u32 = 1024;

/// How long to wait before the next attempt when a connection cannot be accepted, for example because the process has
/// too many files open. Chosen by us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long to try to take the port again that was given up for an outage. Chosen by us: the system frees it within
/// moments, unless another process has taken it.
const PORT_PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait between two attempts to take the port. Chosen by us.
const PORT_PAUSE: Duration = Duration::from_millis(1);

/// Takes the port on 127.0.0.1 (0 takes a free one), without listening yet.
pub(super) fn bind(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // So that the port can be taken right after an earlier sandbox. Windows allows that anyway, and gives this option
    // another meaning.
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// Begins to listen.
pub(super) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

/// Takes a port again that was just given up. As long as the socket is bound without listening, callers are refused,
/// and the system gives the port to no other process, nor to an outgoing connection.
async fn keep_port(port: u16) -> io::Result<TcpSocket> {
    let end = Instant::now() + PORT_PATIENCE;
    loop {
        match bind(port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => sleep(PORT_PAUSE).await,
            bound => return bound,
        }
    }
}

/// Serves until `stopped`, then waits a moment for the answers that are still due.
///
/// Calls without an answer after that are cut off when the runtime is dropped.
///
/// # Errors
///
/// When the port cannot be taken again for the time after an outage.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    outages: Outages,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let server = Server {
        api: TowerToHyperService::new(router),
        connections: TaskTracker::new(),
        end: CancellationToken::new(),
    };
    let served = tokio::select! {
        failed = server.run(listener, outages) => failed.map(|never| match never {}),
        _ = stopped => Ok(()),
    };
    server.end.cancel();
    server.connections.close();
    if timeout(STOP_GRACE, server.connections.wait()).await.is_err() {
        tracing::debug!("the sandbox cuts off calls that are not answered yet");
    }
    served
}

struct Server {
    api: TowerToHyperService<Router>,
    connections: TaskTracker,
    end: CancellationToken,
}

impl Server {
    /// Listens, except during outages.
    async fn run(&self, mut listener: TcpListener, mut outages: Outages) -> io::Result<Infallible> {
        let port = listener.local_addr()?.port();
        loop {
            let opening = self.end.child_token();
            let outage = tokio::select! {
                outage = outages.next() => outage,
                never = self.accept(&listener, &opening) => match never {},
            };
            drop(listener);
            opening.cancel();
            let socket = keep_port(port).await?;
            outages.pass(outage).await;
            listener = listen(socket)?;
        }
    }

    async fn accept(&self, listener: &TcpListener, opening: &CancellationToken) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.connections.spawn(attend(stream, self.api.clone(), opening.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "the sandbox could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Answers the requests of one connection until the caller closes it or a fault ends it. When the server stops
/// listening, which cancels `opening`, the connection is closed after the answer to the request that it is busy with.
async fn attend(stream: TcpStream, api: TowerToHyperService<Router>, opening: CancellationToken) {
    answer_at_once(&stream);
    let (handle, mut hangups) = Connection::new();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(handle.clone());
        api.call(request)
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut is_over = false;
    loop {
        let event = tokio::select! {
            // In this order: an answer that waited until an outage began must tell its caller that it is the last one
            // on this connection.
            biased;
            () = opening.cancelled(), if !is_over => Event::Over,
            served = &mut connection => Event::Served(served),
            Some(hangup) = hangups.recv() => Event::Fault(hangup),
        };
        match event {
            Event::Served(Ok(())) => return,
            Event::Served(Err(error)) => {
                return tracing::debug!(%error, "a connection of the sandbox ended early");
            }
            Event::Fault(hangup) => return hangup.end(connection.into_parts().io.into_inner()).await,
            Event::Over => {
                is_over = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// What can happen to a connection.
enum Event {
    /// HTTP is done with it: the caller closed it, or the last answer was sent.
    Served(hyper::Result<()>),
    /// A fault ends it.
    Fault(Hangup),
    /// The server has stopped listening.
    Over,
}

/// Has small answers sent at once, without waiting for more to send with them.
fn answer_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY on a connection of the sandbox");
    }
}
