//! The sandbox's listener and its connections: what happens below HTTP.
//!
//! Written here rather than left to `axum::serve`, which keeps both to itself: only who owns a connection can end it in
//! ways that HTTP has no word for.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a sandbox that is stopped waits for the answers it still holds back. Chosen by us: long enough for answers
/// that are on their way, and short enough that nobody notices the end.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// How many connections may wait to be accepted. Chosen by us, the number that Tokio's own listener takes.
const BACKLOG: u32 = 1024;

/// How long to rest when no connection can be accepted, which is when the process has no file left to open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on the port on 127.0.0.1; 0 takes a free one.
pub(super) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // The port is free again at once after an earlier sandbox; on Windows it is so anyway, and this means another thing.
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Serves until it is stopped, then gives what is under way a moment to be answered.
///
/// What still runs after that is cut off when the runtime is dropped.
pub(super) async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let server = Server {
        api: TowerToHyperService::new(router),
        connections: TaskTracker::new(),
        end: CancellationToken::new(),
    };
    tokio::select! {
        never = server.accept(&listener) => match never {},
        _ = stopped => {}
    }
    drop(listener);
    server.end.cancel();
    server.connections.close();
    if timeout(STOP_GRACE, server.connections.wait()).await.is_err() {
        tracing::debug!("the sandbox cuts off calls that are not answered yet");
    }
}

struct Server {
    api: TowerToHyperService<Router>,
    connections: TaskTracker,
    end: CancellationToken,
}

impl Server {
    async fn accept(&self, listener: &TcpListener) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.connections.spawn(attend(stream, self.api.clone(), self.end.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "the sandbox could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Answers the requests of one connection, until the caller closes it or the end comes: then it is closed once it owes
/// no answer.
async fn attend(stream: TcpStream, api: TowerToHyperService<Router>, end: CancellationToken) {
    answer_at_once(&stream);
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), api);
    let served = tokio::select! {
        served = &mut connection => Some(served),
        () = end.cancelled() => None,
    };
    let served = if let Some(served) = served {
        served
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        connection.await
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the sandbox ended early");
    }
}

/// Sends small answers without waiting for more to send with them.
fn answer_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY on a connection of the sandbox");
    }
}
