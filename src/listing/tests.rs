use super::*;

fn read(text: &str) -> Result<Listing, ListFault> {
    Listing::read(text.as_bytes(), ListedState::Cancelled)
}

fn ids(entries: &str) -> Vec<u64> {
    read(&format!(r#"{{"errors":null,"result":{{"testAttempts":[{entries}]}},"more":[1]}}"#)).unwrap().ids
}

#[test]
fn numbers_are_kept_in_order_and_once() {
    assert_eq!(ids(""), [0_u64; 0]);
    assert_eq!(
        ids(
            r#"{"testInvitationId":7,"name":"May \"x\"","testId":1},{"testInvitationId":" 3 "},{"testInvitationId":7}"#
        ),
        [3, 7]
    );
}

#[test]
fn an_entry_that_names_another_state_is_not_evidence() {
    let entry = |id: u64, status: &str| format!(r#"{{"testInvitationId":{id},"testStatus":"{status}"}}"#);
    let entries = [
        entry(1, "Cancelled"),
        entry(2, "canceled"),
        entry(3, "Pending"),
        entry(4, "In progress"),
        entry(5, "Test Left"),
        entry(6, "Expired"),
        entry(7, "Not cancelled"),
        entry(8, ""),
    ];
    assert_eq!(ids(&entries.join(",")), [1, 2, 8], "a word that nobody knows is no evidence");
}

#[test]
fn an_answer_in_any_other_form_is_not_used() {
    for text in [
        "{}",
        "null",
        "[]",
        "\"ok\"",
        r#"{"result":null,"errors":null}"#,
        r#"{"result":[],"errors":null}"#,
        r#"{"result":{"testAttempts":null}}"#,
        r#"{"result":{"testAttempts":{}}}"#,
        r#"{"result":{"attempts":[]}}"#,
        r#"{"result":{"testAttempts":[1]}}"#,
        r#"{"result":{"testAttempts":[{"id":1}]}}"#,
        r#"{"result":{"testAttempts":[{"testInvitationId":0}]}}"#,
        r#"{"result":{"testAttempts":[{"testInvitationId":-1}]}}"#,
        r#"{"result":{"testAttempts":[{"testInvitationId":1.5}]}}"#,
        r#"{"result":{"testAttempts":[{"testInvitationId":"+1"}]}}"#,
        r#"{"result":{"testAttempts":[{"testInvitationId":"12a"}]}}"#,
        r#"{"result":{"testAttempts":[{"testInvitationId":9223372036854775808}]}}"#,
        r#"{"result":{"testAttempts":[]},"result":{"testAttempts":[]}}"#,
        r#"{"result":{"testAttempts":[]}} trailing"#,
        "<html>busy</html>",
    ] {
        assert!(matches!(read(text), Err(ListFault::Malformed(_))), "{text}: {:?}", read(text));
    }
}

#[test]
fn a_list_that_is_cut_anywhere_is_not_used() {
    let whole = r#"{"result":{"testAttempts":[{"testInvitationId":12,"testStatus":"Cancelled"}]},"errors":null}"#;
    assert_eq!(read(whole).unwrap().ids, [12]);
    for length in 0..whole.len() {
        let cut = Listing::read(&whole.as_bytes()[..length], ListedState::Cancelled);
        assert!(matches!(cut, Err(ListFault::Cut(_))), "{length}");
    }
}

#[test]
fn a_text_without_an_end_is_not_kept_until_it_ends() {
    let long = "x\\\"".repeat(LONGEST_TEXT);
    for text in [
        format!(r#"{{"{long}"#),
        format!(r#"{{"errors":["{long}"#),
        format!(r#"{{"result":{{"testAttempts":[{{"testInvitationId":1,"testStatus":"{long}"#),
    ] {
        assert!(matches!(read(&text), Err(ListFault::Malformed(_))));
    }
}

#[test]
fn errors_say_why_there_is_no_list() {
    let refused = |text| match read(text) {
        Err(ListFault::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(r#"{"result":null,"errors":["too long a window",{"message":"sorry"}]}"#),
        "too long a window; sorry"
    );
    assert_eq!(refused(r#"{"result":{"testAttempts":[]},"errors":[{"code":7}]}"#), "an error without a text");
    let many = vec![r#""no""#; 30].join(",");
    assert_eq!(refused(&format!(r#"{{"errors":[{many}]}}"#)).matches("no").count(), MOST_ERRORS);
}

#[test]
fn a_window_is_whole_seconds_and_lies_around_its_moments() {
    let window =
        ListingWindow::new("2026-01-02T03:04:05.9Z".parse().unwrap(), "2026-01-02T03:04:06.1Z".parse().unwrap());
    assert_eq!(window.body(), r#"{"StartDateTime":"2026-01-02T03:04:05Z","EndDateTime":"2026-01-02T03:04:07Z"}"#);
    let exact = ListingWindow::new("2026-01-02T03:04:05Z".parse().unwrap(), "2026-01-02T03:04:05Z".parse().unwrap());
    assert_eq!(exact.since, exact.until);
}
