//! The connection that a request came on, for whoever answers it.
//!
//! Some faults end a connection in a way for which HTTP has no means. The server gives each request its [`Connection`];
//! whoever answers the request can ask there for a [`Hangup`], and the server then takes the connection away from HTTP
//! and ends it that way.

use std::convert::Infallible;
use std::future::pending;
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// How the server ends a connection without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hangup {
    /// With a TCP RST.
    Reset,
    /// With these bytes, which may be none, and then a TCP FIN.
    Send(Vec<u8>),
}

impl Hangup {
    /// Ends the connection.
    pub(super) async fn end(self, mut stream: TcpStream) {
        let ended = match self {
            // A socket that is dropped without lingering sends a RST.
            Self::Reset => stream.set_zero_linger(),
            Self::Send(bytes) => send(&mut stream, &bytes).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection of the sandbox did not end as it should have");
        }
    }
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

/// The connection that a request came on.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    hangups: mpsc::Sender<Hangup>,
}

impl Connection {
    /// A connection, and the channel on which the server learns how to end it. The channel holds one hangup, because a
    /// connection ends once.
    pub(super) fn new() -> (Self, mpsc::Receiver<Hangup>) {
        let (hangups, asked_for) = mpsc::channel(1);
        (Self { hangups }, asked_for)
    }

    /// Has the server end the connection. The server drops the request with it, so this never returns.
    pub(super) async fn end(&self, hangup: Hangup) -> Infallible {
        if self.hangups.try_send(hangup).is_err() {
            tracing::debug!("a connection of the sandbox had ended already");
        }
        pending().await
    }
}
