//! The local server that every contender of `benches/peers` calls: it confirms each cancellation at once, so that the
//! time that is measured is the contender's own. What it is asked is taken to be right: it is no simulation of iMocha.
//!
//! - `POST /v3/invitations/{id}/cancel` → `{"testInvitationId":{id},"status":"cancelled"}`
//! - `GET /v3/tests` → `{"tests":[],"count":0}`, so that a dry run finds its key good
//! - anything else → which cancellations came since it was asked last:
//!   `{"calls":…,"seconds":…,"most_in_a_second":…}`
//!
//! It prints its address and serves until it is ended.

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Room for one request, and for all that a client has under way on one connection.
const BUFFER_BYTES: usize = 16 * 1024;
/// More headers than any of the contenders sends.
const MAX_HEADERS: usize = 32;

/// When each call came.
type Calls = Rc<RefCell<Vec<Instant>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    LocalSet::new().run_until(accept(listener)).await
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    let calls = Calls::default();
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A connection that breaks is its client's matter, which counts its own answers.
        spawn_local(serve(stream, Rc::clone(&calls)));
    }
}

async fn serve(mut stream: TcpStream, calls: Calls) -> io::Result<()> {
    let mut asked = Vec::with_capacity(BUFFER_BYTES);
    let mut answers = Vec::with_capacity(BUFFER_BYTES);
    while stream.read_buf(&mut asked).await? > 0 {
        while let Some(length) = answer(&asked, &calls, &mut answers)? {
            asked.drain(..length);
        }
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
    }
    Ok(())
}

/// Answers the request at the beginning of `asked`, and says how long it is; `None` while it is not whole.
fn answer(asked: &[u8], calls: &Calls, answers: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(asked).map_err(io::Error::other)? else { return Ok(None) };
    let body = content_length(request.headers).ok_or_else(|| io::Error::other("a length that is no number"))?;
    if asked.len() < head + body {
        return Ok(None);
    }
    let path = request.path.unwrap_or_default();
    let json = if let Some(id) = path.strip_prefix("/v3/invitations/").and_then(|path| path.strip_suffix("/cancel")) {
        calls.borrow_mut().push(Instant::now());
        format!(r#"{{"testInvitationId":{id},"status":"cancelled"}}"#)
    } else if path.starts_with("/v3/tests") {
        r#"{"tests":[],"count":0}"#.to_owned()
    } else {
        report(&calls.take())
    };
    write!(
        answers,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    )?;
    Ok(Some(head + body))
}

/// The length of the body; none has any that does not say so.
fn content_length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let Some(header) = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length")) else {
        return Some(0);
    };
    std::str::from_utf8(header.value).ok()?.trim().parse().ok()
}

/// How many calls came, from the first to the last in how long, and how many within any one second at the most.
fn report(calls: &[Instant]) -> String {
    let seconds = calls.first().zip(calls.last()).map_or(0.0, |(first, last)| (*last - *first).as_secs_f64());
    let within = |&first: &Instant| calls.partition_point(|&call| call < first + Duration::from_secs(1));
    let most = calls.iter().enumerate().map(|(index, first)| within(first) - index).max().unwrap_or(0);
    format!(r#"{{"calls":{},"seconds":{seconds},"most_in_a_second":{most}}}"#, calls.len())
}
