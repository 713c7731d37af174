//! A request's connection, in the hands of the one who answers it.
//!
//! The server gives each request the [`Connection`] it came on. Whoever decides to answer by none of HTTP's means names an
//! [`Hangup`] there; the server then takes the connection out of HTTP's hands and ends it that way.

use std::convert::Infallible;
use std::future::pending;
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// How a connection ends when it does not end as HTTP has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hangup {
    /// By a TCP RST.
    Reset,
    /// By these bytes, none at all perhaps, and a TCP FIN.
    Send(Vec<u8>),
}

impl Hangup {
    /// Ends the connection.
    pub(super) async fn befall(self, mut stream: TcpStream) {
        let befallen = match self {
            // What is dropped without lingering is reset.
            Self::Reset => stream.set_zero_linger(),
            Self::Send(bytes) => send(&mut stream, &bytes).await,
        };
        if let Err(error) = befallen {
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
    endings: mpsc::Sender<Hangup>,
}

impl Connection {
    /// A line, and where the server hears of its end. There is room for one: the first ending is the last.
    pub(super) fn new() -> (Self, mpsc::Receiver<Hangup>) {
        let (endings, heard) = mpsc::channel(1);
        (Self { endings }, heard)
    }

    /// Ends the connection. The request is dropped with it, so that this never returns.
    pub(super) async fn end(&self, ending: Hangup) -> Infallible {
        if self.endings.try_send(ending).is_err() {
            tracing::debug!("a connection of the sandbox had ended already");
        }
        pending().await
    }
}
