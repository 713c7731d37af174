//! Where no connection comes about, over TLS none that is trusted, nothing is sent.

use std::net::TcpListener;
use std::thread;

use rcgen::date_time_ymd;
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, ServerConfig, ServerConnection};

use super::peer::{End, Peer, Wire, confirm_all, refusing};
use super::{Run, SHORT, expect_unsent, statuses};
use crate::tls::{LOOPBACK, TRUSTED, server};

#[test]
fn where_nobody_listens_nothing_was_sent() {
    let (address, _bound) = refusing();
    for scheme in ["http", "https"] {
        expect_unsent(scheme, &Run::of_one_row(&format!("{scheme}://{address}")).row());
    }
}

#[test]
fn to_a_host_that_does_not_exist_nothing_was_sent() {
    let row = Run::of_one_row("https://nowhere.invalid").row();
    expect_unsent("no such host", &row);
    assert!(row["error"].contains("nowhere.invalid"), "{}", row["error"]);
}

#[test]
fn to_a_server_that_cannot_be_trusted_nothing_was_sent() {
    let expired = |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let of_the_future = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    for (case, identity) in [
        ("made for another host", TRUSTED.identity(&["elsewhere.example", "127.0.0.2"], |_| {})),
        ("expired", TRUSTED.identity(&LOOPBACK, expired)),
        ("not valid yet", TRUSTED.identity(&LOOPBACK, of_the_future)),
        ("signed by nobody known", self_signed()),
    ] {
        let peer = Peer::encrypted(server(identity, ALL_VERSIONS), confirm_all);
        let row = Run::of_one_row(&peer.base_url).row();
        expect_unsent(case, &row);
        assert!(row["error"].contains("certificate"), "{case}: {}", row["error"]);
        assert_eq!((peer.asked_for(), peer.connections()), (vec![], 1), "{case}");
    }
}

/// A certificate that stands for itself alone.
fn self_signed() -> (rustls::pki_types::CertificateDer<'static>, rustls::pki_types::PrivateKeyDer<'static>) {
    let certified = rcgen::generate_simple_self_signed(LOOPBACK.map(str::to_owned)).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    (certified.cert.into(), key.into())
}

/// Elsewhere the system's roots are no file that a test could replace.
#[cfg(target_os = "linux")]
#[test]
fn the_roots_of_the_system_and_of_ca_file_are_trusted_and_no_others() {
    for (authority, without_the_system) in [(&*TRUSTED, "cancelled"), (&*crate::tls::STRANGE, "unreachable")] {
        let peer = Peer::encrypted(authority.server(), confirm_all);
        assert_eq!(statuses(&Run::of_one_row(&peer.base_url).row()), ("cancelled", "200"));
        let elsewhere = [("SSL_CERT_FILE", "trusted.pem")];
        let row = Run { variables: &elsewhere, ..Run::of_one_row(&peer.base_url) }.row();
        assert_eq!(row["status"], without_the_system, "{}", row["error"]);
    }
}

#[test]
fn a_name_is_as_good_as_an_address() {
    let peer = Peer::encrypted(TRUSTED.server(), confirm_all);
    let base_url = peer.base_url.replace("127.0.0.1", "localhost");
    assert_eq!(statuses(&Run::of_one_row(&base_url).row()), ("cancelled", "200"));
}

/// What a server may do instead of a handshake, once it has read how the client begins.
fn instead_of_a_handshake() -> Vec<(&'static str, Vec<u8>, End)> {
    let alert = |description| vec![0x15, 3, 3, 0, 2, 2, description];
    let http =
        b"HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n{\"testInvitationId\":1,\"status\":\"cancelled\"}".to_vec();
    let old_version = [&[0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    vec![
        ("closed", vec![], End::Close),
        ("reset", vec![], End::Reset),
        ("garbage", b"\x00garbage\r\n\r\n".to_vec(), End::Close),
        ("an answer in clear", http, End::Close),
        ("an alert: handshake_failure", alert(40), End::Close),
        ("an alert: protocol_version", alert(70), End::Close),
        ("TLS 1.0", old_version, End::Close),
        ("half a record", vec![0x16, 3, 3, 0, 200, 2, 0], End::Close),
    ]
}

#[test]
fn a_handshake_that_fails_sends_nothing() {
    for (case, bytes, end) in instead_of_a_handshake() {
        let peer = Peer::raw(move |wire| {
            wire.read();
            wire.say(&bytes);
            wire.end(end);
            while end != End::Reset && !wire.read().is_empty() {}
        });
        expect_unsent(case, &Run::of_one_row(&peer.base_url).row());
        assert_eq!(peer.connections(), 1, "{case}");
    }
}

/// How many of all bytes are sent.
type Share = fn(usize) -> usize;

/// Sends the first `share` of what a true server answers to the client's first message.
fn answer_hello(wire: &mut Wire, settings: ServerConfig, share: Share) {
    let mut server = ServerConnection::new(settings.into()).unwrap();
    while !server.wants_write() {
        server.read_tls(wire.socket()).unwrap();
        server.process_new_packets().unwrap();
    }
    let mut flight = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut flight).unwrap();
    }
    wire.say(&flight[..share(flight.len())]);
}

#[test]
fn a_handshake_that_breaks_off_sends_nothing() {
    let half: Share = |all| all / 2;
    let all_but_a_byte: Share = |all| all - 1;
    for (version, share) in [(&TLS13, half), (&TLS13, all_but_a_byte), (&TLS12, half), (&TLS12, all_but_a_byte)] {
        let peer = Peer::raw(move |wire| {
            let identity = TRUSTED.identity(&LOOPBACK, |_| {});
            answer_hello(wire, server(identity, &[version]), share);
            wire.end(End::Close);
            while !wire.read().is_empty() {}
        });
        expect_unsent(&format!("{version:?}"), &Run::of_one_row(&peer.base_url).row());
    }
}

#[test]
fn a_server_that_wants_a_certificate_of_ours_gets_no_call() {
    let peer = Peer::encrypted(TRUSTED.demanding_server(&[&TLS12]), confirm_all);
    expect_unsent("TLS 1.2", &Run::of_one_row(&peer.base_url).row());
    assert!(peer.asked_for().is_empty());

    // With TLS 1.3 the client has done its part, and may have sent the call, before it hears of the refusal.
    let peer = Peer::encrypted(TRUSTED.demanding_server(&[&TLS13]), confirm_all);
    let row = Run::of_one_row(&peer.base_url).row();
    assert!(["unconfirmed", "unreachable"].contains(&row["status"].as_str()), "{row:?}");
    assert!(peer.asked_for().is_empty());
}

#[test]
fn a_server_that_only_closes_has_been_sent_nothing_or_the_row_is_in_doubt() {
    let peer = Peer::raw(|wire| wire.end(End::Close));
    expect_unsent("https", &Run::of_one_row(&peer.base_url).row());

    // In clear, the call may leave before the client sees the end: then the row must not claim that it did not.
    let peer = Peer::plain(|wire| {
        wire.end(End::Close);
        wire.request();
    });
    let row = Run::of_one_row(&peer.base_url).row();
    match row["status"].as_str() {
        "unreachable" => assert!(peer.asked_for().is_empty(), "{row:?}"),
        status => assert_eq!(status, "unconfirmed", "{row:?}"),
    }
}

#[test]
fn a_server_that_never_answers_the_handshake_was_sent_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let never_accepts = format!("https://{}", listener.local_addr().unwrap());
    let reads = Peer::raw(|wire| wire.end(End::Silence));
    let breaks_off = Peer::raw(|wire| {
        answer_hello(wire, TRUSTED.server(), |all| all - 1);
        wire.end(End::Silence);
    });
    thread::scope(|scope| {
        for base_url in [&never_accepts, &reads.base_url, &breaks_off.base_url] {
            scope.spawn(|| {
                expect_unsent(base_url, &Run { timeout: SHORT, ..Run::of_one_row(base_url) }.row());
            });
        }
    });
}

/// In clear, the kernel takes the call for a server that never accepts the connection: it may still read it one day.
#[test]
fn a_call_that_waits_in_the_kernel_is_in_doubt() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let row = Run { timeout: SHORT, ..Run::of_one_row(&base_url) }.row();
    assert_eq!(statuses(&row), ("unconfirmed", ""));
    assert!(row["error"].contains("no answer within 3s"), "{}", row["error"]);
}

/// Only Linux leaves a client waiting when a listener's queue is full.
#[cfg(target_os = "linux")]
mod full_queue {
    use std::net::{SocketAddr, TcpStream};
    use std::thread;
    use std::time::Duration;

    use socket2::{Domain, Socket, Type};

    use crate::transport::{Run, SHORT, expect_unsent};

    /// A listener whose queue is full and stays full, so that no further connection comes about, and what fills it.
    fn full_listener() -> (SocketAddr, Socket, Vec<TcpStream>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
            waiting.push(stream);
            assert!(waiting.len() < 100, "the queue is never full");
        }
        (address, listener, waiting)
    }

    #[test]
    fn a_connection_that_never_comes_about_sends_nothing() {
        let (address, _listener, _waiting) = full_listener();
        thread::scope(|scope| {
            for scheme in ["http", "https"] {
                scope.spawn(move || {
                    let base_url = format!("{scheme}://{address}");
                    expect_unsent(scheme, &Run { timeout: SHORT, ..Run::of_one_row(&base_url) }.row());
                });
            }
        });
    }
}
