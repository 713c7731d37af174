//! The list calls. Their answers can be far longer than others, so they are not kept: what arrives goes piece by piece to
//! a thread that reads the numbers out of it.

use std::io::{self, Read};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Method, Request, Response};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Client, read};
use crate::listing::{ListFault, ListedState, Listing, ListingWindow};
use crate::reply::{Failure, Reply, Sent};

/// Pieces of an answer that wait to be read. A piece has up to some hundred kilobytes.
const QUEUED_PIECES: usize = 4;
/// The longest time for one list. Each piece of it has to come within the time for one attempt.
const LONGEST_LIST: Duration = Duration::from_secs(10 * 60);

/// What a list call brought.
#[derive(Debug)]
pub enum ListReply {
    /// A list, or an answer in place of one (200).
    List(Result<Listing, ListFault>),
    /// Another answer.
    Other(Reply),
}

/// A piece of an answer, or why there is no further one.
type Piece = io::Result<Vec<u8>>;

impl Client {
    /// Asks once for the list of the invitations in `state`: a call that changes nothing (source: iMocha's
    /// documentation, "Retrieve Invites").
    ///
    /// # Errors
    ///
    /// When no answer came.
    pub async fn list(&self, state: ListedState, window: ListingWindow) -> Result<ListReply, Failure> {
        let mut url = self.url(format_args!("/v3/candidates/testattempts"));
        url.set_query(Some(&format!("state={}", state.word())));
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(Body::from(window.body()));
        *request.timeout_mut() = Some(LONGEST_LIST);
        let late = || Failure {
            sent: Sent::Maybe,
            what: format!("no answer within {}", humantime::format_duration(self.timeout)),
        };
        let response = timeout(self.timeout, self.http.execute(request)).await.map_err(|_elapsed| late())?;
        let response = response.map_err(|error| self.failure(&error))?;
        self.note_simulation(&response);
        if response.status().as_u16() != 200 {
            return timeout(self.timeout, read(response)).await.map(ListReply::Other).map_err(|_elapsed| late());
        }
        let (pieces, waiting) = channel(QUEUED_PIECES);
        let reading = spawn_blocking(move || Listing::read(Pieces::of(waiting), state));
        pass_on(response, &pieces, self.timeout).await;
        drop(pieces);
        let listing = reading.await.unwrap_or_else(|panic| Err(ListFault::Malformed(panic.to_string())));
        Ok(ListReply::List(listing))
    }
}

/// Passes an answer on, piece by piece, to its end or until nobody reads on.
async fn pass_on(mut response: Response, pieces: &Sender<Piece>, patience: Duration) {
    loop {
        let piece = match timeout(patience, response.chunk()).await {
            Ok(Ok(Some(piece))) => Ok(piece.to_vec()),
            Ok(Ok(None)) => return,
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
        };
        let is_last = piece.is_err();
        if pieces.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

/// The pieces of an answer as one stream, for a thread that may wait for them.
struct Pieces {
    waiting: Receiver<Piece>,
    piece: io::Cursor<Vec<u8>>,
}

impl Pieces {
    fn of(waiting: Receiver<Piece>) -> Self {
        Self { waiting, piece: io::Cursor::default() }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.waiting.blocking_recv() {
                Some(piece) => self.piece = io::Cursor::new(piece?),
                None => return Ok(0),
            }
        }
    }
}
