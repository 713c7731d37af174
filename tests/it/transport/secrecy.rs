//! How the client greets over TLS: with new versions of TLS alone, no HTTP/2, and the key in no clear byte.

use std::sync::mpsc;

use rustls::version::{TLS12, TLS13};

use super::peer::{End, Peer, confirm_all};
use super::{KEY, Run, expect_unsent, statuses};
use crate::support::PATIENCE;
use crate::tls::{LOOPBACK, TRUSTED, server};

/// The numbers of the extensions that matter here (source: RFC 8446, section 4.2).
const ALPN: u16 = 16;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// What a client sends first (source: RFC 8446, section 4.1.2).
struct ClientHello {
    legacy_version: u16,
    extensions: Vec<(u16, Vec<u8>)>,
}

/// Bytes that are taken from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self, bytes: usize) -> usize {
        self.take(bytes).iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
    }

    fn short(&mut self) -> u16 {
        u16::try_from(self.number(2)).unwrap()
    }

    /// What stands behind its length, which has so many bytes.
    fn counted(&mut self, bytes: usize) -> Reader<'a> {
        let length = self.number(bytes);
        Reader(self.take(length))
    }
}

impl ClientHello {
    fn parse(bytes: &[u8]) -> Self {
        let mut record = Reader(bytes);
        assert_eq!(record.number(1), 22, "a handshake");
        record.take(2);
        let mut message = record.counted(2);
        assert_eq!(message.number(1), 1, "a ClientHello");
        let mut hello = message.counted(3);
        let legacy_version = hello.short();
        hello.take(32);
        for length_bytes in [1, 2, 1] {
            hello.counted(length_bytes);
        }
        let mut list = hello.counted(2);
        let mut extensions = Vec::new();
        while !list.0.is_empty() {
            extensions.push((list.short(), list.counted(2).0.to_vec()));
        }
        Self { legacy_version, extensions }
    }

    fn extension(&self, number: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|extension| extension.0 == number).map(|extension| extension.1.as_slice())
    }
}

/// Whether these bytes are all of a TLS record.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() >= 5 && bytes.len() >= 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]]))
}

/// All that a client sends to a server which reads its first record and hangs up.
fn first_bytes() -> Vec<u8> {
    let (sender, receiver) = mpsc::channel();
    let peer = Peer::raw(move |wire| {
        let mut seen = Vec::new();
        while !is_whole(&seen) {
            let bytes = wire.read();
            assert!(!bytes.is_empty(), "the client hung up");
            seen.extend(bytes);
        }
        wire.end(End::Close);
        while let bytes @ [_, ..] = &*wire.read() {
            seen.extend(bytes);
        }
        sender.send(seen).unwrap();
    });
    expect_unsent("hung up", &Run::of_one_row(&peer.base_url).row());
    receiver.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn the_client_offers_tls_1_2_and_1_3_alone_and_no_http_2() {
    let bytes = first_bytes();
    let hello = ClientHello::parse(&bytes);
    assert_eq!(hello.legacy_version, 0x0303);
    let mut versions = Reader(hello.extension(SUPPORTED_VERSIONS).unwrap()).counted(1);
    let mut offered = Vec::new();
    while !versions.0.is_empty() {
        offered.push(versions.short());
    }
    offered.sort_unstable();
    assert_eq!(offered, [0x0303, 0x0304]);
    let protocols = hello.extension(ALPN).unwrap_or_default();
    assert!(protocols.is_empty() || protocols == b"\x00\x09\x08http/1.1", "{protocols:?}");
    assert_eq!(hello.extension(EARLY_DATA), None);
    let clear = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(!clear.contains(KEY) && !clear.contains("x-api-key"), "{clear}");
}

#[test]
fn both_versions_do() {
    for version in [&TLS12, &TLS13] {
        let mut settings = server(TRUSTED.identity(&LOOPBACK, |_| {}), &[version]);
        settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let peer = Peer::encrypted(settings, confirm_all);
        assert_eq!(statuses(&Run::of_one_row(&peer.base_url).row()), ("cancelled", "200"), "{version:?}");
    }
}
