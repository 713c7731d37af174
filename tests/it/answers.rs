//! Every status that one attempt can give a row, without another try.

use std::net::TcpListener;

use crate::canned::{Answer, Canned};
use crate::support::{Ended, Place};

/// Runs one row for ID 7 against a server that gives this answer, and gives the status, HTTP status and error.
fn ended_with(answer: Answer) -> (String, String, String) {
    let server = Canned::serve(move |path, _before| {
        assert_eq!(path, "/v3/invitations/7/cancel");
        answer.clone()
    });
    let place = Place::with_input("id\n7\n");
    let ended = place.run_at(
        &server.base_url,
        "s3cret-key",
        &["--timeout", "2s", "--max-attempts", "1", "--max-outage", "0s", "-v"],
    );
    assert_eq!(server.requests(), 1, "one attempt");
    check_secret(&place, &ended);
    let row = &place.results()[0];
    assert_eq!(row["attempts"], "1");
    (row["status"].clone(), row["http_status"].clone(), row["error"].clone())
}

fn check_secret(place: &Place, ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr, &place.read("input.results.csv")] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn each_http_status_gives_the_promised_one() {
    for (line, status, error) in [
        ("200 OK", "cancelled", ""),
        ("202 Accepted", "unconfirmed", "HTTP 202, but only 200 confirms a cancellation"),
        ("301 Moved", "unexpected_response", "HTTP 301: an answer that iMocha does not document"),
        ("400 Bad Request", "not_cancellable", "HTTP 400: iMocha refused"),
        ("401 Unauthorized", "unauthorized", "HTTP 401: the API key is not valid"),
        ("403 Forbidden", "forbidden", "HTTP 403: the API key may not cancel this invitation"),
        ("404 Not Found", "not_found", "HTTP 404: there is no such invitation"),
        ("409 Conflict", "unexpected_response", "HTTP 409: an answer that iMocha does not document"),
        ("429 Too Many Requests", "rate_limited", "HTTP 429: too many calls, or the quota is used up"),
        ("500 Oops", "server_error", "HTTP 500: iMocha failed"),
        ("503 Busy", "server_error", "HTTP 503: iMocha failed"),
    ] {
        let row = ended_with(Answer::json(line, r#"{"testInvitationId":7,"status":"cancelled"}"#));
        assert_eq!((row.0.as_str(), row.1.as_str()), (status, &line[..3]), "{line}");
        assert!(row.2.starts_with(error), "{line}: {}", row.2);
    }
}

#[test]
fn a_success_that_does_not_name_this_invitation_confirms_nothing() {
    for body in [
        "",
        "{}",
        "<html>fine</html>",
        r#"{"testInvitationId":8,"status":"cancelled"}"#,
        r#"{"testInvitationId":7,"status":"pending"}"#,
    ] {
        let (status, http_status, error) = ended_with(Answer::json("200 OK", body));
        assert_eq!((status.as_str(), http_status.as_str()), ("unconfirmed", "200"), "{body}");
        assert!(error.contains("may be cancelled"), "{error}");
    }
}

#[test]
fn a_call_that_gets_no_answer_is_unconfirmed() {
    for answer in
        [Answer::HangUp, Answer::Silence, Answer::Bytes(b"garbage".to_vec()), Answer::Bytes(b"HTTP/1.1 200 O".to_vec())]
    {
        let (status, http_status, error) = ended_with(answer.clone());
        assert_eq!((status.as_str(), http_status.as_str()), ("unconfirmed", ""), "{answer:?}");
        assert!(error.contains("it may be cancelled"), "{answer:?}: {error}");
    }
}

#[test]
fn a_confirmation_that_is_cut_short_is_unconfirmed() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"testInvitationId\":7,\"status\":\"cancelled\"}";
    let (status, http_status, error) = ended_with(Answer::Bytes(cut.to_vec()));
    assert_eq!((status.as_str(), http_status.as_str()), ("unconfirmed", "200"));
    assert!(error.contains("the rest of the answer was lost"), "{error}");
}

#[test]
fn an_answer_without_end_is_read_no_further_than_64_kib() {
    let body = format!("{{\"testInvitationId\":7,\"status\":\"cancelled\",\"pad\":\"{}\"}}", "x".repeat(1 << 20));
    let (status, _, error) = ended_with(Answer::json("200 OK", &body));
    assert_eq!(status, "unconfirmed");
    assert!(error.contains("too long"), "{error}");
    assert_eq!(ended_with(Answer::json("400 Bad Request", &body)).0, "not_cancellable", "the status is an answer");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere =
        Canned::serve(|_path, _before| Answer::json("200 OK", r#"{"testInvitationId":7,"status":"cancelled"}"#));
    for code in [301, 302, 303, 307, 308] {
        let moved = format!(
            "HTTP/1.1 {code} Moved\r\nLocation: {}/v3/invitations/7/cancel\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            elsewhere.base_url
        );
        assert_eq!(ended_with(Answer::Bytes(moved.into_bytes())).0, "unexpected_response");
    }
    assert_eq!(elsewhere.requests(), 0, "the key must not follow to another place");
}

#[test]
fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::with_input("id\n7\n");
    place.run_at(&base_url, "key", &["--max-attempts", "1", "--max-outage", "1s"]).expect_code(1);
    let row = &place.results()[0];
    assert_eq!((row["status"].as_str(), row["http_status"].as_str()), ("unreachable", ""));
    assert!(row["error"].starts_with("not sent: could not connect to 127.0.0.1:"), "{}", row["error"]);
}

#[test]
fn a_hostile_message_is_made_harmless_and_the_key_is_masked() {
    let message = r#"{"message":"=cmd\r\nset-cookie: s3cret-key \u001b[31m\u202eevil, \"quoted\""}"#;
    let (status, _, error) = ended_with(Answer::json("403 Forbidden", message));
    assert_eq!(status, "forbidden");
    assert_eq!(error, "HTTP 403: =cmd set-cookie: [api key] [31mevil, \"quoted\"");
}
