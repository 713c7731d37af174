//! What the tests share: a place of their own to run the binary in, and eyes for what it leaves there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use imocha_cancel::sandbox::{Options, Recording, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

/// The longest that any run in a test may take, however slow the machine: beyond it the test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The columns that the product puts before the input's own.
pub(crate) const OWN_COLUMNS: &str = "line,invitation_id,status,http_status,error,attempts,duration_ms,finished_at";

/// A directory to run the binary in, with nothing of the outer environment.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// A place with an `input.csv`.
    pub(crate) fn with_input(content: impl AsRef<[u8]>) -> Self {
        let place = Self::new();
        place.write("input.csv", content);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The names of all files here, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The binary, with these arguments, run here.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imocha-cancel"));
        command.env_clear().current_dir(self.directory.path()).args(arguments).timeout(PATIENCE);
        command
    }

    /// `run` on `input.csv` without a question, against `server`, with further arguments.
    pub(crate) fn run(&self, server: &Sandbox, arguments: &[&str]) -> Ended {
        self.run_at(&server.base_url(), server.api_key(), arguments)
    }

    /// The same, wherever the server is.
    pub(crate) fn run_at(&self, base_url: &str, api_key: &str, arguments: &[&str]) -> Ended {
        let mut command = self.command(["run", "input.csv", "--yes", "--base-url", base_url]);
        Ended::of(command.env("IMOCHA_API_KEY", api_key).env("IMOCHA_CANCEL_RATE", "unlimited").args(arguments))
    }

    /// The rows of the results beside `input.csv`.
    pub(crate) fn results(&self) -> Vec<ResultsRow> {
        parse_results(&self.read("input.results.csv"))
    }
}

/// A process that has ended, and what it said.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// The JSON summary, which must be all of standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {:?}", self.stdout))
    }

    /// Fails unless the process ended with this code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails unless standard error has each of these.
    #[track_caller]
    pub(crate) fn expect_said(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in: {}", self.stderr);
        }
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}")),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// One row of a results file, by column.
pub(crate) type ResultsRow = HashMap<String, String>;

/// The rows of a comma-separated results file.
pub(crate) fn parse_results(text: &str) -> Vec<ResultsRow> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

/// The cells of one column, in the order of the input.
pub(crate) fn column<'a>(rows: &'a [ResultsRow], name: &str) -> Vec<&'a str> {
    let mut rows: Vec<&ResultsRow> = rows.iter().collect();
    rows.sort_by_key(|row| row["line"].parse::<u64>().unwrap());
    rows.into_iter().map(|row| row[name].as_str()).collect()
}

/// A sandbox that remembers what it receives.
pub(crate) fn sandbox() -> Sandbox {
    sandbox_with(Options::default())
}

pub(crate) fn sandbox_with(options: Options) -> Sandbox {
    Sandbox::start(Options { recording: Recording::On, ..options }).unwrap()
}

/// The IDs whose cancellation the sandbox was asked for, in the order of arrival.
pub(crate) fn asked_for(server: &Sandbox) -> Vec<u64> {
    server.record().arrivals.iter().filter_map(|arrival| arrival.invitation).collect()
}

/// Waits until something holds that nobody announces, such as what another process does.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: it does not come");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Tries all cases at once, each on a thread of its own: for those that wait more than they work. The test fails with the
/// first that does.
pub(crate) fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        let test = &test;
        let tried: Vec<_> = cases.into_iter().map(|case| scope.spawn(move || test(case))).collect();
        for case in tried {
            case.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
