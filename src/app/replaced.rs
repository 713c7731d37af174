//! Counts what `--overwrite` deletes: the results that the new ones replace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use indicatif::HumanCount;

use crate::outcome::{Effect, Status};
use crate::results::format::delimiter_of_results;
use crate::text::plural;

/// The index of the status column.
const STATUS_COLUMN: usize = 2;

/// The counts of a file that will be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replaced {
    rows: u64,
    statuses: BTreeMap<Status, u64>,
}

impl Replaced {
    /// Counts the rows of the file at `path`; `None` if there is no file, or it cannot be read.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let mut file =
            BufReader::new(File::open(path).ok().filter(|file| file.metadata().is_ok_and(|at| at.is_file()))?);
        let mut start = [0; 256];
        let count = file.read(&mut start).ok()?;
        let start = start.get(..count)?;
        let Some(delimiter) = delimiter_of_results(start) else {
            return Some(Self { rows: 0, statuses: BTreeMap::new() });
        };
        Some(Self::count(start.chain(file), delimiter))
    }

    fn count(file: impl Read, delimiter: u8) -> Self {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file);
        let (mut rows, mut statuses) = (0, BTreeMap::new());
        let mut record = ByteRecord::new();
        while matches!(reader.read_byte_record(&mut record), Ok(true)) {
            rows += 1;
            let status = record.get(STATUS_COLUMN).and_then(|word| std::str::from_utf8(word).ok());
            if let Some(status) = status.and_then(Status::from_word) {
                *statuses.entry(status).or_default() += 1;
            }
        }
        Self { rows, statuses }
    }

    /// How many of the rows may have been cancelled without a confirmation.
    pub(super) fn doubtful(&self) -> u64 {
        self.statuses.iter().filter(|(status, _)| status.effect() == Effect::Possible).map(|(_, rows)| rows).sum()
    }

    /// What will be deleted, in words.
    pub(super) fn in_words(&self) -> String {
        if self.rows == 0 {
            return "a file without results".to_owned();
        }
        let mut text = format!("{} {} of an earlier run", HumanCount(self.rows), plural(self.rows, "row"));
        let counts: Vec<String> =
            self.statuses.iter().map(|(status, rows)| format!("{} {status}", HumanCount(*rows))).collect();
        if !counts.is_empty() {
            text = format!("{text} ({})", counts.join(", "));
        }
        match self.doubtful() {
            0 => text,
            rows => format!("{text}, of which {} may be cancelled without a confirmation", HumanCount(rows)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(content: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        Replaced::at(file.path()).unwrap().in_words()
    }

    #[test]
    fn what_is_given_up_is_told_with_its_doubts() {
        let header = "line;invitation_id;status;http_status;error;attempts;duration_ms;finished_at;id";
        assert_eq!(
            replaced(&format!("\u{feff}{header}\n2;1;cancelled;200;;1;5;x;1\n3;2;unconfirmed;;\"a;\nb\";1;5;x;2\n")),
            "2 rows of an earlier run (1 cancelled, 1 unconfirmed), of which 1 may be cancelled without a confirmation"
        );
        assert_eq!(replaced(header), "a file without results");
        assert_eq!(replaced("precious\n"), "a file without results");
        assert_eq!(Replaced::at(Path::new("/nowhere/at/all")), None);
    }
}
