//! What `--rate auto` found, kept for the next run against the same API with the same key. A run works as well without a
//! place to keep it: whatever fails here is told in the log of `--verbose` alone.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::config::{ApiKey, BaseUrl};

/// The most rates that are kept, the newest. Chosen by us: nobody has so many keys.
const MOST_RATES: usize = 100;
/// A lower rate is not kept, and not believed, in calls a second: a run that begins with it finds nothing for minutes.
/// Chosen by us.
const LEAST_RATE: f64 = 0.5;
/// An older rate is not believed. Chosen by us: limits change with contracts. In a run of a minute, a rate that is still
/// right gains some 3 % of the limit, and one that has become ten times as much costs some 6 % (measured with
/// `tests/it/found_pace.rs`), so that it is worth believing as long as it is right more often than not.
const LONGEST_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often, and how long after each other, the lock is asked for: a second in all. Who holds it needs a few
/// milliseconds.
const LOCK_TRIES: u32 = 50;
const BETWEEN_LOCK_TRIES: Duration = Duration::from_millis(20);
/// The longest file that is read, in bytes: a hundred entries have some 25 kB.
const LONGEST_FILE: u64 = 1024 * 1024;

/// What is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Makes the hashes of keys those of this file alone.
    salt: String,
    rates: Vec<KeptRate>,
}

/// The rate that was found for one API and key.
#[derive(Debug, Serialize, Deserialize)]
struct KeptRate {
    base_url: String,
    /// A salted hash: nothing of the key can be read from it.
    key: String,
    per_second: f64,
    found_at: String,
}

/// Whose rate it is.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) base_url: BaseUrl,
    pub(super) api_key: ApiKey,
}

impl Remembered {
    /// The rate that an earlier run found, in calls a second. Reads a file, and so may block.
    pub(super) fn rate(&self) -> Option<f64> {
        let kept = read().ok()?;
        let key = self.key(&kept.salt);
        let rate = kept.rates.iter().find(|rate| self.is_of(rate, &key))?;
        let found_at: Timestamp = rate.found_at.parse().ok()?;
        let is_of_use = rate.per_second.is_finite()
            && rate.per_second >= LEAST_RATE
            && Timestamp::now().duration_since(found_at).abs() <= LONGEST_AGE;
        let (per_second, found_at) = (rate.per_second, &rate.found_at);
        if is_of_use {
            tracing::debug!(per_second, found_at, "the pace begins with the rate of an earlier run");
        } else {
            tracing::debug!(per_second, found_at, "the rate of an earlier run is not believed");
        }
        is_of_use.then_some(per_second)
    }

    /// Keeps the rate that this run found. Writes a file, and may block for a second or for the disk.
    pub(super) fn keep(&self, per_second: f64) {
        if per_second < LEAST_RATE {
            return;
        }
        if let Err(error) = self.try_to_keep(per_second) {
            tracing::debug!(%error, "the rate that was found is not kept for the next run");
        }
    }

    fn try_to_keep(&self, per_second: f64) -> io::Result<()> {
        let path = path().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no home directory"))?;
        let directory = path.parent().ok_or(io::ErrorKind::NotFound)?;
        create_private(directory)?;
        // Of two runs that end together, each would else put back what it read, without the other's rate.
        let _lock = lock(&directory.join("rates.lock"))?;
        let mut kept = read().unwrap_or_default();
        if kept.salt.is_empty() {
            kept = Kept { salt: format!("{:032x}", fastrand::u128(..)), rates: Vec::new() };
        }
        let key = self.key(&kept.salt);
        kept.rates.retain(|rate| !self.is_of(rate, &key));
        let found_at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        kept.rates.insert(0, KeptRate { base_url: self.base_url.to_string(), key, per_second, found_at });
        kept.rates.truncate(MOST_RATES);
        // For the owner alone, and in one step.
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec_pretty(&kept)?)?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }

    fn is_of(&self, rate: &KeptRate, key: &str) -> bool {
        rate.base_url == self.base_url.to_string() && rate.key == key
    }

    fn key(&self, salt: &str) -> String {
        let hash = Sha256::new().chain_update(salt).chain_update(self.api_key.expose()).finalize();
        format!("{hash:x}")
    }
}

fn read() -> io::Result<Kept> {
    let path = path().ok_or(io::ErrorKind::NotFound)?;
    // The kind is looked at first: who opens a pipe waits for somebody at its other end.
    if !path.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST_FILE).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Where it is kept (source: XDG Base Directory Specification, "State").
fn path() -> Option<PathBuf> {
    let from = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("imocha-cancel").join("rates.json"))
}

/// Locks this file, which is made for it, until what is returned is dropped.
fn lock(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            // Not every network disk has locks; two runs that end together are rarer than such disks.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "not on the runtime, and who is in a hurry does not wait for this"
        )]
        std::thread::sleep(BETWEEN_LOCK_TRIES);
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another run holds rates.lock"))
}

fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(directory)
}
