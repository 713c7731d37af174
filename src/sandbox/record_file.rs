//! The record in a file, for other processes.
//!
//! The file has one line for each request, in the order in which the sandbox decided how to answer them. A whole line
//! is handed to the operating system before the answer leaves. So a caller who has an answer, or whose connection ended
//! without one, already finds the line in the file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::record::Arrival;

/// A file of JSON Lines; [`Options::record`](super::Options::record) says what is in them.
#[derive(Debug)]
pub(super) struct RecordFile {
    file: File,
    started: Instant,
}

#[derive(Serialize)]
struct RecordLine<'a> {
    time_ms: u128,
    method: &'a str,
    path: &'a str,
    id: Option<u64>,
    status: Option<u16>,
    applied: bool,
    fault: Option<&'static str>,
    rule: Option<u32>,
}

impl RecordFile {
    /// Creates the file. It is an error when the file exists: it may be anything, so it is not written to.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create_new(path)?, started: Instant::now() })
    }

    /// Writes a line for a request. When that fails, a warning says so: whoever reads the file must know that it is not
    /// complete.
    pub(super) fn keep(&self, arrival: &Arrival) {
        if let Err(error) = self.write(arrival) {
            tracing::warn!(%error, path = arrival.path, "the sandbox's record lacks a request");
        }
    }

    fn write(&self, arrival: &Arrival) -> io::Result<()> {
        let mut line = serde_json::to_vec(&RecordLine {
            time_ms: arrival.when.saturating_duration_since(self.started).as_millis(),
            method: &arrival.method,
            path: &arrival.path,
            id: arrival.invitation,
            status: arrival.status,
            applied: arrival.is_applied(),
            fault: arrival.fault.map(|fault| fault.name),
            rule: arrival.fault.map(|fault| fault.rule),
        })?;
        line.push(b'\n');
        (&self.file).write_all(&line)
    }
}
