//! `report` and `run --report`: the page, what may stand in it, and where it may go.

use std::fs::{self, File};
use std::process::Stdio;

use imocha_cancel::sandbox::{Faults, Options, Sandbox};

use crate::canned::{Answer, Canned};
use crate::support::{Ended, Place, ResultsRow, asked_for, column, sandbox, sandbox_with};

/// Rows for each kind of ending, whose names must not leave the results without a word.
const INPUT: &str = "id,Name,Email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n3,Cy,cy@example.com\n\
                     4,Dee,dee@example.com\n4915112345678x,Eve,eve@example.com\n1,Ann,ann@example.com\n";
const RESULTS: &str = "input.results.csv";
const PAGE: &str = "input.results.html";

/// A server that cancels the first, refuses the second, fails at the third and does not know the fourth.
fn server() -> Canned {
    Canned::serve(|path, _before| match path.split('/').nth(3).unwrap() {
        "2" => Answer::json("400 Bad Request", "{}"),
        "3" => Answer::HangUp,
        "4" => Answer::json("404 Not Found", "{}"),
        _ => Answer::cancelled(path),
    })
}

/// A place in which a run over [`INPUT`] has ended.
fn place_after_run() -> Place {
    let (server, place) = (server(), Place::with_input(INPUT));
    place.run_at(&server.base_url, "key", &["--max-attempts", "1", "--max-outage", "0s"]).expect_code(1);
    place
}

fn report(place: &Place, arguments: &[&str]) -> Ended {
    Ended::of(place.command(["report"]).args(arguments))
}

/// The numbers on the page, as it tells them first: `cancelled` and the like with their rows.
fn counts(page: &str) -> Vec<(String, String)> {
    let (_, list) = page.split_once("<ul class=\"counts\">").unwrap();
    let (list, _) = list.split_once("</ul>").unwrap();
    let items = list.split("<strong>").skip(1).map(|item| item.split_once("</strong> ").unwrap());
    items.map(|(rows, kind)| (kind.split('<').next().unwrap().to_owned(), rows.to_owned())).collect()
}

fn count(page: &str, kind: &str) -> u64 {
    counts(page).iter().find(|(name, _)| name == kind).map_or(0, |(_, rows)| rows.replace(',', "").parse().unwrap())
}

#[test]
fn the_page_lies_beside_the_results_and_says_first_what_matters() {
    let place = place_after_run();
    let ended = report(&place, &[RESULTS]).expect_code(0);
    assert_eq!(ended.stderr, format!("report: \"{PAGE}\": 6 rows, 4 need attention\n"));
    let page = place.read(PAGE);
    let kinds = ["cancelled", "in doubt", "refused", "without a valid ID", "left out"];
    let expected: Vec<(String, String)> =
        kinds.iter().zip(["1", "1", "2", "1", "1"]).map(|(kind, rows)| ((*kind).to_owned(), rows.to_owned())).collect();
    assert_eq!(counts(&page), expected);
    let places = ["class=\"verdict", "id=\"outcomes\"", "id=\"calls\"", "1 in doubt</h3>", "2 refused</h3>"]
        .into_iter()
        .chain(["1 without a valid ID</h3>", "id=\"go-on\"", "id=\"particulars\""])
        .map(|part| page.find(part).unwrap_or_else(|| panic!("no {part} in {page}")));
    assert!(places.is_sorted(), "in the order of what matters");
    assert!(
        page.contains(
            "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\""
        )
    );
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("url("), "nothing from outside");
}

#[test]
fn names_and_addresses_are_shown_only_where_they_are_asked_for() {
    let place = place_after_run();
    report(&place, &[RESULTS]).expect_code(0);
    let page = place.read(PAGE);
    for private in ["Ann", "Bob", "Cy", "Dee", "Eve", "@example.com", "49151"] {
        assert!(!page.contains(private), "{private}");
    }
    report(&place, &[RESULTS, "--columns", "name, EMAIL"]).expect_code(0);
    let page = place.read(PAGE);
    assert!(page.contains("<td>Bob</td><td>bob@example.com</td>") && page.contains("<td>eve@example.com</td>"));
    assert!(!page.contains("Ann"), "her row needs no attention");
    let ended = report(&place, &[RESULTS, "--columns", "Name,Phone", "--json"]).expect_code(2);
    assert_eq!(ended.json()["reason"], "usage");
    ended.expect_said(&["no column \"Phone\" of the input", "\"id\", \"Name\", \"Email\""]);
}

#[test]
fn the_command_that_goes_on_is_that_of_the_run() {
    let place = place_after_run();
    report(&place, &[RESULTS]).expect_code(0);
    let page = place.read(PAGE);
    let said = place.read("input.results.csv.journal");
    let (_, command) = said.split_once("\"going_on\":\"").unwrap();
    let command = command.split('"').next().unwrap();
    assert!(command.starts_with("imocha-cancel run input.csv") && command.ends_with(" --resume"), "{command}");
    assert!(page.contains(&format!("<pre><code>{command}</code></pre>")), "{page}");
    assert!(page.contains("<pre><code>imocha-cancel verify input.results.csv --base-url http://127.0.0.1:"), "{page}");

    let (server, done) = (sandbox(), Place::with_input("id\n1\n"));
    done.run(&server, &[]).expect_code(0);
    report(&done, &[RESULTS]).expect_code(0);
    assert!(done.read(PAGE).contains("Nothing is left that the run could be resumed for."));
}

#[test]
fn a_cell_of_the_input_does_nothing_on_the_page() {
    let hostile = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}x";
    let (server, place) = (server(), Place::with_input(format!("id,{hostile}\n2,{hostile}\n")));
    place.run_at(&server.base_url, "key", &[]).expect_code(1);
    report(&place, &[RESULTS, "--columns", hostile]).expect_code(0);
    let page = place.read(PAGE);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'));
    assert_eq!(page.matches("&#60;script&#62;").count(), 2, "once as a name, and once as a cell");
}

#[test]
fn rounds_over_one_input_count_each_row_once() {
    let (server, place) = (sandbox(), Place::with_input("id,team\n101,a\n202,a\n303,b\n391,b\nx,b\n"));
    place.run(&server, &["--where", "team=a", "-o", "a.csv"]).expect_code(0);
    place.run(&server, &["--where", "team=b", "-o", "b.csv"]).expect_code(1);
    report(&place, &["a.csv", "b.csv", "-o", "both.html"]).expect_code(0).expect_said(&["5 rows, 2 need attention"]);
    let page = place.read("both.html");
    assert_eq!((count(&page, "cancelled"), count(&page, "refused"), count(&page, "left out")), (3, 1, 0), "{page}");
    assert!(page.contains("<strong>5</strong> of these rows stand in the results more than once"));
    // Each file is told as it is, too.
    assert!(page.contains("<th scope=\"row\">a.csv</th><td>5</td>") && page.contains("each row once</th><td>5</td>"));
}

#[test]
fn a_run_over_the_results_of_another_counts_where_it_got_further() {
    let faults = r#"[{"ids": [202, 303], "attempts": {"to": 1}, "answer": {"status": 403}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = Place::with_input("id\n101\n202\n303\n");
    place.run(&server, &[]).expect_code(1);
    let again = ["run", RESULTS, "--where", "status=forbidden", "-o", "again.csv", "--yes"];
    let mut command = place.command(again);
    command.env("IMOCHA_API_KEY", server.api_key()).env("IMOCHA_CANCEL_BASE_URL", server.base_url());
    Ended::of(&mut command).expect_code(0);
    for order in [[RESULTS, "again.csv"], ["again.csv", RESULTS]] {
        report(&place, &[order[0], order[1], "-o", "both.html"]).expect_code(0);
        let page = place.read("both.html");
        assert_eq!((count(&page, "cancelled"), counts(&page).len()), (3, 1), "{:?}", counts(&page));
    }
}

#[test]
fn results_that_may_lack_rows_say_so() {
    let place = place_after_run();
    let whole = place.read(RESULTS);
    let journal = place.read("input.results.csv.journal");
    let said = |text: &str| {
        report(&place, &[RESULTS]).expect_code(0);
        let page = place.read(PAGE);
        assert!(page.contains(text), "no {text:?} in {page}");
    };
    {
        let held = File::open(place.path("input.results.csv.journal")).unwrap();
        held.lock().unwrap();
        said("a run is at work on these results");
    }
    place.write(RESULTS, &whole[..whole.len() - 5]);
    said("the end of the results is torn");
    place.write("input.results.csv.journal", journal.replace("{\"ended\":\"finished\"}\n", ""));
    said("the last run was cut off");
    place.write(RESULTS, &whole);
    said("the last run was cut off");
    place.write("input.results.csv.journal", "no journal\n");
    said("it is not known which input and which API they are of");
    let fewer: String = whole.lines().take(4).map(|line| format!("{line}\n")).collect();
    place.write(RESULTS, fewer);
    place.write("input.results.csv.journal", journal);
    said("3 rows of the input have no result yet.");
}

#[test]
fn times_of_other_zones_are_one_time_and_what_is_no_time_is_told() {
    let place = place_after_run();
    let rewritten = |finished_at: &str| {
        let results = place.results();
        let times = column(&results, "finished_at");
        place.write(RESULTS, times.into_iter().fold(place.read(RESULTS), |text, time| text.replace(time, finished_at)));
    };
    rewritten("2026-01-20T07:30:00+05:30");
    report(&place, &[RESULTS]).expect_code(0);
    assert!(place.read(PAGE).contains("<th scope=\"row\">2026-01-20 02:00:00</th><td>4</td><td>4</td>"));
    // One clock that was wrong is one bar, and takes nothing from the others.
    let with_a_wrong_clock = place.read(RESULTS).replacen("2026-01-20T07:30:00+05:30", "1970-01-01T00:00:00Z", 3);
    place.write(RESULTS, with_a_wrong_clock);
    report(&place, &[RESULTS]).expect_code(0);
    let page = place.read(PAGE);
    assert!(page.contains(">1970-01-01 00:00:00</th>") && page.contains(">2026-01-20 02:00:00</th>"), "{page}");
    assert_eq!(page.matches("<line class=\"pause\"").count(), 1);
    rewritten("yesterday");
    report(&place, &[RESULTS]).expect_code(2).expect_said(&["are damaged at byte"]);
}

#[test]
fn what_is_no_report_is_never_replaced() {
    let place = place_after_run();
    for (arguments, reason, said) in [
        (&[RESULTS, "-o", "input.csv"][..], "results_exist", "is there already, and is no report"),
        (&[RESULTS, "-o", RESULTS], "usage", "are the same file"),
        (&[RESULTS, "-o", "./input.results.csv"], "usage", "are the same file"),
        (&[RESULTS, "-o", "input.results.csv.journal"], "usage", "are the same file"),
        (&[RESULTS, "-o", "."], "usage", "is a directory"),
        (&[RESULTS, "-o", "missing/r.html"], "usage", "there is no directory"),
        (&[RESULTS, RESULTS, "-o", "r.html"], "usage", "named twice"),
        (&[RESULTS, "input.csv", "-o", "r.html"], "input", "did you mean \"input.results.csv\"?"),
        (&["missing.csv"], "input", "could not read the results \"missing.csv\""),
        (&[".", "-o", "r.html"], "input", "is not an ordinary file"),
        (&[RESULTS, "-o", "-"], "usage", "cannot both go to standard output"),
    ] {
        let before = (place.names(), place.read("input.csv"), place.read(RESULTS));
        let ended = report(&place, &[arguments, &["--json"]].concat()).expect_code(2).expect_said(&[said]);
        assert_eq!(ended.json()["reason"], reason, "{arguments:?}");
        assert_eq!((place.names(), place.read("input.csv"), place.read(RESULTS)), before, "{arguments:?}");
    }
    fs::copy(place.path(RESULTS), place.path("other.csv")).unwrap();
    report(&place, &[RESULTS, "other.csv"]).expect_code(2).expect_said(&["needs a place"]);
    place.write(PAGE, "<!doctype html>\n<title>precious</title>");
    report(&place, &[RESULTS]).expect_code(2).expect_said(&["is no report"]);
    fs::remove_file(place.path(PAGE)).unwrap();
    report(&place, &[RESULTS]).expect_code(0);
    report(&place, &[RESULTS, "-q"]).expect_code(0);
}

#[cfg(unix)]
#[test]
fn nobody_may_read_the_page_who_may_not_read_the_results() {
    use std::os::unix::fs::PermissionsExt;

    let place = place_after_run();
    fs::copy(place.path(RESULTS), place.path("other.csv")).unwrap();
    let set = |name: &str, mode: u32| {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    for results in [0o600, 0o640, 0o644] {
        set(RESULTS, results);
        report(&place, &[RESULTS]).expect_code(0);
        assert_eq!(mode(PAGE) & !results, 0, "{:o} for {results:o}", mode(PAGE));
        report(&place, &[RESULTS, "other.csv", "-o", "both.html"]).expect_code(0);
        let bound = if results == mode("other.csv") { results } else { 0o600 };
        assert_eq!(mode("both.html") & !bound, 0, "{:o} for {results:o}", mode("both.html"));
        fs::remove_file(place.path("both.html")).unwrap();
    }
    // What the operator gave the page it keeps, as far as the results allow it.
    set(PAGE, 0o666);
    set(RESULTS, 0o600);
    report(&place, &[RESULTS]).expect_code(0);
    assert_eq!(mode(PAGE), 0o600);
    let names = ["input.csv", RESULTS, "input.results.csv.journal", PAGE, "other.csv"];
    assert_eq!(place.names(), names, "no part is left");
}

#[test]
fn the_page_can_go_to_standard_output() {
    let place = place_after_run();
    let ended = report(&place, &[RESULTS, "-o", "-"]).expect_code(0);
    assert!(ended.stdout.starts_with("<!doctype html>") && ended.stdout.ends_with("</html>\n"));
    assert_eq!(ended.stderr, "");
    assert!(!place.has(PAGE));
}

#[cfg(target_os = "linux")]
#[test]
fn a_page_that_cannot_be_written_is_told_with_its_own_exit_code() {
    let place = place_after_run();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["report", RESULTS, "-o", "-"]).stderr(Stdio::piped());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let child = command.stdout(full).spawn().unwrap();
    Ended::from(child.wait_with_output().unwrap()).expect_code(3).expect_said(&["could not write the report"]);
}

#[test]
fn the_summary_for_a_script_names_the_page() {
    let place = place_after_run();
    let json = report(&place, &[RESULTS, "--json"]).expect_code(0).json();
    assert_eq!((&json["outcome"], &json["exit_code"], &json["report"]), (&"finished".into(), &0.into(), &PAGE.into()));
    assert_eq!(
        (&json["rows"]["total"], &json["rows"]["unconfirmed"], &json["calls"]["total"]),
        (&6.into(), &1.into(), &0.into())
    );
    let json = report(&place, &["--json"]).expect_code(2).json();
    assert_eq!((&json["outcome"], &json["reason"]), (&"refused".into(), &"usage".into()));
}

fn run_with_page(place: &Place, server: &Sandbox, arguments: &[&str]) -> Ended {
    place.run(server, &[&["--report", "r.html"], arguments].concat())
}

#[test]
fn a_run_writes_its_page_however_it_ends() {
    let (server, place) = (sandbox(), Place::with_input("id\n101\n202\n303\n391\n"));
    let ended = run_with_page(&place, &server, &["--limit", "2", "--json"]).expect_code(1);
    assert_eq!(ended.json()["report"], "r.html");
    let page = place.read("r.html");
    assert_eq!((count(&page, "cancelled"), count(&page, "not reached")), (2, 2));
    assert!(page.contains("imocha-cancel run input.csv --base-url") && page.contains("simulated"), "{page}");
    assert!(!page.contains("a run is at work"));

    run_with_page(&place, &server, &["--resume"]).expect_code(1).expect_said(&["report: \"r.html\"\n"]);
    assert_eq!((count(&place.read("r.html"), "cancelled"), count(&place.read("r.html"), "refused")), (3, 1));

    let stopped = Place::with_input("id\n101\n202\n");
    let ended = stopped.run_at(&server.base_url(), "wrong", &["--report", "r.html"]).expect_code(3);
    assert!(stopped.read("r.html").contains("early: the API key was rejected"), "{}", ended.stderr);
}

#[test]
fn a_page_of_a_run_that_cannot_go_where_it_should_is_refused_before_the_first_call() {
    let (server, place) = (sandbox(), Place::with_input("id\n101\n"));
    place.write("precious.html", "<!doctype html>");
    for (page, more, said) in [
        ("precious.html", &[][..], "is no report"),
        ("input.csv", &[], "are the same file"),
        (RESULTS, &[], "are the same file"),
        ("input.results.csv.journal", &[], "are the same file"),
        ("missing/r.html", &[], "there is no directory"),
        (".", &[], "is a directory"),
        ("-", &[], "--report needs a file"),
        ("r.html", &["-o", "-"], "--report needs a results file"),
        ("precious.html", &["--dry-run"], "is no report"),
    ] {
        place.run(&server, &[&["--report", page], more].concat()).expect_code(2).expect_said(&[said]);
    }
    assert!(asked_for(&server).is_empty());
    assert_eq!(place.names(), ["input.csv", "precious.html"]);
    run_with_page(&place, &server, &["--dry-run"]).expect_code(0);
    assert_eq!(place.names(), ["input.csv", "precious.html"], "a dry run writes nothing");
}

#[test]
fn a_page_that_fails_never_changes_how_the_run_ends() {
    let place = Place::with_input("id\n101\n");
    let page = place.path("r.html");
    let server = Canned::serve(move |path, _before| {
        fs::write(&page, "somebody's").unwrap();
        Answer::cancelled(path)
    });
    let ended = place.run_at(&server.base_url, "key", &["--report", "r.html", "--json"]).expect_code(0);
    assert!(ended.json().get("report").is_none());
    ended.expect_said(&["is there already, and is no report", "`report` makes it from them"]);
    assert_eq!(place.read("r.html"), "somebody's");
}

#[test]
fn the_page_of_a_run_over_standard_input_says_that_nobody_can_go_on_with_it() {
    let (server, place) = (sandbox(), Place::new());
    let mut command =
        place.command(["run", "-", "-y", "-o", "out.csv", "--limit", "1", "--base-url", &server.base_url()]);
    command.env("IMOCHA_API_KEY", server.api_key()).env("IMOCHA_CANCEL_REPORT", "r.html");
    Ended::of(command.write_stdin("id\n101\n202\n")).expect_code(1);
    let page = place.read("r.html");
    assert!(
        page.contains("the input was a stream, which nobody can read again") && !page.contains("--resume"),
        "{page}"
    );
    let results: Vec<ResultsRow> = crate::support::parse_results(&place.read("out.csv"));
    assert_eq!(column(&results, "status"), ["cancelled", "not_attempted"]);
}
