//! A server that says what it is told to, byte for byte, and hangs up: for answers that no decent server gives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::support::PATIENCE;

/// What is done with a request that has been read.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// These bytes, and then the end of the connection.
    Bytes(Vec<u8>),
    /// The end of the connection, without a word.
    HangUp,
    /// Silence, until the client hangs up.
    Silence,
}

impl Answer {
    /// The documented confirmation for the invitation in this path.
    pub(crate) fn cancelled(path: &str) -> Self {
        let id = path.split('/').nth(3).unwrap();
        Self::json("200 OK", &format!(r#"{{"testInvitationId":{id},"status":"cancelled"}}"#))
    }

    /// A 429 with this `Retry-After`.
    pub(crate) fn limited(retry_after: &str) -> Self {
        Self::json(&format!("429 Slow Down\r\nRetry-After: {retry_after}"), "{}")
    }

    /// A whole answer with this status line and JSON body.
    pub(crate) fn json(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                .into_bytes(),
        )
    }
}

/// A request that came in whole.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    /// With its query.
    pub(crate) path: String,
    pub(crate) body: String,
}

/// The server. Its thread ends with the process.
pub(crate) struct Canned {
    pub(crate) base_url: String,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Canned {
    /// Serves what `answer` says for each path, and for how often that path was asked for before.
    pub(crate) fn serve(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (received, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut connection = connection.unwrap();
                    connection.set_read_timeout(Some(PATIENCE)).unwrap();
                    if let Some((path, body)) = read_request(&mut connection) {
                        let before = take_down(&received, &path, body);
                        give(&mut connection, &answer(&path, before));
                    }
                });
            }
        });
        Self { base_url, requests }
    }

    /// How many requests came in whole.
    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// When each of them came in, and for which path.
    pub(crate) fn record(&self) -> Vec<(Instant, String)> {
        self.received().into_iter().map(|received| (received.at, received.path)).collect()
    }

    /// Each of them.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }
}

/// Takes a request down and tells how often the path was asked for before.
fn take_down(received: &Mutex<Vec<Received>>, path: &str, body: String) -> usize {
    let mut received = received.lock().unwrap();
    let before = received.iter().filter(|earlier| earlier.path == path).count();
    received.push(Received { at: Instant::now(), path: path.to_owned(), body });
    before
}

/// Reads a request to the end of its body, and gives its path and the body.
fn read_request(connection: &mut TcpStream) -> Option<(String, String)> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let read = connection.read(&mut buffer).ok().filter(|&read| read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some((head.split(' ').nth(1)?.to_owned(), body.to_owned()));
        }
    }
}

/// The client may be gone before it has read all; that is its business.
fn give(connection: &mut TcpStream, answer: &Answer) {
    match answer {
        Answer::Bytes(bytes) => drop(connection.write_all(bytes)),
        Answer::HangUp => {}
        Answer::Silence => drop(connection.read(&mut [0; 16])),
    }
    drop(connection.shutdown(Shutdown::Both));
}

/// Answers one request, and takes no other.
pub(crate) fn answer_once(listener: &TcpListener, answer: &Answer) {
    let (mut connection, _) = listener.accept().unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    read_request(&mut connection).unwrap();
    give(&mut connection, answer);
}
