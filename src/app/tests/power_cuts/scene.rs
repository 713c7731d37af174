//! Runs the command `run` in this process, on a disk whose steps are seen, against a server that can be wound back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::FromArgMatches;
use tempfile::TempDir;

use crate::app::run::perform;
use crate::app::watch::{Halt, Watch};
use crate::cli::{Cli, Command, RunArgs};
use crate::error::Refusal;
use crate::results::disk::tests::{Fault, Image, Recording, Step};
use crate::sandbox::{Arrival, Faults, Options, Recording as ServerRecording, Sandbox};
use crate::shutdown::Shutdown;
use crate::ui::{Console, Report};

/// The results, in a directory of their own.
pub(super) const RESULTS: &str = "results.csv";
pub(super) const JOURNAL: &str = "results.csv.journal";

/// The address of the server in images and steps: each run has a server of its own, and the journal must name the one
/// that it has.
const ADDRESS: &str = "http://127.0.0.1:00000";

/// An input, and what the server does wrong.
pub(super) struct Scene {
    /// The input and the key.
    directory: TempDir,
    /// The IDs of the rows, from line 2 on.
    pub(super) ids: Vec<u64>,
    faults: &'static str,
}

/// What there is between two runs.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) disk: Image,
    /// What the server received.
    pub(super) calls: Vec<Arrival>,
    /// The results that were durable, by line: final ones can be relied on.
    pub(super) promised: BTreeMap<u64, String>,
}

/// A run, and what it did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) before: Image,
    /// Each step on the disk, and when it was taken.
    pub(super) steps: Vec<(Instant, Step)>,
    /// What stands on the disk at its end.
    pub(super) after: Image,
    /// What the server received, before and during the run.
    pub(super) calls: Vec<Arrival>,
    pub(super) ending: Result<Report, Refusal>,
    /// How many syncs there were, and how many steps that need room.
    pub(super) counts: (usize, usize),
    /// What was written to standard error.
    pub(super) said: String,
}

impl Scene {
    pub(super) fn new(ids: impl IntoIterator<Item = u64>, faults: &'static str) -> Self {
        let ids: Vec<u64> = ids.into_iter().collect();
        let scene = Self { directory: directory(), ids, faults };
        fs::write(scene.path("key"), crate::sandbox::DEFAULT_API_KEY).unwrap();
        scene.write_input(&scene.ids);
        scene
    }

    /// Writes the input; another one is for a run that the others do not go on with.
    pub(super) fn write_input(&self, ids: &[u64]) {
        let rows: String = ids.iter().map(|id| format!("{id}\n")).collect::<Vec<_>>().concat();
        fs::write(self.path("input.csv"), format!("id\n{rows}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The line of an invitation.
    pub(super) fn line_of(&self, id: u64) -> u64 {
        let index = self.ids.iter().position(|&known| known == id).unwrap();
        u64::try_from(index).unwrap() + 2
    }

    /// Runs `run` with these arguments in this world.
    pub(super) fn run(&self, world: &World, arguments: &[&str], fault: Option<Fault>) -> Ran {
        let server = self.server(&world.calls);
        let address = server.base_url();
        let place = directory();
        for (name, content) in readdressed(&world.disk, ADDRESS, &address) {
            fs::write(place.path().join(name), content).unwrap();
        }
        let recording = Recording::start(place.path(), fault);
        let console = Console::keeping();
        let ending = perform_run(&self.arguments(&address, place.path(), arguments), &console);
        let to_common = |step: Step| match step {
            Step::Write { file, at, bytes } => Step::Write { file, at, bytes: replaced(&bytes, &address, ADDRESS) },
            other => other,
        };
        Ran {
            before: readdressed(&recording.before, &address, ADDRESS),
            steps: recording.steps().into_iter().map(|(at, step)| (at, to_common(step))).collect(),
            after: readdressed(&image_of(place.path()), &address, ADDRESS),
            calls: server.record().arrivals.into_iter().filter(|call| call.invitation.is_some()).collect(),
            ending,
            counts: recording.counts(),
            said: console.written(),
        }
    }

    fn arguments(&self, address: &str, place: &Path, arguments: &[&str]) -> Vec<OsString> {
        let mut line: Vec<OsString> = ["imocha-cancel", "run"].map(OsString::from).to_vec();
        line.push(self.path("input.csv").into());
        line.extend(["--yes", "--base-url", address, "--api-key-file"].map(OsString::from));
        line.push(self.path("key").into());
        line.push("--output".into());
        line.push(place.join(RESULTS).into());
        line.extend(arguments.iter().map(OsString::from));
        line
    }

    /// A server that has received these calls.
    fn server(&self, calls: &[Arrival]) -> Sandbox {
        let faults = Faults::parse(self.faults).unwrap();
        let server = Sandbox::start(Options { faults, recording: ServerRecording::On, ..Options::default() }).unwrap();
        for call in calls {
            call_again(&server, call);
        }
        let record = server.record().arrivals;
        let told = |call: &Arrival| (call.invitation, call.status, call.before, call.after);
        assert!(record.iter().map(told).eq(calls.iter().map(told)), "the server is wound back");
        server
    }
}

/// A directory in memory, where the system has such; elsewhere on its disk.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Makes a call as it was made before.
fn call_again(server: &Sandbox, call: &Arrival) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let (method, path, key) = (&call.method, &call.path, server.api_key());
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        call.body.len()
    );
    stream.write_all(&[head.as_bytes(), &call.body].concat()).unwrap();
    // A fault of the server may end the connection in any way.
    drop(stream.read_to_end(&mut Vec::new()));
}

/// What the command `run` does, but for the signals.
fn perform_run(line: &[OsString], console: &Console) -> Result<Report, Refusal> {
    let matches = Cli::parser().try_get_matches_from(line).unwrap();
    let Command::Run(args) = Cli::from_arg_matches(&matches).unwrap().command else { panic!("it is a run") };
    let args: Arc<RunArgs> = Arc::new(*args);
    let (watch, threads) = Watch::without_signals(&Shutdown::default()).unwrap();
    let ended = perform(&args, None, console, &watch, threads);
    watch.end();
    match ended {
        Ok(report) => Ok(report),
        Err(Halt::Refused(refusal)) => Err(refusal),
        Err(Halt::Stopped(stop) | Halt::Midway(stop)) => panic!("nobody stops it: {stop:?}"),
    }
}

fn image_of(directory: &Path) -> Image {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn readdressed(image: &Image, from: &str, to: &str) -> Image {
    image.iter().map(|(name, content)| (name.clone(), replaced(content, from, to))).collect()
}

/// The bytes with another address, which is as long.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "ports have five digits");
    let mut bytes = bytes.to_vec();
    let found: Vec<usize> = memchr::memmem::find_iter(&bytes, from.as_bytes()).collect();
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}
