//! What the caller of a request gets to see, and how that is brought about: an answer, a part of one, or a connection
//! that ends without any.

use std::future::pending;
use std::time::SystemTime;

use axum::body::to_bytes;
use axum::response::Response;

use super::answer::{self, ErrorAnswer};
use super::connection::{Connection, Hangup};

/// What the caller gets to see.
pub(super) enum Delivery {
    /// An answer.
    Answer(Response),
    /// An answer whose body ends after this many bytes, or after half of them where no number is given.
    Truncated(Response, Option<usize>),
    /// No answer: the connection ends.
    End(Hangup),
    /// Nothing: the connection stays open, and nothing comes.
    Silence,
}

impl Delivery {
    /// The status of the answer, if there is one.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(response) | Self::Truncated(response, _) => Some(response.status().as_u16()),
            Self::End(_) | Self::Silence => None,
        }
    }

    /// Brings this to the caller of a request that came on `connection`. Returns an answer for HTTP to send; where
    /// there is none, it never returns: the request is dropped when its connection ends.
    pub(super) async fn deliver(self, connection: Option<&Connection>) -> Response {
        let hangup = match self {
            Self::Answer(response) => return answer::simulated(response),
            Self::Truncated(response, bytes) => Hangup::Send(truncate(answer::simulated(response), bytes).await),
            Self::End(hangup) => hangup,
            Self::Silence => pending().await,
        };
        match connection {
            Some(connection) => match connection.end(hangup).await {},
            None => ErrorAnswer::failed().with_status_code(),
        }
    }
}

/// An answer as it stands on the wire, with the head of the whole answer, but with only the first `bytes` of its body
/// (or the first half). The last byte of the body is always missing.
async fn truncate(response: Response, bytes: Option<usize>) -> Vec<u8> {
    let (head, body) = response.into_parts();
    // The sandbox's own answers are in memory already, so no bound is needed.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let kept = bytes.unwrap_or(body.len() / 2).min(body.len().saturating_sub(1));
    let reason = head.status.canonical_reason().unwrap_or_default();
    let mut sent = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        sent.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    // HTTP adds the date to the answers that it sends itself.
    let date = httpdate::fmt_http_date(SystemTime::now());
    sent.extend(format!("date: {date}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    sent.extend(body.iter().take(kept));
    sent
}
