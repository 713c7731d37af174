//! `--metrics-file`: what monitoring gets to know of a run, whatever its end.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use imocha_cancel::sandbox::{Faults, Options, Sandbox};

use crate::support::{Ended, Place, asked_for, sandbox, sandbox_with};

/// The labels of a sample, and its value as it is written.
type Sample = (BTreeMap<String, String>, String);

/// Reads metrics as strictly as their format is written: for each name its help, its type, and then its samples, each once,
/// without timestamps; every line ends with a line feed.
fn parse(text: &str) -> BTreeMap<String, Vec<Sample>> {
    let mut found: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    let mut lines = text.strip_suffix('\n').unwrap().split('\n').peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(help.ends_with('.') && !help.contains('\\'), "{help}");
        assert_eq!(lines.next().unwrap(), format!("# TYPE {name} gauge"));
        let mut samples: Vec<Sample> = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let rest =
                line.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')).unwrap_or_else(|| panic!("{line}"));
            let (labels, value) = labels(rest);
            assert!(samples.iter().all(|(others, _)| *others != labels), "twice: {line}");
            let value = value.strip_prefix(' ').unwrap();
            assert!(value.parse().is_ok_and(|value: f64| value.is_finite() && value >= 0.0), "{line}");
            samples.push((labels, value.to_owned()));
        }
        assert!(!samples.is_empty() && found.insert(name.to_owned(), samples).is_none(), "{name}");
    }
    found
}

/// The labels up to the brace that closes them, and what stands behind it.
fn labels(mut rest: &str) -> (BTreeMap<String, String>, &str) {
    let mut labels = BTreeMap::new();
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
        let (mut value, mut characters) = (String::new(), behind.char_indices());
        let end = loop {
            match characters.next().unwrap() {
                (index, '"') => break index + 1,
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    same @ ('\\' | '"') => same,
                    other => panic!("\\{other} is no escape"),
                }),
                (_, character) => value.push(character),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = &behind[end..];
        match rest.split_at(1) {
            ("}", behind) => return (labels, behind),
            (",", behind) => rest = behind,
            _ => panic!("{rest}"),
        }
    }
}

/// The value of a metric that has one sample.
fn value(text: &str, name: &str) -> String {
    let metrics = parse(text);
    let [(_, value)] = metrics[&format!("imocha_cancel_last_run_{name}")].as_slice() else { panic!("{text}") };
    value.clone()
}

/// A time or a duration, in seconds.
fn seconds(text: &str, name: &str) -> f64 {
    value(text, name).parse().unwrap()
}

fn rows(text: &str, status: &str) -> String {
    let metrics = parse(text);
    let of_status = |(labels, _): &&Sample| labels["status"] == status;
    metrics["imocha_cancel_last_run_rows"].iter().find(of_status).unwrap().1.clone()
}

/// What `promtool check metrics` and `promtool check rules` say, if it is installed.
fn promtool(check: &str, file: &Path) -> Option<Ended> {
    let mut command = Command::new("promtool");
    command.args(["check", check]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if check == "rules" {
        command.arg(file);
    }
    let Ok(mut promtool) = command.spawn() else {
        println!("left out: promtool is not installed");
        return None;
    };
    let text = if check == "metrics" { fs::read(file).unwrap() } else { Vec::new() };
    promtool.stdin.take().unwrap().write_all(&text).unwrap();
    Some(Ended::from(promtool.wait_with_output().unwrap()))
}

const FILE: &[&str] = &["--metrics-file", "job.prom"];

#[test]
fn each_metric_of_the_contract_is_there_and_says_what_the_summary_says() {
    let server = sandbox();
    let place = Place::with_input("id\n1\n97\nx\n1\n");
    let json = place.run(&server, &[FILE, &["--json"]].concat()).expect_code(1).json();
    let text = place.read("job.prom");
    let metrics = parse(&text);
    let names: Vec<&str> = metrics.keys().map(|name| name.strip_prefix("imocha_cancel_last_run_").unwrap()).collect();
    let expected =
        ["calls", "duration_seconds", "end_timestamp_seconds", "exit_code", "rows", "success_timestamp_seconds"];
    assert_eq!(names, expected);
    let input = place.path("input.csv").canonicalize().unwrap().to_string_lossy().into_owned();
    for (labels, _) in metrics.values().flatten() {
        assert_eq!(labels["input"], input, "the whole path, for another directory may have such a file");
    }
    let counts = json["rows"].as_object().unwrap();
    for (status, count) in counts.iter().filter(|(status, _)| *status != "total") {
        assert_eq!(rows(&text, status), count.to_string(), "{status}");
    }
    assert_eq!(metrics["imocha_cancel_last_run_rows"].len(), counts.len() - 1);
    assert_eq!((value(&text, "calls").as_str(), value(&text, "exit_code").as_str()), ("2", "1"));
    assert!((seconds(&text, "duration_seconds") - json["duration_s"].as_f64().unwrap()).abs() < 0.01);
    let finished: jiff::Timestamp = json["finished_at"].as_str().unwrap().parse().unwrap();
    assert!((seconds(&text, "end_timestamp_seconds") - finished.as_duration().as_secs_f64()).abs() < 0.01);
    assert_eq!(value(&text, "success_timestamp_seconds"), "0", "no run has succeeded yet");
}

#[test]
fn the_last_success_is_kept_while_runs_fail_each_way() {
    let faults = r#"[{"ids": 901, "answer": {"status": 401}}]"#;
    let server = sandbox_with(Options { faults: Faults::parse(faults).unwrap(), ..Options::default() });
    let place = Place::with_input("id\n101\n");
    place.run(&server, FILE).expect_code(0);
    let good = value(&place.read("job.prom"), "success_timestamp_seconds");
    assert_eq!(good, value(&place.read("job.prom"), "end_timestamp_seconds"));

    let failed = |arguments: &[&str], code: i32| {
        place.run(&server, &[FILE, arguments].concat()).expect_code(code);
        let text = place.read("job.prom");
        assert_eq!(value(&text, "exit_code"), code.to_string(), "{arguments:?}");
        assert_eq!(value(&text, "success_timestamp_seconds"), good, "{arguments:?}");
        assert!(seconds(&text, "end_timestamp_seconds") > good.parse().unwrap(), "{arguments:?}");
        text
    };
    failed(&[], 2); // The results are there.
    failed(&["--overwrite", "--max-cancels", "0"], 2);
    failed(&["--overwrite", "-q", "-v"], 2);
    place.write("input.csv", "id\n901\n201\n");
    assert_eq!(rows(&failed(&["--overwrite", "--concurrency", "1"], 3), "unauthorized"), "1");
    fs::remove_file(place.path("input.csv")).unwrap();
    failed(&["--resume"], 2);
    let text = failed(&["--api-key-file", "missing"], 2);
    assert_eq!((rows(&text, "cancelled").as_str(), value(&text, "calls").as_str()), ("0", "0"));

    place.write("input.csv", "id\n301\n");
    place.run(&server, &[FILE, &["--overwrite"]].concat()).expect_code(0);
    assert!(seconds(&place.read("job.prom"), "success_timestamp_seconds") > good.parse().unwrap());
}

#[test]
fn a_dry_run_leaves_the_metrics_alone() {
    let server = sandbox();
    let place = Place::with_input("id\n101\n");
    place.run(&server, &[FILE, &["-n"]].concat()).expect_code(0);
    place.run(&server, &[FILE, &["-n", "--max-cancels", "0"]].concat()).expect_code(2);
    assert_eq!(place.names(), ["input.csv"]);
}

#[test]
fn metrics_that_cannot_be_written_change_nothing_of_the_run() {
    let server = sandbox();
    for (path, told) in [
        ("missing/job.prom", "No such file"),
        (".", "not an ordinary file"),
        ("precious.csv", "holds no metrics"),
        #[cfg(unix)]
        ("/dev/null", "not an ordinary file"),
    ] {
        let place = Place::with_input("id\n101\n");
        place.write("precious.csv", "id,name\n5,Ann\n");
        let ended = place.run(&server, &["--metrics-file", path, "--json", "--overwrite"]);
        assert!(ended.code == 0 || asked_for(&server).len() > 1, "{path}: {}", ended.stderr);
        assert_eq!(ended.json()["outcome"], "finished");
        ended.expect_said(&["the metrics could not be written", path, told]);
        assert_eq!(place.read("precious.csv"), "id,name\n5,Ann\n");
        assert_eq!(place.names(), ["input.csv", "input.results.csv", "input.results.csv.journal", "precious.csv"]);
    }
    let place = Place::with_input("id\n901\n");
    place.run(&server, &["--metrics-file", "job.txt"]).expect_code(0).expect_said(&[".prom"]);
    assert_eq!(value(&place.read("job.txt"), "exit_code"), "0", "another collector may take another name");
}

#[test]
fn metrics_never_replace_another_file_of_the_run() {
    let server = sandbox();
    let place = Place::with_input("id\n101\n");
    place.write("key.txt", server.api_key());
    #[cfg(unix)]
    std::os::unix::fs::symlink("input.csv", place.path("link.prom")).unwrap();
    for path in [
        "input.csv",
        "./input.csv",
        "input.results.csv",
        "input.results.csv.journal",
        "key.txt",
        #[cfg(unix)]
        "link.prom",
    ] {
        let before = place.names();
        let arguments = ["--metrics-file", path, "--api-key-file", "key.txt", "--json"];
        let ended = place.run(&server, &arguments).expect_code(2).expect_said(&["--metrics-file", "same file"]);
        assert_eq!(ended.json()["reason"], "usage", "{path}");
        assert_eq!(place.names(), before, "{path}");
        assert_eq!(place.read("input.csv"), "id\n101\n");
        assert_eq!(place.read("key.txt"), server.api_key());
    }
    assert!(asked_for(&server).is_empty());
}

/// Runs of every kind of input, each with metrics of its own: with a name that has to be escaped, of standard input, and
/// of two shards.
fn several_jobs(server: &Sandbox) -> Place {
    let place = Place::new();
    fs::create_dir(place.path("metrics")).unwrap();
    let odd = "round \"7\"\\x\ny\t\r\u{1b}é{a=\"b\"} 5.csv";
    for (index, (input, further)) in
        [(odd, ""), ("-", "-oout.csv"), ("list.csv", "--shard=1/2"), ("list.csv", "--shard=2/2")]
            .into_iter()
            .enumerate()
    {
        if input != "-" {
            place.write(input, "id\n101\n201\n301\n");
        }
        let file = format!("--metrics-file=metrics/{index}.prom");
        let mut command = place.command(["run", input, "-y", &file, "--overwrite", "--base-url", &server.base_url()]);
        command.args((!further.is_empty()).then_some(further)).env("IMOCHA_API_KEY", server.api_key());
        let ended = Ended::of(command.env("IMOCHA_CANCEL_RATE", "unlimited").write_stdin("id\n401\n"));
        assert!(ended.code < 2, "{}", ended.stderr);
    }
    place
}

#[test]
fn the_label_is_the_name_of_the_input_whatever_it_is_called() {
    let place = several_jobs(&sandbox());
    let label = |index: usize, name: &str| {
        let metrics = parse(&place.read(&format!("metrics/{index}.prom")));
        metrics["imocha_cancel_last_run_calls"][0].0.get(name).cloned()
    };
    assert!(label(0, "input").unwrap().ends_with("/round \"7\"\\x\ny\t\r\u{1b}é{a=\"b\"} 5.csv"));
    assert_eq!((label(1, "input").as_deref(), label(1, "shard")), (Some("-"), None));
    assert_eq!(label(2, "input"), label(3, "input"));
    assert_eq!((label(2, "shard").as_deref(), label(3, "shard").as_deref()), (Some("1/2"), Some("2/2")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_a_label_that_is() {
    use std::os::unix::ffi::OsStringExt;
    let (server, place) = (sandbox(), Place::new());
    let name = std::ffi::OsString::from_vec(b"a\xff.csv".to_vec());
    fs::write(place.path("").join(&name), "id\n1\n").unwrap();
    let mut command = place.command(["run", "-y", "--metrics-file", "job.prom", "--base-url", &server.base_url()]);
    Ended::of(command.env("IMOCHA_API_KEY", server.api_key()).arg(name)).expect_code(0);
    assert!(place.read("job.prom").contains("a\u{fffd}.csv"));
}

#[test]
fn promtool_finds_nothing_to_say() {
    let place = several_jobs(&sandbox());
    for index in 0..4 {
        let Some(ended) = promtool("metrics", &place.path(&format!("metrics/{index}.prom"))) else { return };
        assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    }
}

#[test]
fn the_alert_rules_of_the_readme_are_some() {
    let readme = fs::read_to_string(crate::support::repository("README.md")).unwrap();
    let rules = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let metrics = names_of_metrics();
    let words = rules.split(|character: char| !character.is_alphanumeric() && character != '_');
    let named: Vec<&str> = words.filter(|word| word.starts_with("imocha_cancel_")).collect();
    assert!(!named.is_empty() && named.iter().all(|name| metrics.contains(&(*name).to_owned())), "{named:?}");
    let place = Place::new();
    place.write("rules.yml", rules);
    let Some(ended) = promtool("rules", &place.path("rules.yml")) else { return };
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
}

/// The names of all metrics.
fn names_of_metrics() -> Vec<String> {
    let place = Place::with_input("id\n1\n");
    place.run(&sandbox(), FILE).expect_code(0);
    parse(&place.read("job.prom")).into_keys().collect()
}

/// `node_exporter`, which ends with the test.
#[cfg(unix)]
struct NodeExporter(Child);

#[cfg(unix)]
impl Drop for NodeExporter {
    fn drop(&mut self) {
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

#[cfg(unix)]
#[test]
fn node_exporter_serves_the_metrics_of_all_jobs() {
    let place = several_jobs(&sandbox());
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let started = ["prometheus-node-exporter", "node_exporter"].into_iter().find_map(|name| {
        let mut command = Command::new(name);
        command.args(["--collector.disable-defaults", "--collector.textfile"]);
        command.arg(format!("--collector.textfile.directory={}", place.path("metrics").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    });
    let Some(_exporter) = started.map(NodeExporter) else {
        println!("left out: node_exporter is not installed");
        return;
    };
    let mut served = String::new();
    crate::support::wait_until("node_exporter", || {
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        served.clear();
        std::io::Read::read_to_string(&mut stream, &mut served).unwrap();
        true
    });
    assert!(served.starts_with("HTTP/1.0 200"), "{served}");
    assert!(served.contains("node_textfile_scrape_error 0\n"), "{served}");
    let calls = served.lines().filter(|line| line.starts_with("imocha_cancel_last_run_calls{")).count();
    let rows = served.lines().filter(|line| line.starts_with("imocha_cancel_last_run_rows{")).count();
    assert_eq!((calls, rows), (4, 4 * 14), "{served}");
}

#[cfg(unix)]
#[test]
fn who_may_not_read_the_input_may_not_read_the_metrics() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let server = sandbox();
    let place = Place::with_input("id\n101\n");
    let mode = || fs::metadata(place.path("job.prom")).unwrap().mode() & 0o777;
    let set = |name: &str, mode: u32| fs::set_permissions(place.path(name), PermissionsExt::from_mode(mode)).unwrap();
    for (input, most) in [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600), (0o644, 0o644)] {
        set("input.csv", input);
        place.run(&server, &[FILE, &["--overwrite"]].concat());
        assert_eq!((mode() & !most, mode() & 0o600), (0, 0o600), "{:o} for {input:o}", mode());
    }
    // Monitoring has to see that the input is missing: who could read the metrics may do so on.
    let readable = mode();
    fs::remove_file(place.path("input.csv")).unwrap();
    place.run(&server, FILE).expect_code(2);
    assert_eq!(mode(), readable);
    set("job.prom", 0o600);
    place.run(&server, FILE).expect_code(2);
    assert_eq!(mode(), 0o600);

    let mut stream = place.command(["run", "-", "-y", "-o", "out.csv", "--metrics-file", "job.prom"]);
    set("job.prom", 0o644);
    stream.args(["--base-url", &server.base_url()]).env("IMOCHA_API_KEY", server.api_key()).write_stdin("id\n1\n");
    Ended::of(&mut stream).expect_code(0);
    assert_eq!(mode(), 0o600, "nobody knows who may read standard input");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_before_its_first_call_has_metrics_too() {
    let (server, place) = (sandbox(), Place::new());
    let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
    command.env_clear().current_dir(place.path("")).env("IMOCHA_API_KEY", "key").stdin(Stdio::piped());
    command.args([
        "run",
        "-",
        "-y",
        "-v",
        "-o",
        "out.csv",
        "--metrics-file",
        "job.prom",
        "--base-url",
        &server.base_url(),
    ]);
    let mut process = command.stderr(Stdio::null()).spawn().unwrap();
    // Open to the end, so that it is the signal that ends it.
    let _stdin = process.stdin.take();
    // Its lock shows that it waits for its input.
    crate::support::wait_until("the run", || place.has("out.csv.journal"));
    assert!(Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap().success());
    assert_eq!(process.wait().unwrap().code(), Some(143));
    assert_eq!(value(&place.read("job.prom"), "exit_code"), "143");
    assert_eq!(place.names(), ["job.prom"]);
}
