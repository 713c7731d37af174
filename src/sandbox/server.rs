//! The sandbox's listener and its connections: what happens below HTTP.
//!
//! Written here rather than left to `axum::serve`, which keeps both to itself: a fault must be able to end a connection
//! in ways that HTTP has no word for, and an outage closes the listener and opens it again.

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

/// How long a sandbox that is stopped waits for the answers it still holds back. Chosen by us: long enough for answers
/// that are on their way, and short enough that nobody notices the end.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How many connections may wait to be accepted. Chosen by us, the number that Tokio's own listener takes.
const BACKLOG: u32 = 1024;

/// How long to rest when no connection can be accepted, which is when the process has no file left to open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long to try for the port again that an outage gave up. Chosen by us: nobody else should want it, so that what
/// stands in the way goes at once or not at all.
const PORT_PATIENCE: Duration = Duration::from_secs(5);

/// How long to rest before the port is tried again.
const PORT_PAUSE: Duration = Duration::from_millis(1);

/// Takes the port on 127.0.0.1, and does not listen yet; 0 takes a free one.
pub(super) fn bind(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // The port is free at once after an earlier sandbox. On Windows it is so anyway, and this means another thing.
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// Begins to listen.
pub(super) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

/// Takes a port again that was just given up. As long as the socket is bound and does not listen, a caller is refused,
/// and nobody else is given the port: not even as the near end of a connection.
async fn keep_port(port: u16) -> io::Result<TcpSocket> {
    let end = Instant::now() + PORT_PATIENCE;
    loop {
        match bind(port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => sleep(PORT_PAUSE).await,
            bound => return bound,
        }
    }
}

/// Serves until it is stopped, then gives what is under way a moment to be answered.
///
/// What still runs after that is cut off when the runtime is dropped.
///
/// # Errors
///
/// When the port cannot be had again after an outage.
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
    /// Listens, and does not listen during an outage.
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

/// Answers the requests of one connection, until the caller closes it, a fault ends it, or the opening of the server
/// that it belongs to is over: then it is closed once it owes no answer.
async fn attend(stream: TcpStream, api: TowerToHyperService<Router>, opening: CancellationToken) {
    answer_at_once(&stream);
    let (line, mut endings) = Connection::new();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(line.clone());
        api.call(request)
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut is_over = false;
    loop {
        let event = tokio::select! {
            // In this order, so that an answer which waited for the opening to be over says that it is the last one.
            biased;
            () = opening.cancelled(), if !is_over => Event::Over,
            served = &mut connection => Event::Served(served),
            Some(ending) = endings.recv() => Event::Fault(ending),
        };
        match event {
            Event::Served(Ok(())) => return,
            Event::Served(Err(error)) => {
                return tracing::debug!(%error, "a connection of the sandbox ended early");
            }
            Event::Fault(ending) => return ending.befall(connection.into_parts().io.into_inner()).await,
            Event::Over => {
                is_over = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// What can become of a connection.
enum Event {
    /// The caller has gone, or the last answer has.
    Served(hyper::Result<()>),
    /// A fault ends it.
    Fault(Hangup),
    /// The opening that it belongs to is over.
    Over,
}

/// Sends small answers without waiting for more to send with them.
fn answer_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY on a connection of the sandbox");
    }
}
