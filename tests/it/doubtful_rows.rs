//! Rows about which there is doubt, from the file to what the server was asked for.

use imocha_cancel::sandbox::{Faults, Options};

use crate::support::{Ended, Place, asked_for, column, sandbox, sandbox_with};

#[test]
fn torn_rows_are_not_sent_unless_the_operator_says_that_they_are_meant() {
    let server = sandbox();
    let place = Place::with_input("id,name,note\n2932950,Ann,call\n9876543201\n2932951,Bob\n2932952,Cy,x\n");
    place.run(&server, &[]).expect_code(1);
    let mut asked = asked_for(&server);
    asked.sort_unstable();
    assert_eq!(asked, [2_932_950, 2_932_952]);
    let results = place.results();
    assert_eq!(column(&results, "status"), ["cancelled", "invalid_id", "invalid_id", "cancelled"]);
    assert!(column(&results, "error")[1].contains("--short-rows"));

    let meant = Place::with_input("id,name,note\n2932960,Ann\n2932961\n2932962,Cy,x\n");
    meant.run(&server, &["--short-rows"]).expect_code(0);
    let mut command = meant.command(["run", "input.csv", "--sandbox", "-o", "other.csv", "--rate", "unlimited"]);
    Ended::of(command.env("IMOCHA_CANCEL_SHORT_ROWS", "1")).expect_code(0);
}

#[test]
fn a_run_goes_on_only_with_the_same_word_about_short_rows() {
    let server = sandbox();
    let place = Place::with_input("id,name\n5,Ann\n6\n7,Cy\n");
    place.run(&server, &["--short-rows", "--limit", "1"]).expect_code(1);
    let refused = place.run(&server, &["--resume", "--json"]).expect_code(2).expect_said(&["--short-rows"]);
    assert_eq!(refused.json()["reason"], "options_changed");
    // A journal of a version that did not know the word means that it was not said.
    let journal = place.read("input.results.csv.journal").replace(",\"short_rows\":true", "");
    place.write("input.results.csv.journal", &journal);
    place.run(&server, &["--resume", "--short-rows"]).expect_code(2).expect_said(&["--short-rows"]);
    place.run(&server, &["--resume"]).expect_code(1);
}

#[test]
fn another_table_is_warned_of_and_not_sent() {
    let server = sandbox();
    let place = Place::with_input("id,name\n5,Ann\n\nEmployee,Phone\n1001,99\n");
    place.run(&server, &["-n"]).expect_code(0).expect_said(&["another table", "4"]);
    place.run(&server, &[]).expect_code(1).expect_said(&["another table", "4"]);
    assert_eq!(asked_for(&server), [5]);
    let error = column(&place.results(), "error")[2].to_owned();
    assert!(error.contains("another table begins on line 4"), "{error}");
}

/// Results of fewer than ten lines, in the order of their input.
fn in_order(results: &str) -> String {
    let (header, rows) = results.split_once('\n').unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.sort_unstable();
    format!("{header}\n{}\n", rows.join("\n"))
}

#[test]
fn a_results_file_as_input_keeps_what_it_knew() {
    let faults = r#"[{"ids": 2932951, "attempts": [1], "answer": {"status": 500}},
        {"ids": 2932951, "answer": {"status": 400}}, {"ids": 2932952, "answer": {"status": 400}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let first = "id,name\n2,932,950\n\"2,932,950\",Ann\n2932951,Bob\n2932952,Cy\n2932953 2932954,Dee\n2932951,again\n";
    let place = Place::with_input(first);
    place.run(&server, &["--max-attempts", "1"]).expect_code(1);
    let second = Place::with_input(in_order(&place.read("input.results.csv")));
    second.run(&server, &["--max-attempts", "1"]).expect_code(1);
    let again = Place::with_input(in_order(&second.read("input.results.csv")));
    again.run(&server, &["--max-attempts", "1", "--where", "status!=not_cancellable"]).expect_code(1);
    for place in [&second, &again] {
        let results = place.results();
        let statuses = column(&results, "status");
        assert_eq!((statuses[0], statuses[1], statuses[4]), ("invalid_id", "invalid_id", "invalid_id"));
        assert_eq!((statuses[2], statuses[5]), ("unconfirmed", "duplicate"), "a 400 does not settle what is in doubt");
    }
    assert_eq!(column(&second.results(), "status")[3], "not_cancellable");
    assert_eq!(column(&second.results(), "error")[0], column(&place.results(), "error")[0]);
    assert!(asked_for(&server).iter().all(|id| [2_932_951, 2_932_952].contains(id)));
}
