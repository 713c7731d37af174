//! A server that follows a script for each connection, in clear or over TLS, and remembers each request that it read.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::PATIENCE;
use crate::tls::TRUSTED;

/// How a server's end of a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should: over TLS with a word of farewell.
    Close,
    /// Without that word, as when somebody cuts the line.
    Cut,
    /// With a reset.
    Reset,
    /// Not at all: silence until the client hangs up.
    Silence,
}

/// The server. Its threads end with the process.
pub(crate) struct Peer {
    pub(crate) base_url: String,
    record: Arc<Record>,
}

/// What a server has seen.
#[derive(Default)]
struct Record {
    seen: Mutex<Seen>,
    ended: Condvar,
}

#[derive(Default)]
struct Seen {
    /// The IDs whose cancellation was asked for in whole requests, in the order of arrival.
    asked_for: Vec<u64>,
    connections: usize,
    /// How many connections have followed their script to the end.
    ended: usize,
}

impl Peer {
    /// Serves plain http.
    pub(crate) fn plain(script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        Self::serve("http", None, script)
    }

    /// Serves https with these settings.
    pub(crate) fn encrypted(settings: ServerConfig, script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        Self::serve("https", Some(Arc::new(settings)), script)
    }

    /// Serves what is no https, where https is expected.
    pub(crate) fn raw(script: impl Fn(&mut Wire) + Send + Sync + 'static) -> Self {
        Self::serve("https", None, script)
    }

    /// A server in clear and one over TLS that follow the same script.
    pub(crate) fn both(script: impl Fn(&mut Wire) + Send + Sync + Clone + 'static) -> [Self; 2] {
        [Self::plain(script.clone()), Self::encrypted(TRUSTED.server(), script)]
    }

    fn serve(
        scheme: &str,
        settings: Option<Arc<ServerConfig>>,
        script: impl Fn(&mut Wire) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (record, script) = (Arc::<Record>::default(), Arc::new(script));
        let peer = Self { base_url, record: Arc::clone(&record) };
        thread::spawn(move || {
            for socket in listener.incoming() {
                record.seen.lock().unwrap().connections += 1;
                let mut wire = Wire::new(socket.unwrap(), settings.clone(), Arc::clone(&record));
                let script = Arc::clone(&script);
                thread::spawn(move || script(&mut wire));
            }
        });
        peer
    }

    /// The host and the port.
    pub(crate) fn authority(&self) -> &str {
        self.base_url.split("//").nth(1).unwrap()
    }

    /// The IDs whose cancellation was asked for in whole requests, in the order of arrival, when all is over.
    pub(crate) fn asked_for(&self) -> Vec<u64> {
        self.settled().asked_for.clone()
    }

    /// How many connections were made, when all is over.
    pub(crate) fn connections(&self) -> usize {
        self.settled().connections
    }

    /// Waits until every connection has ended. The client must be gone.
    fn settled(&self) -> MutexGuard<'_, Seen> {
        let seen = self.record.seen.lock().unwrap();
        let goes_on = |seen: &mut Seen| seen.ended < seen.connections;
        let (seen, waited) = self.record.ended.wait_timeout_while(seen, PATIENCE, goes_on).unwrap();
        assert!(!waited.timed_out(), "a connection goes on though the client is gone");
        seen
    }
}

/// The server's end of a connection.
pub(crate) struct Wire {
    line: Line,
    record: Arc<Record>,
}

enum Line {
    Plain(TcpStream),
    Encrypted(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn new(socket: TcpStream, settings: Option<Arc<ServerConfig>>, record: Arc<Record>) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        let line = match settings {
            None => Line::Plain(socket),
            Some(settings) => {
                let connection = ServerConnection::new(settings).unwrap();
                Line::Encrypted(Box::new(StreamOwned::new(connection, socket)))
            }
        };
        Self { line, record }
    }

    /// Some bytes, none at the end of the connection or when it breaks.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.line {
            Line::Plain(socket) => socket.read(&mut buffer),
            Line::Encrypted(stream) => stream.read(&mut buffer),
        };
        buffer[..read.unwrap_or(0)].to_vec()
    }

    /// Reads a request to the end of its two-byte body, takes it down and gives the ID that it names.
    pub(crate) fn request(&mut self) -> Option<u64> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n{}") {
            let bytes = self.read();
            if bytes.is_empty() {
                return None;
            }
            request.extend_from_slice(&bytes);
        }
        let request = String::from_utf8(request).unwrap();
        let id = request.split('/').nth(3).unwrap().parse().unwrap();
        self.record.seen.lock().unwrap().asked_for.push(id);
        Some(id)
    }

    /// Sends bytes. The client may be gone before it has read all; that is its business.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        let said = match &mut self.line {
            Line::Plain(socket) => socket.write_all(bytes),
            Line::Encrypted(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
        drop(said);
    }

    /// Sends bytes past TLS.
    pub(crate) fn say_raw(&mut self, bytes: &[u8]) {
        drop(self.socket().write_all(bytes));
    }

    /// Ends this side of the connection. What the client still sends can be read, but for a reset.
    pub(crate) fn end(&mut self, end: End) {
        if let (End::Close, Line::Encrypted(stream)) = (end, &mut self.line) {
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
        match end {
            End::Close | End::Cut => drop(self.socket().shutdown(Shutdown::Write)),
            End::Reset => SockRef::from(&*self.socket()).set_linger(Some(Duration::ZERO)).unwrap(),
            End::Silence => while !self.read().is_empty() {},
        }
    }

    pub(crate) fn early_data(&mut self) -> bool {
        match &mut self.line {
            Line::Plain(_) => false,
            Line::Encrypted(stream) => stream.conn.early_data().is_some(),
        }
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        match &mut self.line {
            Line::Plain(socket) => socket,
            Line::Encrypted(stream) => &mut stream.sock,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.record.seen.lock().unwrap().ended += 1;
        self.record.ended.notify_all();
    }
}

/// An address that refuses connections for as long as the socket lives: it is bound, and does not listen.
pub(crate) fn refusing() -> (SocketAddr, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap(), socket)
}

/// The whole confirmation for this ID, after which the connection stays.
pub(crate) fn confirmation(id: u64) -> String {
    let body = format!(r#"{{"testInvitationId":{id},"status":"cancelled"}}"#);
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Answers each request with a confirmation.
pub(crate) fn confirm_all(wire: &mut Wire) {
    while let Some(id) = wire.request() {
        wire.say(confirmation(id).as_bytes());
    }
}
