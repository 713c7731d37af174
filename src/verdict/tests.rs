use super::*;

/// The state after a call that may have taken effect.
fn doubt() -> Verdict {
    Verdict::of_earlier_run(Status::ServerError, Some(500), "HTTP 500: oops")
}

fn id() -> InvitationId {
    InvitationId::new(2_932_950).unwrap()
}

fn scrubber() -> Scrubber {
    Scrubber::new("s3cret-key".parse().unwrap())
}

fn reply(http_status: u16, body: &str) -> Verdict {
    after(None, http_status, body)
}

fn after(earlier: Option<&Verdict>, http_status: u16, body: &str) -> Verdict {
    let body = body.as_bytes().to_vec();
    let reply = Reply { http_status, body, body_end: BodyEnd::Complete, retry_after: None };
    judge(id(), &Ok(reply), earlier, &scrubber())
}

#[test]
fn every_status_has_one_meaning() {
    let expected = [
        (201, Status::Unconfirmed),
        (204, Status::Unconfirmed),
        (301, Status::UnexpectedResponse),
        (302, Status::UnexpectedResponse),
        (400, Status::NotCancellable),
        (401, Status::Unauthorized),
        (402, Status::UnexpectedResponse),
        (403, Status::Forbidden),
        (404, Status::NotFound),
        (405, Status::UnexpectedResponse),
        (408, Status::UnexpectedResponse),
        (409, Status::UnexpectedResponse),
        (418, Status::UnexpectedResponse),
        (429, Status::RateLimited),
        (500, Status::ServerError),
        (501, Status::ServerError),
        (503, Status::ServerError),
        (599, Status::ServerError),
        (600, Status::UnexpectedResponse),
        (999, Status::UnexpectedResponse),
    ];
    for (http_status, status) in expected {
        let verdict = reply(http_status, r#"{"testInvitationId":2932950,"status":"cancelled"}"#);
        assert_eq!(verdict.status, status, "{http_status}");
        assert_eq!(verdict.http_status, Some(http_status));
        let next = match http_status {
            401 => matches!(verdict.next, Next::Stop(_)),
            429 => verdict.next == Next::Again(Setback::Limited(None)),
            500..=599 => verdict.next == Next::Again(Setback::Failed),
            _ => verdict.next == Next::End,
        };
        assert!(next, "{http_status}: {:?}", verdict.next);
    }
}

#[test]
fn the_documented_answer_confirms_in_every_spelling() {
    for body in [
        r#"{"testInvitationId":2932950,"status":"cancelled"}"#,
        r#"{"status":" Canceled ","testInvitationId":"2932950","more":[1]}"#,
        "\u{feff}{\"testInvitationId\":2932950,\"status\":\"CANCELLED\"}",
    ] {
        let verdict = reply(200, body);
        assert_eq!((verdict.status, verdict.error.as_str()), (Status::Cancelled, ""), "{body}");
    }
}

#[test]
fn nothing_else_with_200_confirms() {
    for body in [
        "",
        "{}",
        "null",
        "cancelled",
        "<html>ok</html>",
        r#"{"testInvitationId":2932951,"status":"cancelled"}"#,
        r#"{"testInvitationId":2932950.0,"status":"cancelled"}"#,
        r#"{"testInvitationId":-2932950,"status":"cancelled"}"#,
        r#"{"testInvitationId":"+2932950","status":"cancelled"}"#,
        r#"{"testInvitationId":"02932950","status":"cancelled"}"#,
        r#"{"testInvitationId":null,"status":"cancelled"}"#,
        r#"{"testInvitationId":2932950,"status":"pending"}"#,
        r#"{"testInvitationId":2932950,"status":"not cancelled"}"#,
        r#"{"testInvitationId":2932950,"status":null}"#,
        r#"{"testInvitationId":2932950,"status":"cancelled","status":"pending"}"#,
        r#"{"testInvitationId":2932951,"testInvitationId":2932950,"status":"cancelled"}"#,
        r#"{"testInvitationId":2932950,"status":"cancelled"} {}"#,
        r#"[{"testInvitationId":2932950,"status":"cancelled"}]"#,
        r#"[2932950,"cancelled"]"#,
    ] {
        let verdict = reply(200, body);
        assert_eq!(verdict.status, Status::Unconfirmed, "{body}");
        assert!(verdict.error.starts_with("HTTP 200, but "), "{}", verdict.error);
    }
}

#[test]
fn a_confirmation_that_was_cut_does_not_confirm() {
    for body_end in [BodyEnd::TooLong, BodyEnd::Lost] {
        let body = br#"{"testInvitationId":2932950,"status":"cancelled"}"#.to_vec();
        let reply = Reply { http_status: 200, body, body_end, retry_after: None };
        let verdict = judge(id(), &Ok(reply), None, &scrubber());
        assert_eq!(verdict.status, Status::Unconfirmed);
    }
}

#[test]
fn the_servers_message_is_shown_in_each_documented_shape() {
    for (body, error) in [
        (r#"{"statusCode":400,"message":"can not be cancelled."}"#, "HTTP 400: can not be cancelled."),
        (r#"{"errors":["one","two"]}"#, "HTTP 400: one; two"),
        (r#"{"result":null,"errors":[{"message":"one"}]}"#, "HTTP 400: one"),
        (r#"{"message":"key s3cret-key\u001b[2J\nis bad"}"#, "HTTP 400: key [api key] [2J is bad"),
        (r#"{"message":""}"#, "HTTP 400: iMocha refused; usually the invitation is no longer pending"),
        ("<html>no</html>", "HTTP 400: iMocha refused; usually the invitation is no longer pending"),
        ("", "HTTP 400: iMocha refused; usually the invitation is no longer pending"),
    ] {
        assert_eq!(reply(400, body).error, error, "{body}");
    }
}

#[test]
fn only_what_never_left_is_unreachable() {
    let verdict = |sent| {
        let failure = Failure { sent, what: "connection\nreset".to_owned() };
        judge(id(), &Err(failure), None, &scrubber())
    };
    assert_eq!(verdict(Sent::No).status, Status::Unreachable);
    assert_eq!(verdict(Sent::No).error, "not sent: connection reset");
    assert_eq!(verdict(Sent::Maybe).status, Status::Unconfirmed);
    assert!(verdict(Sent::Maybe).error.contains("may be cancelled"));
}

#[test]
fn doubt_is_lifted_only_by_an_answer_that_speaks_of_the_invitation() {
    let confirmed = r#"{"testInvitationId":2932950,"status":"cancelled"}"#;
    for (http_status, status) in [
        (200, Status::Cancelled),
        (204, Status::Unconfirmed),
        (302, Status::Unconfirmed),
        (400, Status::Unconfirmed),
        (401, Status::Unconfirmed),
        (403, Status::Unconfirmed),
        (404, Status::NotFound),
        (429, Status::Unconfirmed),
        (500, Status::ServerError),
    ] {
        let (verdict, fresh) = (after(Some(&doubt()), http_status, confirmed), reply(http_status, confirmed));
        assert_eq!(verdict.status, status, "{http_status}");
        assert_eq!(verdict.next, fresh.next, "{http_status}: doubt changes no course");
        assert_eq!(verdict.http_status, Some(http_status));
        if verdict.status != fresh.status {
            assert!(verdict.error.contains("an earlier call may have cancelled it"), "{}", verdict.error);
            assert!(verdict.error.ends_with(&fresh.error), "{}", verdict.error);
        }
    }
}

fn unsent() -> Result<Reply, Failure> {
    Err(Failure { sent: Sent::No, what: "refused".to_owned() })
}

#[test]
fn a_call_that_never_left_changes_nothing_of_what_earlier_ones_made_of_the_row() {
    assert_eq!(judge(id(), &unsent(), None, &scrubber()).status, Status::Unreachable);
    for http_status in [403, 429, 500, 302] {
        let before = reply(http_status, "");
        let mut after = judge(id(), &unsent(), Some(&before), &scrubber());
        assert_eq!(after.text(), format!("{}; then a call could not be sent: refused", before.error));
        assert_eq!(after.next, Next::Again(Setback::Unreachable));
        // Further calls that cannot be sent change nothing either, in this run and in a later one.
        after = judge(id(), &unsent(), Some(&after), &scrubber());
        let later = Verdict::of_earlier_run(after.status, after.http_status, &after.text());
        after = judge(id(), &unsent(), Some(&later), &scrubber());
        assert_eq!(after.text(), format!("{}; then a call could not be sent: refused", before.error));
        let stands = |verdict: &Verdict| (verdict.status, verdict.http_status, verdict.effect);
        assert_eq!(stands(&after), stands(&before), "{http_status}");
    }
    let nobody_knows = judge(id(), &unsent(), Some(&Verdict::in_doubt()), &scrubber());
    assert_eq!((nobody_knows.status, nobody_knows.effect), (Status::Unconfirmed, Effect::Possible));
}

#[test]
fn the_http_status_is_that_of_the_last_answer_also_behind_a_lost_call() {
    let lost = Err(Failure { sent: Sent::Maybe, what: "reset".to_owned() });
    let verdict = judge(id(), &lost, Some(&reply(429, "")), &scrubber());
    assert_eq!((verdict.status, verdict.http_status), (Status::Unconfirmed, Some(429)));
    assert_eq!(judge(id(), &lost, Some(&verdict), &scrubber()).http_status, Some(429));
    assert_eq!(judge(id(), &lost, None, &scrubber()).http_status, None);
}

#[test]
fn a_503_that_says_when_to_come_back_is_a_429_by_another_name_and_leaves_doubt() {
    let busy = |http_status, retry_after| {
        let reply = Reply { http_status, body: Vec::new(), body_end: BodyEnd::Complete, retry_after };
        judge(id(), &Ok(reply), None, &scrubber())
    };
    let wait = Some(Duration::from_secs(7));
    assert_eq!(busy(503, wait).next, Next::Again(Setback::Limited(wait)));
    assert_eq!((busy(503, wait).status, busy(503, wait).effect), (Status::ServerError, Effect::Possible));
    assert_eq!(busy(503, None).next, Next::Again(Setback::Failed));
    assert_eq!(busy(500, wait).next, Next::Again(Setback::Failed));
}

#[test]
fn doubt_stays_from_attempt_to_attempt() {
    assert_eq!(reply(500, "").effect, Effect::Possible);
    assert_eq!(reply(429, "").effect, Effect::None);
    assert_eq!(after(Some(&doubt()), 429, "").effect, Effect::Possible);
}
