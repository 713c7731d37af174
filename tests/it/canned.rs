//! A server that says what it is told to, byte for byte, and hangs up: for answers that no decent server gives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

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
    /// A whole answer with this status line and JSON body.
    pub(crate) fn json(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                .into_bytes(),
        )
    }
}

/// The server. Its thread ends with the process.
pub(crate) struct Canned {
    pub(crate) base_url: String,
    requests: Arc<AtomicUsize>,
}

impl Canned {
    /// Serves `answer` for each path.
    pub(crate) fn serve(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counted, answer) = (Arc::clone(&requests), Arc::new(Mutex::new(answer)));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut connection = connection.unwrap();
                    connection.set_read_timeout(Some(PATIENCE)).unwrap();
                    if let Some(path) = read_request(&mut connection) {
                        counted.fetch_add(1, Ordering::SeqCst);
                        let answer = answer.lock().unwrap()(&path);
                        give(&mut connection, &answer);
                    }
                });
            }
        });
        Self { base_url, requests }
    }

    /// How many requests came in whole.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Reads a request to the end of its two-byte body, or its head where it has none, and gives its path.
fn read_request(connection: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let read = connection.read(&mut buffer).ok().filter(|&read| read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        if request.ends_with(b"\r\n\r\n{}") || (request.starts_with(b"GET") && request.ends_with(b"\r\n\r\n")) {
            let head = String::from_utf8(request).unwrap();
            return head.split(' ').nth(1).map(str::to_owned);
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
