//! The call has been read: whatever then comes back, or does not, the row claims no more than that says.

use std::thread;

use super::peer::{End, Peer, confirmation};
use super::{Run, SHORT, statuses};

const BODY: &str = r#"{"testInvitationId":1,"status":"cancelled"}"#;

/// What a server sends, how it ends the connection, and the status and HTTP status that the row must have.
type Case = (&'static str, Vec<u8>, End, (&'static str, &'static str));

const CANCELLED: (&str, &str) = ("cancelled", "200");
/// An answer came, but not a confirmation.
const DOUBTFUL: (&str, &str) = ("unconfirmed", "200");
/// No answer came.
const UNANSWERED: (&str, &str) = ("unconfirmed", "");

/// An answer with this first line, these further lines and this body.
fn answer(first: &str, lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {first}\r\n{lines}\r\n{body}").into_bytes()
}

fn ok(lines: &str, body: &str) -> Vec<u8> {
    answer("200 OK", lines, body)
}

/// The right length, as a header.
fn length() -> String {
    format!("Content-Length: {}\r\n", BODY.len())
}

/// Runs each case in clear and over TLS.
fn check(cases: Vec<Case>) {
    for (case, bytes, end, expected) in cases {
        let peers = Peer::both(move |wire| {
            wire.request();
            wire.say(&bytes);
            wire.end(end);
            // A second call on this connection would be one too many.
            while end != End::Reset && wire.request().is_some() {}
        });
        for peer in peers {
            expect(case, &peer, Run::of_one_row(&peer.base_url), expected);
        }
    }
}

#[track_caller]
fn expect(case: &str, peer: &Peer, run: Run, expected: (&str, &str)) {
    let row = run.row();
    assert_eq!(statuses(&row), expected, "{case} at {}: {}", peer.base_url, row["error"]);
    assert_eq!(row["error"].contains("it may be cancelled"), expected.0 == "unconfirmed", "{case}: {}", row["error"]);
    assert_eq!((peer.asked_for(), row["attempts"].as_str()), (vec![1], "1"), "{case}");
}

#[test]
fn a_connection_that_ends_before_the_head_of_the_answer_leaves_doubt() {
    check(vec![
        ("closed", vec![], End::Close, UNANSWERED),
        ("cut", vec![], End::Cut, UNANSWERED),
        ("reset", vec![], End::Reset, UNANSWERED),
        ("half a first line", b"HTTP/1.1 20".to_vec(), End::Close, UNANSWERED),
        ("a first line alone", b"HTTP/1.1 200 OK\r\n".to_vec(), End::Close, UNANSWERED),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), End::Cut, UNANSWERED),
        ("half a head and a reset", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), End::Reset, UNANSWERED),
        ("half a refusal", b"HTTP/1.1 400 Bad Request\r\n".to_vec(), End::Close, UNANSWERED),
        ("a promise alone", answer("100 Continue", "", ""), End::Close, UNANSWERED),
    ]);
}

#[test]
fn what_is_no_http_leaves_doubt() {
    check(vec![
        ("garbage", b"garbage\r\n\r\n".to_vec(), End::Close, UNANSWERED),
        ("garbage on a line that stays", b"\x00\xff\r\n\r\n".to_vec(), End::Silence, UNANSWERED),
        ("a bare body", BODY.as_bytes().to_vec(), End::Close, UNANSWERED),
        ("HTTP/2", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec(), End::Close, UNANSWERED),
        (
            "a version of the future",
            format!("HTTP/2.0 200 OK\r\n{}\r\n{BODY}", length()).into_bytes(),
            End::Close,
            UNANSWERED,
        ),
        ("a status of two digits", answer("20 OK", &length(), BODY), End::Close, UNANSWERED),
        ("a line without a colon", ok(&format!("oops\r\n{}", length()), BODY), End::Close, UNANSWERED),
    ]);
}

#[test]
fn a_body_that_is_cut_confirms_nothing_but_its_status_stands() {
    let long = "Content-Length: 900\r\n";
    let chunk = format!("{:x}\r\n{BODY}\r\n", BODY.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    check(vec![
        ("no body", ok(&length(), ""), End::Close, DOUBTFUL),
        ("half a body", ok(&length(), &BODY[..20]), End::Close, DOUBTFUL),
        ("all but the brace", ok(&length(), &BODY[..BODY.len() - 1]), End::Cut, DOUBTFUL),
        ("a whole answer, called longer", ok(long, BODY), End::Close, DOUBTFUL),
        ("a whole answer, called longer, cut", ok(long, BODY), End::Cut, DOUBTFUL),
        ("a refusal, called longer", answer("400 Bad Request", long, "{}"), End::Close, ("not_cancellable", "400")),
        ("a 404, called longer", answer("404 Not Found", long, "{}"), End::Cut, ("not_found", "404")),
        ("a 503, called longer", answer("503 Busy", long, "{}"), End::Close, ("server_error", "503")),
        ("chunks without an end", ok(chunked, &chunk), End::Close, DOUBTFUL),
        ("half a chunk", ok(chunked, &chunk[..20]), End::Close, DOUBTFUL),
        ("a chunk of no size", ok(chunked, &format!("{chunk}oops\r\n")), End::Close, DOUBTFUL),
        ("a refusal in chunks without an end", answer("400 No", chunked, &chunk), End::Cut, ("not_cancellable", "400")),
        ("all chunks", ok(chunked, &format!("{chunk}0\r\n\r\n")), End::Close, CANCELLED),
    ]);
}

#[test]
fn a_length_that_contradicts_itself_confirms_nothing() {
    let (right, chunked) = (length(), "Transfer-Encoding: chunked\r\n");
    check(vec![
        ("too short", ok("Content-Length: 20\r\n", BODY), End::Close, DOUBTFUL),
        ("too short, on a line that stays", ok("Content-Length: 20\r\n", BODY), End::Silence, DOUBTFUL),
        ("none", ok("Content-Length: 0\r\n", BODY), End::Close, DOUBTFUL),
        ("twice the same", ok(&format!("{right}{right}"), BODY), End::Close, CANCELLED),
        ("two lengths", ok(&format!("{right}Content-Length: 900\r\n"), BODY), End::Close, UNANSWERED),
        ("two lengths in one line", ok("Content-Length: 43, 900\r\n", BODY), End::Close, UNANSWERED),
        ("no number", ok("Content-Length: long\r\n", BODY), End::Close, UNANSWERED),
        ("a sign", ok(&format!("Content-Length: +{}\r\n", BODY.len()), BODY), End::Close, UNANSWERED),
        ("a length and chunks", ok(&format!("{right}{chunked}"), BODY), End::Close, DOUBTFUL),
    ]);
}

#[test]
fn an_answer_without_a_length_ends_with_the_connection() {
    let old = format!("HTTP/1.0 200 OK\r\n\r\n{BODY}").into_bytes();
    check(vec![
        ("HTTP/1.1", ok("", BODY), End::Close, CANCELLED),
        ("HTTP/1.0", old.clone(), End::Close, CANCELLED),
        ("HTTP/1.0, half", old[..old.len() - 1].to_vec(), End::Close, DOUBTFUL),
    ]);
    // Over TLS, a line that is cut is told from one that ends.
    let [_plain, peer] = Peer::both(move |wire| {
        wire.request();
        wire.say(&old);
        wire.end(End::Cut);
        wire.request();
    });
    expect("cut", &peer, Run::of_one_row(&peer.base_url), DOUBTFUL);
}

#[test]
fn a_whole_answer_stands_however_the_connection_ends() {
    check(vec![
        ("closed", confirmation(1).into(), End::Close, CANCELLED),
        ("cut", confirmation(1).into(), End::Cut, CANCELLED),
        ("kept", confirmation(1).into(), End::Silence, CANCELLED),
    ]);
}

#[test]
fn what_comes_before_the_answer_is_not_the_answer() {
    let early = answer("103 Early Hints", "Link: </a>\r\n", "");
    let promise = answer("100 Continue", "", "");
    let refusal = answer("400 Bad Request", "Content-Length: 2\r\n", "{}");
    check(vec![
        ("a promise", [promise.clone(), confirmation(1).into()].concat(), End::Close, CANCELLED),
        ("hints", [early.clone(), early.clone(), confirmation(1).into()].concat(), End::Close, CANCELLED),
        ("hints and a refusal", [early.clone(), refusal].concat(), End::Close, ("not_cancellable", "400")),
        ("a promise and garbage", [promise, b"garbage\r\n\r\n".to_vec()].concat(), End::Close, UNANSWERED),
        ("hints with a body", [early, BODY.into()].concat(), End::Close, UNANSWERED),
    ]);
}

#[test]
fn a_head_of_any_size_is_read_to_a_bound() {
    let right = length();
    let wide = |bytes: usize| ok(&format!("X-Pad: {}\r\n{right}", "x".repeat(bytes)), BODY);
    let many = |lines: usize| ok(&format!("{}{right}", "X-Pad: x\r\n".repeat(lines)), BODY);
    check(vec![
        ("16 KiB", wide(16 << 10), End::Close, CANCELLED),
        ("2 MiB", wide(2 << 20), End::Close, UNANSWERED),
        ("90 lines", many(90), End::Close, CANCELLED),
        ("10,000 lines", many(10_000), End::Close, UNANSWERED),
    ]);
}

#[test]
fn a_body_in_another_form_confirms_nothing() {
    let framed = |lines: &str, body: &[u8]| {
        let head = ok(&format!("{lines}Content-Length: {}\r\n", body.len()), "");
        [head.as_slice(), body].concat()
    };
    let utf_16: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xff\xfe".as_slice(), &utf_16].concat();
    let declared = "Content-Type: application/json; charset=utf-16\r\n";
    check(vec![
        ("UTF-16", framed(declared, &utf_16), End::Close, DOUBTFUL),
        ("UTF-16 with a mark", framed("", &with_mark), End::Close, DOUBTFUL),
        ("called UTF-16", framed(declared, BODY.as_bytes()), End::Close, CANCELLED),
        ("packed", framed("Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\x00\x00"), End::Close, DOUBTFUL),
        ("no text", framed("", b"{\"testInvitationId\":1,\"status\":\"cancelled\xff\"}"), End::Close, DOUBTFUL),
    ]);
}

#[test]
fn a_change_of_protocol_is_no_confirmation() {
    let switch = answer("101 Switching Protocols", "Connection: upgrade\r\nUpgrade: websocket\r\n", BODY);
    check(vec![("101", switch, End::Close, ("unexpected_response", "101"))]);
}

#[test]
fn silence_ends_with_the_time_and_leaves_doubt() {
    let cases: Vec<Case> = vec![
        ("silence", vec![], End::Silence, UNANSWERED),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), End::Silence, UNANSWERED),
        ("a promise", answer("100 Continue", "", ""), End::Silence, UNANSWERED),
        ("no body", ok(&length(), ""), End::Silence, DOUBTFUL),
        ("a body without an end", ok("", BODY), End::Silence, DOUBTFUL),
        ("a refusal", answer("400 No", "Content-Length: 2\r\n", ""), End::Silence, ("not_cancellable", "400")),
    ];
    thread::scope(|scope| {
        for (case, bytes, end, expected) in cases {
            for peer in Peer::both(move |wire| {
                wire.request();
                wire.say(&bytes);
                wire.end(end);
            }) {
                scope.spawn(move || {
                    let run = Run { timeout: SHORT, ..Run::of_one_row(&peer.base_url) };
                    expect(case, &peer, run, expected);
                });
            }
        }
    });
}

#[test]
fn a_broken_record_of_tls_after_the_call_leaves_doubt() {
    for bytes in [&b"garbage"[..], b"HTTP/1.1 200 OK\r\n\r\n", &[0x17, 3, 3, 0, 32], &[0x15, 3, 3, 0, 2, 2, 40]] {
        let [_plain, peer] = Peer::both(move |wire| {
            wire.request();
            wire.say_raw(bytes);
            wire.end(End::Cut);
            wire.request();
        });
        expect(&format!("{bytes:?}"), &peer, Run::of_one_row(&peer.base_url), UNANSWERED);
    }
}
