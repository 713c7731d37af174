//! The command `sandbox`: the simulated API as a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::{Ended, Place, column};

/// A server that ends with the test.
pub(crate) struct Served {
    process: Child,
    pub(crate) base_url: String,
    pub(crate) api_key: String,
}

impl Served {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
        Self::of(command.env_clear().args(["sandbox", "--port", "0", "--latency", "0s"]).args(arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // The second line can be pasted into a shell.
        let export = lines.map(Result::unwrap).find(|line| line.starts_with("export ")).unwrap();
        let value = |name: &str| {
            let found = export.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_else(|| panic!("no {name} in {export}")).to_owned()
        };
        Self { process, base_url: value("IMOCHA_CANCEL_BASE_URL"), api_key: value("IMOCHA_API_KEY") }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_run_against_the_served_sandbox_works_as_its_words_say() {
    let server = Served::start(&[]);
    assert!(server.base_url.starts_with("http://127.0.0.1:"));
    let place = Place::with_input("id\n1\n90\n97\n");
    place.run_at(&server.base_url, &server.api_key, &[]).expect_code(1);
    assert_eq!(column(&place.results(), "status"), ["cancelled", "not_cancellable", "not_found"]);
}

#[test]
fn the_same_seed_gives_the_same_errors() {
    let ids: String = (1..=60).map(|number| format!("{number}01\n")).collect();
    let statuses = |seed: &str| {
        let server = Served::start(&["--error-rate", "0.5", "--seed", seed]);
        let place = Place::with_input(format!("id\n{ids}"));
        place.run_at(&server.base_url, &server.api_key, &["--max-attempts", "1"]).expect_code(1);
        let results = place.results();
        column(&results, "status").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = statuses("7");
    assert_eq!(first, statuses("7"));
    assert_ne!(first, statuses("8"));
    assert!(first.contains(&"server_error".to_owned()) && first.contains(&"cancelled".to_owned()));
}

#[test]
fn calls_beyond_the_rate_limit_are_answered_429() {
    let server = Served::start(&["--rate-limit", "5/h"]);
    let ids: String = (1..=20).map(|number| format!("{number}01\n")).collect();
    let place = Place::with_input(format!("id\n{ids}"));
    let ended = place.run_at(&server.base_url, &server.api_key, &["--max-outage", "1m", "--json"]).expect_code(3);
    assert_eq!(ended.json()["reason"], "rate_limited");
    let results = place.results();
    let count = |wanted| column(&results, "status").iter().filter(|&&status| status == wanted).count();
    assert_eq!(count("cancelled"), 5);
    assert_eq!(count("cancelled") + count("rate_limited") + count("not_attempted"), 20);
    assert!(count("rate_limited") > 0);
}

/// The status and the `Retry-After` of each of so many cancel calls, one after the other.
fn answers(server: &Served, calls: u32) -> Vec<(u16, Option<String>)> {
    let one = |number| {
        let mut stream = TcpStream::connect(server.base_url.strip_prefix("http://").unwrap()).unwrap();
        let key = &server.api_key;
        let head = format!("POST /v3/invitations/{number}/cancel HTTP/1.1\r\nHost: h\r\nConnection: close");
        let rest = format!("x-api-key: {key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");
        stream.write_all(format!("{head}\r\n{rest}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let told = answer.lines().find_map(|line| line.strip_prefix("retry-after: "));
        (status, told.map(str::to_owned))
    };
    (1..=calls).map(one).collect()
}

#[test]
fn the_limiter_its_burst_and_the_time_to_come_back_are_as_the_flags_say() {
    let cases: [(&[&str], usize); 7] = [
        (&[], 2),
        (&["--limiter", "token-bucket", "--burst", "3"], 3),
        (&["--limiter", "leaky-bucket"], 2),
        (&["--limiter", "leaky-bucket", "--burst", "0"], 1),
        (&["--limiter", "fixed-window"], 2),
        (&["--limiter", "sliding-window"], 2),
        (&["--limiter", "in-flight"], 5),
    ];
    for (flags, let_through) in cases {
        let server = Served::start(&[&["--rate-limit", "2/h"], flags].concat());
        let answers = answers(&server, 5);
        let count = answers.iter().take_while(|(status, _)| *status == 200).count();
        assert_eq!(count, let_through, "{flags:?}: {answers:?}");
        for (status, told) in &answers[count..] {
            let seconds: u64 = told.as_deref().unwrap().parse().unwrap();
            assert!(*status == 429 && (1700..=3600).contains(&seconds), "{flags:?}: {answers:?}");
        }
    }
    let told = |form: &str| {
        let server = Served::start(&["--rate-limit", "1/h", "--retry-after", form]);
        let (status, told) = answers(&server, 2).remove(1);
        assert_eq!(status, 429, "{form}");
        told
    };
    assert!(told("seconds").unwrap().parse::<u64>().is_ok());
    assert!(told("date").unwrap().ends_with(" GMT"));
    assert_eq!(told("none"), None);
}

#[test]
fn a_limiter_without_a_burst_refuses_one_and_so_does_a_bucket_without_a_token() {
    let place = Place::new();
    for name in ["fixed-window", "sliding-window", "in-flight"] {
        let flags = ["sandbox", "--rate-limit", "5/s", "--limiter", name, "--burst", "2"];
        let said = format!("--burst is for buckets, and --limiter {name} is none");
        Ended::of(&mut place.command(flags)).expect_code(2).expect_said(&[&said]);
    }
    let flags = ["sandbox", "--rate-limit", "5/s", "--burst", "0"];
    Ended::of(&mut place.command(flags)).expect_code(2).expect_said(&["would let no call through"]);
    let mut unlimited = place.command(["sandbox", "--rate-limit", "unlimited"]);
    let refused = Ended::of(unlimited.env("IMOCHA_CANCEL_LIMITER", "fixed-window"));
    refused.expect_code(2).expect_said(&["there is no rate to keep", "--rate-limit, such as 5/s"]);
}

#[test]
fn a_port_that_is_taken_and_nonsense_are_refused() {
    let server = Served::start(&[]);
    let port = server.base_url.rsplit(':').next().unwrap();
    let place = Place::new();
    Ended::of(&mut place.command(["sandbox", "--port", port])).expect_code(2).expect_said(&["127.0.0.1:", "--port"]);
    for (flag, value, said) in [
        ("--error-rate", "2", "from 0 to 1"),
        ("--list-delay", "soon", "`soon` is no unit: s is seconds"),
        ("--list-date", "completed", "[possible values: invited, cancelled]"),
        ("--list-page", "0", "after one entry or more"),
        ("--list-page", "all", "a whole number"),
        ("--limiter", "in-flight", "--limiter says how a rate is kept, and there is no rate to keep"),
        ("--burst", "2", "--burst says how a rate is kept"),
        ("--retry-after", "none", "--retry-after says how a rate is kept"),
        ("--retry-after", "soon", "[possible values: seconds, date, none]"),
        ("--burst", "4294967296", "from 0 to 4294967295"),
    ] {
        Ended::of(&mut place.command(["sandbox", flag, value])).expect_code(2).expect_said(&[said]);
    }
}
