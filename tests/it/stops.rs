//! A run that stops early says why, sends nothing more, and leaves a row for every row.

use std::io::{Seek, SeekFrom, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::canned::{Answer, Canned};
use crate::support::{Ended, PATIENCE, Place, asked_for, at_once, column, sandbox, wait_until};

#[test]
fn a_rejected_key_stops_the_run_at_once() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\nx\n3\n4\n5\n6\n7\n8\n9\n");
    let ended = place.run_at(&server.base_url(), "s3cret-wrong", &["--concurrency", "2", "--json"]).expect_code(3);

    let json = ended.json();
    assert_eq!((&json["outcome"], &json["reason"]), (&"stopped".into(), &"unauthorized".into()));
    assert_eq!(json["rows"]["total"], 10);
    let calls = server.record().arrivals.len();
    assert!((1..=2).contains(&calls), "no more than were in flight: {calls}");

    let results = place.results();
    let statuses = column(&results, "status");
    assert_eq!(statuses.iter().filter(|&&status| status == "unauthorized").count(), calls);
    assert_eq!(statuses.iter().filter(|&&status| status == "not_attempted").count(), 9 - calls);
    assert_eq!(statuses[2], "invalid_id");
    ended.expect_said(&["rejected the API key", "HTTP 401"]);
}

#[test]
fn what_was_in_flight_is_finished_and_recorded_when_the_run_stops() {
    let server = Canned::serve(|path, _before| {
        if path.contains("/1/") {
            return Answer::json("401 Unauthorized", "{}");
        }
        Answer::cancelled(path)
    });
    let place = Place::with_input("id\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    place.run_at(&server.base_url, "key", &["--concurrency", "3"]).expect_code(3);
    let results = place.results();
    let statuses = column(&results, "status");
    assert_eq!(results.len(), 9);
    assert_eq!(statuses[0], "unauthorized");
    assert_eq!(server.requests(), statuses.iter().filter(|&&status| status != "not_attempted").count());
}

#[cfg(target_os = "linux")]
#[test]
fn of_a_list_that_a_full_disk_cuts_off_standard_error_gets_the_rows_that_were_called_alone() {
    let server = sandbox();
    let ids: String = (1..=200).map(|number| format!("{number}01,{}\n", "x".repeat(100))).collect();
    let place = Place::with_input(format!("id,note\n{ids}"));
    // A limit of 4 KiB for a file is a disk that is full after some rows. The signal that comes with it is ignored, so
    // that the write fails as it does on a full disk.
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$@\"";
    let mut command = assert_cmd::Command::new("bash");
    command.env_clear().current_dir(place.path("")).args(["-c", script, "bash", env!("CARGO_BIN_EXE_imocha-cancel")]);
    command.args(["run", "input.csv", "-y", "--rate", "unlimited", "--json", "--concurrency", "2", "--base-url"]);
    command.arg(server.base_url()).env("IMOCHA_API_KEY", server.api_key());
    let ended = Ended::of(&mut command).expect_code(3);
    assert_eq!(ended.json()["reason"], "results_unwritable");

    let kept = place.results();
    let start = ended.stderr.find("line,invitation_id").unwrap();
    let rows_end = ended.stderr[start..].find("\nstopped: ").map_or(ended.stderr.len(), |end| start + end + 1);
    let rescued = crate::support::parse_results(&ended.stderr[start..rows_end]);
    assert!(!kept.is_empty() && !rescued.is_empty());
    assert!(rescued.iter().all(|row| row["attempts"] != "0"), "the rest of the list is nobody's business");
    let told: Vec<&str> = kept.iter().chain(&rescued).map(|row| row["line"].as_str()).collect();
    assert_eq!(told.iter().collect::<std::collections::HashSet<_>>().len(), told.len(), "no row stands in both places");
    assert_eq!(ended.json()["rows"]["total"], told.len());
    let counts = ended.json();
    assert_eq!(counts["this_run"]["cancelled"], counts["rows"]["cancelled"], "this run alone has called");
    let cancelled = kept.iter().chain(&rescued).filter(|row| row["status"] == "cancelled").count();
    assert_eq!(cancelled, asked_for(&server).len(), "what was sent is told");
    assert!(cancelled < 200, "the run stopped");
    ended.expect_said(&[&format!("{} rows of the input have no result", 200 - told.len()), "--resume"]);

    place.run(&server, &["--resume"]);
    assert_eq!(place.results().len(), 200, "once there is room, it goes on");
    crate::storm::check_against_the_record(&server, &place.results(), 200);
}

#[test]
fn an_input_that_changes_during_the_run_stops_it() {
    let server = sandbox();
    let rows: String = (1..=3000).map(|number| format!("{number}01,{}\n", "x".repeat(500))).collect();
    let place = Place::with_input(format!("id,note\n{rows}"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["run", "input.csv", "-y", "--rate", "200/s", "--json"]);
    command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    assert!(server.wait_for_arrivals(1, PATIENCE));
    place.write("input.csv", "id,note\n666,somebody else\n");
    let ended = Ended::from(running.wait_with_output().unwrap()).expect_code(3);

    assert_eq!(ended.json()["reason"], "input_changed");
    let asked = asked_for(&server);
    let results = place.results();
    let not_attempted = results.iter().filter(|row| row["status"] == "not_attempted").count();
    assert!(not_attempted > 0, "what was read ahead is not sent any more");
    assert!(asked.len() < 3000 && !asked.contains(&666), "nothing of the new file is sent");
    assert_eq!(place.results().len(), usize::try_from(ended.json()["rows"]["total"].as_u64().unwrap()).unwrap());
    ended.expect_said(&["input.csv", "changed", "rows of the input were not read"]);
}

#[test]
fn a_tail_overwritten_during_the_run_is_not_sent_whatever_size_and_time_say() {
    let is_overwritten = Arc::new(AtomicBool::new(false));
    let may_answer = Arc::clone(&is_overwritten);
    let server = Canned::serve(move |path, _before| {
        wait_until("the new tail", || may_answer.load(Ordering::SeqCst));
        Answer::cancelled(path)
    });
    // At this rate some 160 rows are read ahead; the tail begins behind four hundred.
    let rows: String = (1600..2400).map(|number| format!("{number},{}\n", "x".repeat(2000))).collect();
    let text = format!("id,note\n{rows}");
    let place = Place::with_input(&text);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["run", "input.csv", "-y", "--rate", "400/s", "--json"]);
    command.args(["--base-url", &server.base_url]).env("IMOCHA_API_KEY", "key");
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    wait_until("the first call", || server.requests() > 0);
    let path = place.path("input.csv");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let (kept, tail) = text.split_at(text.len() / 2);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(kept.len().try_into().unwrap())).unwrap();
    file.write_all(tail.replace("\n2", "\n9").as_bytes()).unwrap();
    file.set_modified(modified).unwrap();
    drop(file);
    is_overwritten.store(true, Ordering::SeqCst);
    // No call is needed for what the run would send of the new tail: it stops when it reads the first block of it.
    let ended = Ended::from(running.wait_with_output().unwrap()).expect_code(3);

    assert_eq!(ended.json()["reason"], "input_changed");
    let record = server.record();
    assert!(record.iter().all(|(_, path)| !path.contains("/9")), "nothing of the new tail is sent: {record:?}");
    assert!((100..=400).contains(&record.len()), "what stands before it is: {}", record.len());
    ended.expect_said(&["input.csv", "changed"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_found_before_the_first_call() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n2\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["run", "input.csv", "-y", "-o", "-"]);
    command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    Ended::from(ended).expect_code(2).expect_said(&["could not begin the results", "No space left"]);
    assert!(server.record().arrivals.is_empty());
    assert_eq!(place.names(), ["input.csv"]);
}

#[test]
fn when_the_reader_of_standard_output_goes_the_counts_are_those_of_the_calls_and_no_resume_is_promised() {
    use std::io::Read;

    let server = sandbox();
    let ids: String = (1..=2000).map(|number| format!("{number}01,{}\n", "x".repeat(1000))).collect();
    let place = Place::with_input(format!("id,note\n{ids}"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["run", "input.csv", "-y", "-o", "-", "--rate", "unlimited"]);
    command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdout.take().unwrap().read_exact(&mut [0; 1000]).unwrap();
    let ended = Ended::from(process.wait_with_output().unwrap()).expect_code(3);
    assert!(!ended.stderr.contains("--resume") && !ended.stderr.contains("of this run"), "{}", ended.stderr);
    ended.expect_said(&["rows of the input were not sent, and have no result"]);
}

/// A run over a pipe that stays open behind these rows.
fn over_an_idle_pipe(
    place: &Place,
    base_url: &str,
    arguments: &[&str],
) -> (std::process::Child, std::process::ChildStdin) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", "key");
    command.args(["run", "-", "-y", "-o", "input.results.csv", "--json", "--base-url", base_url]).args(arguments);
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    input.write_all(b"id\n1\n2\n3\n").unwrap();
    (running, input)
}

#[test]
fn a_stopped_run_over_a_pipe_ends_without_waiting_for_the_pipe_to_end() {
    let rejected = Canned::serve(|_path, _before| Answer::json("401 Unauthorized", "{}"));
    let gone = Canned::serve(|_path, _before| Answer::json("503 Unavailable", "{}"));
    let well = Canned::serve(|path, _before| Answer::cancelled(path));
    let cases = [
        (&rejected, vec![], "unauthorized"),
        (&well, vec!["--max-duration", "2s"], "deadline"),
        (&gone, vec!["--max-duration", "2s"], "deadline"),
    ];
    at_once(cases, |(server, arguments, reason)| {
        let place = Place::new();
        let (running, input) = over_an_idle_pipe(&place, &server.base_url, &arguments);
        let ended = Ended::from(running.wait_with_output().unwrap()).expect_code(3);
        drop(input);
        assert_eq!((&ended.json()["outcome"], &ended.json()["reason"]), (&"stopped".into(), &reason.into()));
        assert_eq!(place.results().len(), 3, "what was read has a result");
        ended.expect_said(&["standard input was not read to its end"]);
    });
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_over_an_idle_pipe() {
    let server = Canned::serve(|path, _before| Answer::cancelled(path));
    let place = Place::new();
    let (running, input) = over_an_idle_pipe(&place, &server.base_url, &[]);
    wait_until("three calls", || server.requests() == 3);
    let killed = std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = Ended::from(running.wait_with_output().unwrap()).expect_code(143);
    drop(input);
    assert_eq!((&ended.json()["outcome"], &ended.json()["reason"]), (&"stopped".into(), &"interrupted".into()));
    assert_eq!(column(&place.results(), "status"), ["cancelled"; 3]);
}

#[test]
fn a_file_that_is_piped_in_has_a_result_for_each_row_when_the_run_stops() {
    let rejected = Canned::serve(|_path, _before| Answer::json("401 Unauthorized", "{}"));
    let place = Place::new();
    let ids: String = (1..=3000).map(|number| format!("{number}\n")).collect();
    let mut command = place.command(["run", "-", "-y", "-o", "input.results.csv", "--base-url", &rejected.base_url]);
    command.env("IMOCHA_API_KEY", "key").write_stdin(format!("id\n{ids}"));
    Ended::of(&mut command).expect_code(3);
    assert_eq!(place.results().len(), 3000);
}

#[cfg(target_os = "linux")]
#[test]
fn rows_of_a_megabyte_do_not_fill_the_memory() {
    let server = crate::support::sandbox_with(imocha_cancel::sandbox::Options {
        latency: std::time::Duration::from_millis(20),
        ..Default::default()
    });
    let note = "x".repeat(1_000_000);
    let rows: String = (1..=300).map(|number| format!("{number}01,{note}\n")).collect();
    let place = Place::with_input(format!("id,note\n{rows}"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).args(["run", "input.csv", "-y", "--rate", "unlimited"]);
    command.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key());
    let mut running = command.stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", running.id());
    let mut most_kib = 0;
    while running.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most_kib = most_kib.max(peak.unwrap_or(0_u64));
        std::thread::yield_now();
    }
    assert!(running.wait().unwrap().success());
    assert!(most_kib > 0 && most_kib < 256 * 1024, "{most_kib} KiB");
}

#[test]
fn what_has_to_be_mended_first_stands_before_the_command_that_goes_on() {
    let server = sandbox();
    let rejected = Place::with_input("id\n101\n102\n").run_at(&server.base_url(), "wrong", &[]).expect_code(3);
    let unknown = (0..60).fold("id\n".to_owned(), |text, number| format!("{text}{number}97\n"));
    let wrong = Place::with_input(unknown).run(&server, &[]).expect_code(3);
    for (ended, first) in
        [(rejected, "first: make sure that the key is the one"), (wrong, "first: find out whether this is")]
    {
        let (before, behind) = ended.stderr.split_once("to go on: ").unwrap();
        assert!(before.contains(first) && behind.contains("--resume"), "{}", ended.stderr);
    }
}
