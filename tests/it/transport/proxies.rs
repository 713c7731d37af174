//! A proxy from the environment: it gets a tunnel to carry, never the key, and nothing at all of a call in clear.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::peer::{End, Peer, confirm_all, refusing};
use super::{KEY, LONG, Run, SHORT, expect_unsent, statuses};
use crate::support::{PATIENCE, ResultsRow};
use crate::tls::TRUSTED;

/// What a proxy says to a request for a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    /// It makes one.
    Tunnel,
    /// It says this, and hangs up.
    Bytes(&'static [u8]),
    /// Nothing.
    Silence,
}

/// A proxy that remembers all that clients send it. Its threads end with the process.
struct Proxy {
    url: String,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let proxy = Self { url, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || carry(&client.unwrap(), reply, &seen));
            }
        });
        proxy
    }

    /// All that clients sent, with what is no text replaced.
    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

fn carry(mut client: &TcpStream, reply: Reply, seen: &Mutex<Vec<u8>>) {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(client.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
        seen.lock().unwrap().push(byte[0]);
    }
    match reply {
        Reply::Bytes(bytes) => {
            drop(client.write_all(bytes));
            drop(client.shutdown(Shutdown::Write));
            copy(client, &mut std::io::sink(), Some(seen));
        }
        Reply::Silence => copy(client, &mut std::io::sink(), Some(seen)),
        Reply::Tunnel => {
            let head = String::from_utf8(head).unwrap();
            let server = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
            server.set_read_timeout(Some(PATIENCE)).unwrap();
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            thread::scope(|scope| {
                scope.spawn(|| {
                    copy(&server, &mut &*client, None);
                    drop(client.shutdown(Shutdown::Both));
                });
                copy(client, &mut &server, Some(seen));
                drop(server.shutdown(Shutdown::Both));
            });
        }
    }
}

/// Hands on what comes, to its end, and takes it down.
fn copy(mut from: &TcpStream, to: &mut impl Write, seen: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if let Some(seen) = seen {
            seen.lock().unwrap().extend_from_slice(&buffer[..read]);
        }
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

fn through(variable: &str, proxy: &str, base_url: &str, timeout: &str) -> ResultsRow {
    Run { timeout, variables: &[(variable, proxy)], ..Run::of_one_row(base_url) }.row()
}

#[test]
fn a_proxy_carries_the_call_and_cannot_read_it() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let (peer, proxy) = (Peer::encrypted(TRUSTED.server(), confirm_all), Proxy::start(Reply::Tunnel));
        let row = through(variable, &proxy.url, &peer.base_url, LONG);
        assert_eq!(statuses(&row), ("cancelled", "200"), "{variable}: {}", row["error"]);
        assert_eq!(peer.asked_for(), [1], "{variable}");
        let seen = proxy.seen();
        assert!(seen.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", peer.authority())), "{seen}");
        for secret in [KEY, "s3cret", "x-api-key", "/v3/"] {
            assert!(!seen.to_lowercase().contains(secret), "{secret} in {seen}");
        }
    }
}

#[test]
fn a_proxy_that_gives_no_tunnel_was_sent_nothing() {
    let peer = Peer::encrypted(TRUSTED.server(), confirm_all);
    let confirmed = b"HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n{\"testInvitationId\":1,\"status\":\"cancelled\"}";
    let in_clear = b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\n{\"testInvitationId\":1,\"status\":\"cancelled\"}";
    for bytes in [
        &b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"[..],
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 20",
        b"garbage\r\n\r\n",
        b"",
        confirmed,
        in_clear,
    ] {
        let proxy = Proxy::start(Reply::Bytes(bytes));
        let case = String::from_utf8_lossy(bytes);
        expect_unsent(&case, &through("HTTPS_PROXY", &proxy.url, &peer.base_url, LONG));
        assert!(proxy.seen().starts_with("CONNECT ") && !proxy.seen().contains(KEY), "{case}: {}", proxy.seen());
    }
    let silent = Proxy::start(Reply::Silence);
    expect_unsent("silence", &through("HTTPS_PROXY", &silent.url, &peer.base_url, SHORT));
    assert_eq!(peer.connections(), 0, "nobody goes around the proxy");
}

#[test]
fn a_proxy_that_is_not_there_is_not_gone_around() {
    let peer = Peer::encrypted(TRUSTED.server(), confirm_all);
    let (address, _bound) = refusing();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}");
        expect_unsent(scheme, &through("HTTPS_PROXY", &url, &peer.base_url, LONG));
    }
    assert_eq!(peer.connections(), 0);
}

#[test]
fn a_server_behind_a_proxy_is_trusted_no_more_than_in_front_of_it() {
    let (peer, proxy) = (Peer::raw(|wire| wire.end(End::Silence)), Proxy::start(Reply::Tunnel));
    expect_unsent("silence", &through("HTTPS_PROXY", &proxy.url, &peer.base_url, SHORT));

    let identity = TRUSTED.identity(&["elsewhere.example"], |_| {});
    let peer = Peer::encrypted(crate::tls::server(identity, rustls::ALL_VERSIONS), confirm_all);
    let proxy = Proxy::start(Reply::Tunnel);
    expect_unsent("wrong host", &through("HTTPS_PROXY", &proxy.url, &peer.base_url, LONG));
    assert!(peer.asked_for().is_empty());
}

#[test]
fn a_tunnel_that_breaks_after_the_call_leaves_doubt() {
    for end in [End::Close, End::Cut, End::Reset] {
        let peer = Peer::encrypted(TRUSTED.server(), move |wire| {
            wire.request();
            wire.end(end);
        });
        let proxy = Proxy::start(Reply::Tunnel);
        let row = through("HTTPS_PROXY", &proxy.url, &peer.base_url, LONG);
        assert_eq!(statuses(&row), ("unconfirmed", ""), "{end:?}: {}", row["error"]);
        assert_eq!(peer.asked_for(), [1]);
    }
}

#[test]
fn a_password_for_the_proxy_goes_to_the_proxy_alone_and_is_not_shown() {
    for reply in [Reply::Tunnel, Reply::Bytes(b"HTTP/1.1 407 No\r\n\r\n")] {
        let (peer, proxy) = (Peer::encrypted(TRUSTED.server(), confirm_all), Proxy::start(reply));
        // The row and all that is said are searched for "s3cret" by the run itself.
        let url = proxy.url.replace("http://", "http://me:s3cret-word@");
        let row = through("HTTPS_PROXY", &url, &peer.base_url, LONG);
        assert_eq!(row["status"], if reply == Reply::Tunnel { "cancelled" } else { "unreachable" });
        assert!(proxy.seen().contains("Basic bWU6czNjcmV0LXdvcmQ=\r\n"), "{}", proxy.seen());
    }
}

#[test]
fn a_host_in_no_proxy_is_called_directly_and_http_proxy_is_for_http() {
    for exempt in [("NO_PROXY", "127.0.0.1"), ("HTTPS_PROXY", "")] {
        let (peer, proxy) = (Peer::encrypted(TRUSTED.server(), confirm_all), Proxy::start(Reply::Silence));
        let variables = [("HTTPS_PROXY", proxy.url.as_str()), ("HTTP_PROXY", proxy.url.as_str()), exempt];
        let row = Run { variables: &variables, ..Run::of_one_row(&peer.base_url) }.row();
        assert_eq!((statuses(&row), peer.asked_for()), (("cancelled", "200"), vec![1]));
        assert_eq!(proxy.seen(), "");
    }
}

#[test]
fn no_proxy_sees_a_call_in_clear() {
    let (peer, proxy) = (Peer::plain(confirm_all), Proxy::start(Reply::Bytes(b"")));
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let variables = names.map(|name| (name, proxy.url.as_str()));
    let row = Run { variables: &variables, ..Run::of_one_row(&peer.base_url) }.row();
    assert_eq!(statuses(&row), ("cancelled", "200"), "{}", row["error"]);
    assert_eq!(proxy.seen(), "", "the key would leave in clear");
}
