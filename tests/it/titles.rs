//! Titles above the header: the refusal says where the header is, and `--header-line` takes it.

use crate::support::{Ended, Place, asked_for, column, sandbox};

/// Files with titles, and the line of the header.
const TITLED: [(&str, &str); 8] = [
    ("Export of round 7\nid,name\n5,a\n6,b\n", "2"),
    ("Export of round 7\nby Ann, Bob\nid,name\n5,a\n6,b\n", "3"),
    ("\n\nExport of \"round 7\n\nid,name\n5,a\n6,b\n", "5"),
    ("Round 7; March; final\nid,name,mail\n5,a,x\n6,b,y\n", "2"),
    ("Round 7,,,\r\nid,name,mail,note\r\n5,a,x,y\r\n6,b,x,y\r\n", "2"),
    ("Generated,2026-01-20,Ann,Lee\nid,name,mail,note\n5,a,x,y\n6,b,x,y\n", "2"),
    ("The IDs\nid\n5\n6\n", "2"),
    ("sep=;\nRound 7\nid;name\n5;a\n6;b\n", "3"),
];

#[test]
fn the_refusal_names_the_line_and_the_flag_takes_it() {
    for (text, line) in TITLED {
        let server = sandbox();
        let place = Place::with_input(text);
        let said = format!("the header seems to be on line {line}: say --header-line {line}");
        place.run(&server, &[]).expect_code(2).expect_said(&[&said]);
        assert!(asked_for(&server).is_empty() && place.names() == ["input.csv"], "{text:?}");
        place.run(&server, &["--header-line", line]).expect_code(0);
        let mut asked = asked_for(&server);
        asked.sort_unstable();
        assert_eq!(asked, [5, 6], "{text:?}");
        let results = place.read("input.results.csv").replace(';', ",");
        let first = line.parse::<u64>().unwrap() + 1;
        let lines = crate::support::parse_results(&results).iter().map(|row| row["line"].clone()).collect::<Vec<_>>();
        assert!(lines.contains(&first.to_string()) && lines.contains(&(first + 1).to_string()), "{results}");
    }
}

#[test]
fn standard_input_is_read_from_its_header_line_too() {
    for (text, line) in TITLED {
        let server = sandbox();
        let place = Place::new();
        let mut command =
            place.command(["run", "-", "-y", "-o", "out.csv", "--header-line", line, "--rate", "unlimited"]);
        command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key()).write_stdin(text);
        Ended::of(&mut command).expect_code(0);
        assert_eq!(asked_for(&server).len(), 2, "{text:?}");
    }
}

#[test]
fn a_run_goes_on_only_from_the_header_line_with_which_it_began() {
    let server = sandbox();
    let place = Place::with_input("Round 7\nid,name\n5,a\n6,b\n");
    let mut command = place.command(["run", "input.csv", "-y", "--limit", "1", "--json"]);
    command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let ended = Ended::of(command.env("IMOCHA_CANCEL_HEADER_LINE", "2")).expect_code(1);
    let command = ended.json()["resume_command"].as_str().unwrap().to_owned();
    assert!(command.contains("--header-line 2"), "{command}");
    place.run(&server, &["--resume"]).expect_code(2).expect_said(&["--header-line 2"]);
    place
        .run(&server, &["--resume", "--no-header", "--id-column", "1"])
        .expect_code(2)
        .expect_said(&["begun with another --header-line (2)"]);
    place.run(&server, &["--resume", "--header-line", "2"]).expect_code(0);
    assert_eq!(column(&place.results(), "line"), ["3", "4"]);
    assert_eq!(asked_for(&server), [5, 6]);
}

#[test]
fn what_is_no_header_is_refused_and_nothing_is_sent() {
    let text = "id,name\n5,a\n\n6,b\n";
    for (arguments, said) in [
        (vec!["--header-line", "2"], "line 2: this is a row and no header"),
        (vec!["--header-line", "2", "--id-column", "1"], "line 2: this is a row and no header"),
        (vec!["--header-line", "3"], "line 3: this line is empty"),
        (vec!["--header-line", "9"], "no row on line 9"),
        (vec!["--header-line", "1", "--no-header"], "--no-header and --header-line contradict each other"),
    ] {
        let server = sandbox();
        let place = Place::with_input(text);
        place.run(&server, &arguments).expect_code(2).expect_said(&[said]);
        assert!(asked_for(&server).is_empty() && place.names() == ["input.csv"]);
    }
    let far = format!("{}id,name\n5,a\n", "a title\n".repeat(20_000));
    let place = Place::with_input(far);
    place.run(&sandbox(), &["--header-line", "20001"]).expect_code(2).expect_said(&["not within the first"]);
}
