//! Tests with the results of an earlier run as the input.

use super::*;
use crate::outcome::Effect;

const HEADER: &str = "line,invitation_id,status,http_status,error,attempts,duration_ms,finished_at";

fn effects(text: &str) -> Vec<(u64, Effect)> {
    let (_, found) = read(text);
    let effect = |row: &Screened| match row {
        Screened::ToCancel { id, effect, .. } => Some((id.get(), *effect)),
        Screened::Skipped { .. } => None,
    };
    found.iter().filter_map(effect).collect()
}

#[test]
fn a_row_without_a_valid_id_is_not_sent_again_whatever_its_cell_is() {
    let text = format!(
        "{HEADER},id,name\n2,2,invalid_id,,because,0,0,t,2,x\n3,5,cancelled,200,,1,9,t,5,y\n4,34,invalid_id,,,0,0,t,34,z\n"
    );
    for options in [options(), id_column("id"), id_column("2"), filtered(&["name!=q"]), short_rows()] {
        let (_, found) = read_with(&text, &options).unwrap();
        assert_eq!(brief(&found), ["2 invalid_id \"2\"", "3 5", "4 invalid_id \"34\""]);
        assert_eq!(reason(&found[0]), "because");
        assert_eq!(reason(&found[2]), "an earlier run found no valid ID here");
    }
    assert_eq!(rows(text.replace(',', ";")), ["2 invalid_id \"2\"", "3 5", "4 invalid_id \"34\""]);
}

#[test]
fn results_of_results_and_a_list_with_a_status_know_it_too() {
    let text = format!(
        "{HEADER},input_line,input_invitation_id,input_status,input_error,id\n\
         2,2,filtered,,f,0,0,t,2,2,invalid_id,because,2\n3,5,cancelled,200,,1,9,t,3,5,not_attempted,,5\n"
    );
    let (_, found) = read(&text);
    assert_eq!(brief(&found), ["2 invalid_id \"2\"", "3 5"]);
    assert_eq!(reason(&found[0]), "because");
    assert_eq!(
        rows("id,name,status,error\n34,Flat 12,invalid_id,moved\n5,x,not_found,\n"),
        ["2 invalid_id \"34\"", "3 5"]
    );
}

#[test]
fn results_whose_columns_somebody_spelt_anew_know_it_too() {
    let text = format!(
        "{HEADER},input_status,name\n2,2,invalid_id,,because,0,0,t,,a\n3,5,unconfirmed,,e,1,9,t,,b\n4,7,filtered,,f,0,0,t,invalid_id,c\n"
    );
    let header = text.lines().next().unwrap();
    for anew in [header.to_uppercase(), header.replace('_', " "), header.replace('s', "S"), header.replace(',', " , ")]
    {
        let text = text.replace(header, &anew);
        assert_eq!(rows(&text), ["2 invalid_id \"2\"", "3 5", "4 invalid_id \"7\""], "{anew}");
        assert_eq!(effects(&text), [(5, Effect::Possible)], "{anew}");
        assert_eq!(reason(&read(&text).1[0]), "because", "{anew}");
    }
    assert_eq!(rows("Invitation ID,Status\n2,invalid_id\n3,Pending\n"), ["2 invalid_id \"2\"", "3 3"]);
    // If two columns have the same name in different spellings, the one spelt as in our results counts.
    assert_eq!(
        rows("id,status,error,STATUS\n2,invalid_id,,Pending\n3,cancelled,,invalid_id\n"),
        ["2 invalid_id \"2\"", "3 3"]
    );
}

#[test]
fn doubt_stands_in_the_results() {
    let row = |id: u64, status: &str, older: &str| format!("{id},{id},{status},,e,1,9,t,{older},{id}\n");
    let rows = [
        row(1, "unconfirmed", "Pending"),
        row(2, "server_error", ""),
        row(3, "unexpected_response", ""),
        row(4, "cancelled", "server_error"),
        row(5, "not_attempted", "unconfirmed"),
        row(6, "forbidden", ""),
        row(7, "filtered", "unconfirmed"),
        row(8, "not_attempted", "Pending"),
    ];
    let text = format!("{HEADER},input_status,id\n{}", rows.concat());
    let possible = [1, 2, 3, 5, 7];
    for (id, effect) in effects(&text) {
        assert_eq!(effect == Effect::Possible, possible.contains(&id), "{id}");
    }
    assert_eq!(effects(&text).len(), 8);
    assert_eq!(effects("id,status\n5,unconfirmed\n"), [(5, Effect::None)]);
}

#[test]
fn a_torn_row_of_results_is_not_sent() {
    let text = format!("{HEADER},id\n2,5,cancelled,200,,1,9,t,5\n3,29329\n");
    assert_eq!(rows_with(text, &short_rows()), ["2 5", "3 invalid_id \"29329\""]);
}
