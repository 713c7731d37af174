//! `--shard K/N`: several runs, on one machine or many, do together what one would do, and a shard that is missing shows.

use std::fs;

use imocha_cancel::sandbox::{Faults, Options, Sandbox};
use serde_json::Value;

use crate::resume::refused;
use crate::support::{
    Ended, Place, ResultsRow, asked_for, at_once, column, parse_results, repository, sandbox, sandbox_with,
};

/// A list with rows of every kind: duplicates in several spellings, cells that are no ID, rows that `--where` leaves out.
fn messy_rows() -> String {
    let rows = (1..=60).map(|id| {
        let team = ["a", "b", "c"][id % 3];
        let second = match id % 5 {
            0 => format!(" 0{id}01 ,{team},\"the same\nonce more\""),
            1 => format!("{id}01.0,a,the same"),
            2 => format!("2.9E+0{id},{team},Excel"),
            3 => ",a,no ID".to_owned(),
            _ => format!("-{id}01,{team},a sign"),
        };
        format!("{id}01,{team},first\n{second}\n")
    });
    format!("Test Invitation ID,team,note\n{}", rows.collect::<String>())
}

fn results_of(place: &Place, name: &str) -> Vec<ResultsRow> {
    parse_results(&place.read(name))
}

/// What a results row says, less what differs from run to run.
fn said(row: &ResultsRow) -> (u64, Vec<(String, String)>) {
    let mut cells: Vec<(String, String)> = row
        .iter()
        .filter(|(name, _)| !["duration_ms", "finished_at", "line"].contains(&name.as_str()))
        .map(|(name, cell)| (name.clone(), cell.clone()))
        .collect();
    cells.sort();
    (row["line"].parse().unwrap(), cells)
}

fn sorted<'a>(rows: impl IntoIterator<Item = &'a ResultsRow>) -> Vec<(u64, Vec<(String, String)>)> {
    let mut said: Vec<_> = rows.into_iter().map(said).collect();
    said.sort();
    said
}

#[test]
fn four_shards_that_run_at_once_leave_together_what_one_run_leaves() {
    for filter in [&[][..], &["--where", "team!=b"]] {
        let (alone, shared) = (sandbox(), sandbox());
        let whole = Place::with_input(messy_rows());
        whole.run(&alone, &[filter, &["--json"]].concat()).expect_code(1);

        let place = Place::with_input(messy_rows());
        at_once(1..=4, |number| {
            let shard = format!("{number}/4");
            let ended = place.run(&shared, &[&["--shard", &shard, "--json"], filter].concat()).expect_code(1);
            let json = ended.json();
            let results = results_of(&place, &format!("input.shard-{number}-of-4.results.csv"));
            assert_eq!(json["rows"]["total"], results.len());
            assert_eq!(json["shard"]["input_rows"], whole.results().len());
            assert_eq!((&json["shard"]["number"], &json["shard"]["of"]), (&number.into(), &4.into()));
            assert_eq!(json["results"], format!("input.shard-{number}-of-4.results.csv"));
            ended.expect_said(&[&format!("rows of shard {number}/4")]);
        });
        let parts: Vec<Vec<ResultsRow>> =
            (1..=4).map(|number| results_of(&place, &format!("input.shard-{number}-of-4.results.csv"))).collect();
        assert!(parts.iter().all(|part| part.len() > 10), "{:?}", parts.iter().map(Vec::len).collect::<Vec<_>>());
        assert_eq!(sorted(parts.iter().flatten()), sorted(&whole.results()));
        let asked = |server: &Sandbox| {
            let mut ids = asked_for(server);
            ids.sort_unstable();
            ids
        };
        assert_eq!(asked(&shared), asked(&alone), "each once");
    }
}

#[test]
fn shards_of_standard_input_are_those_of_a_file() {
    let server = sandbox();
    let whole = Place::with_input(messy_rows());
    whole.run(&server, &["--limit", "0"]).expect_code(1);
    let place = Place::new();
    let mut lines = Vec::new();
    for number in 1..=3 {
        let name = format!("{number}.csv");
        let mut command = place.command(["run", "-", "-y", "--json", "-o", &name, "--limit", "0"]);
        command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
        let ended = Ended::of(command.env("IMOCHA_CANCEL_SHARD", format!("{number}/3")).write_stdin(messy_rows()));
        assert_eq!(ended.expect_code(1).json()["shard"]["input_rows"], Value::Null, "nobody knows before its end");
        let of_file = Place::with_input(messy_rows());
        of_file.run(&server, &["--limit", "0", "-o", "out.csv", "--shard", &format!("{number}/3")]).expect_code(1);
        let (stream, file) = (results_of(&place, &name), results_of(&of_file, "out.csv"));
        assert_eq!(column(&stream, "line"), column(&file, "line"));
        assert_eq!(column(&stream, "status"), column(&file, "status"));
        lines.extend(column(&stream, "line").into_iter().map(|line| line.parse::<u64>().unwrap()));
    }
    lines.sort_unstable();
    assert_eq!(lines, column(&whole.results(), "line").iter().map(|line| line.parse().unwrap()).collect::<Vec<u64>>());
}

#[test]
fn another_table_is_told_to_a_stream_whichever_shard_its_first_row_is_in() {
    let server = sandbox();
    for number in 1..=4 {
        let place = Place::new();
        let shard = format!("{number}/4");
        let mut command = place.command(["run", "-", "-y", "-o", "out.csv", "--shard", &shard]);
        command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
        let ended = Ended::of(command.write_stdin("id,name\n101,a\n201,b\n\nid,phone\n301,x\n401,y\n"));
        // Rows of it that need attention name it too.
        let warnings = ended.stderr.lines().filter(|line| !line.starts_with("    line "));
        assert_eq!(warnings.filter(|line| line.contains("another table begins")).count(), 1, "{}", ended.stderr);
    }
    assert_eq!(asked_for(&server).len(), 2);
}

#[test]
fn a_dry_run_and_the_guards_speak_of_the_shard_alone() {
    let server = sandbox();
    let place = Place::with_input((1..=100).map(|id| format!("{id}01\n")).collect::<String>());
    let looked = place.run(&server, &["--shard", "2/5", "-n", "--json"]).expect_code(0);
    let json = looked.json();
    let own = json["would_cancel"].as_u64().unwrap();
    assert!((5..=40).contains(&own), "{own}");
    let (rows, others) = (format!("{own} of the 100 rows"), format!("{} fall to other shards", 100 - own));
    looked.expect_said(&["2/5", &rows, &others, &format!("{own} invitations would be cancelled")]);
    let command = json["run_command"].as_str().unwrap();
    assert!(command.contains(" --shard 2/5 ") && command.contains(" --expect "), "{command}");

    let most = own.to_string();
    let one_less = (own - 1).to_string();
    let refused = place.run(&server, &["--shard", "2/5", "--max-cancels", &one_less, "--json"]).expect_code(2);
    assert_eq!(refused.json()["reason"], "too_many");
    place.run(&server, &["--shard", "2/5", "--max-cancels", &most, "--limit", "3"]).expect_code(1);
    assert_eq!(asked_for(&server).len(), 3);
    let results = results_of(&place, "input.shard-2-of-5.results.csv");
    assert_eq!(u64::try_from(results.len()).unwrap(), own);
    assert_eq!(column(&results, "status")[..4], ["cancelled", "cancelled", "cancelled", "not_attempted"]);
}

#[test]
fn a_shard_goes_on_as_itself_and_as_no_other() {
    let server = sandbox();
    let place = Place::with_input(messy_rows());
    let first = place.run(&server, &["--shard", "1/3", "-o", "input.results.csv", "--limit", "2", "--json"]);
    let command = first.expect_code(1).json()["resume_command"].as_str().unwrap().to_owned();
    assert!(command.contains(" --shard 1/3 "), "{command}");
    for other in [&["--shard", "2/3"][..], &["--shard", "1/4"], &[]] {
        let arguments = [other, &["-o", "input.results.csv"]].concat();
        refused(&place, &server, &arguments, "options_changed", &["--shard", "1/3"]);
    }
    // Without --resume, the same -o for two shards is refused like any results that are there.
    let taken = place.run(&server, &["--shard", "2/3", "-o", "input.results.csv", "--json"]).expect_code(2);
    assert_eq!(taken.json()["reason"], "results_exist");
    let done = place.run(&server, &["--shard", "1/3", "-o", "input.results.csv", "--resume", "--json"]).expect_code(1);
    assert_eq!(done.json()["rows"]["not_attempted"], 0);
    let asked = asked_for(&server);
    assert_eq!(u64::try_from(asked.len()).unwrap(), done.json()["rows"]["cancelled"].as_u64().unwrap(), "each once");

    let journal = place.read("input.results.csv.journal");
    assert!(journal.starts_with("{\"run\":{\"format\":3,"), "a version without shards would take all rows: {journal}");
    let whole = Place::with_input("id\n1\n");
    whole.run(&server, &[]);
    assert!(whole.read("input.results.csv.journal").starts_with("{\"run\":{\"format\":2,"));
}

#[test]
fn what_is_no_shard_is_wrong_usage() {
    let place = Place::with_input("id\n1\n");
    let server = sandbox();
    for (shard, told) in [
        ("2", "2/8 is the second of eight"),
        ("0/8", "counted from 1"),
        ("9/8", "no shard 9 of 8"),
        ("1/99999", "10000 shards at most"),
    ] {
        let ended = place.run(&server, &["--shard", shard, "--json"]).expect_code(2).expect_said(&["--shard", told]);
        assert_eq!(ended.json()["reason"], "usage");
    }
    assert!(server.record().arrivals.is_empty());
}

#[test]
fn a_shard_without_rows_is_done() {
    let place = Place::with_input("id\n1\n");
    let server = sandbox();
    at_once(1..=3, |number| {
        place.run(&server, &["--shard", &format!("{number}/3")]).expect_code(0);
    });
    assert_eq!(asked_for(&server), [1]);
    let rows: Vec<usize> =
        (1..=3).map(|number| results_of(&place, &format!("input.shard-{number}-of-3.results.csv")).len()).collect();
    assert_eq!(rows.iter().sum::<usize>(), 1, "{rows:?}");
}

#[test]
fn the_first_fifty_answers_and_the_doubt_of_earlier_runs_count_within_a_shard() {
    let faults = r#"[{"answer": {"status": 404}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = Place::with_input((1..=400).map(|id| format!("{id}01\n")).collect::<String>());
    let ended = place.run(&server, &["--shard", "3/4", "--json", "--concurrency", "1"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "wrong_input");
    assert!(asked_for(&server).len() < 60);

    // What is in doubt in results that are the input starts in doubt, in whichever shard it is.
    let place = Place::new();
    fs::copy(repository("samples/results.csv"), place.path("input.csv")).unwrap();
    let (whole, shared) = (sandbox(), sandbox());
    place.run(&whole, &["--where", "status!=x"]);
    let expected = sorted(&place.results());
    let mut parts = Vec::new();
    for number in 1..=2 {
        place.run(&shared, &["--where", "status!=x", "--shard", &format!("{number}/2")]);
        parts.extend(results_of(&place, &format!("input.shard-{number}-of-2.results.csv")));
    }
    assert_eq!(sorted(&parts), expected);
}

/// `verify` over these results, and its exit code.
fn verify(place: &Place, server: &Sandbox, arguments: &[&str]) -> Ended {
    let mut command = place.command(["verify", "--json", "--rate", "unlimited", "--base-url", &server.base_url()]);
    Ended::of(command.args(arguments).env("IMOCHA_API_KEY", server.api_key()))
}

#[test]
fn verify_takes_all_shards_together_and_notices_one_that_is_missing_or_there_twice() {
    let server = sandbox();
    let place = Place::with_input((1..=30).map(|id| format!("{id}01\n")).collect::<String>());
    let names = [1, 2, 3].map(|number| format!("input.shard-{number}-of-3.results.csv"));
    for number in 1..=3 {
        let ended = place.run(&server, &["--shard", &format!("{number}/3"), "--verify"]).expect_code(0);
        assert!(!ended.stderr.contains("missing"), "the run of a shard says nothing of the others: {}", ended.stderr);
    }
    let [one, two, three] = names.each_ref().map(String::as_str);
    let all = verify(&place, &server, &[one, two, three, "-o", "all.csv"]).expect_code(0);
    assert_eq!(all.json()["verified"]["confirmed"], 30);
    assert_eq!(place.read("all.csv").lines().count(), 31, "shards of one input have the same columns");

    let two_left = verify(&place, &server, &[one, three]).expect_code(1);
    let message = two_left.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("of the 3 shards of \"input.csv\" are not whole: 2 is missing"), "{message}");
    assert!(message.ends_with("and the input has 30"), "{message}");
    two_left.expect_said(&["2 is missing"]);
    verify(&place, &server, &[two, "-n"]).expect_code(1).expect_said(&["1, 3 are missing"]);

    // The same shard once more, under another name.
    place.run(&server, &["--shard", "2/3", "-o", "again.csv"]);
    verify(&place, &server, &[one, two, three, "again.csv"]).expect_code(1).expect_said(&["2 is there more than once"]);

    // A row that was taken out: each shard is there, and they do not add up.
    let whole = place.read(two);
    let (rest, _last) = whole.trim_end().rsplit_once('\n').unwrap();
    place.write(two, format!("{rest}\n"));
    verify(&place, &server, &[one, two, three])
        .expect_code(1)
        .expect_said(&["do not add up; they have 29 rows, and the input has 30"]);
    place.write(two, whole);

    // Without its journal nobody knows what a shard is of.
    fs::remove_file(place.path(&format!("{two}.journal"))).unwrap();
    verify(&place, &server, &[one, two, three]).expect_code(1).expect_said(&["no journal", "one shard of several"]);
}
