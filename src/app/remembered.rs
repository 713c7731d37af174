//! What `--rate auto` found, kept for the next run against the same API with the same key. A run works as well without a
//! place to keep it: whatever fails here is told in the log of `--verbose` alone.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::config::{ApiKey, BaseUrl};

/// The most rates that are kept, the newest. Chosen by us: nobody has so many keys.
const MOST_RATES: usize = 100;
/// A lower rate is not kept, and not believed, in calls a second: a run that begins with it finds nothing for minutes.
/// Chosen by us.
const LEAST_RATE: f64 = 0.5;
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
pub(super) struct Remembered<'a> {
    pub(super) base_url: &'a BaseUrl,
    pub(super) api_key: &'a ApiKey,
}

impl Remembered<'_> {
    /// The rate that an earlier run found, in calls a second.
    pub(super) fn rate(&self) -> Option<f64> {
        let kept = read().ok()?;
        let key = self.key(&kept.salt);
        let rate = kept.rates.iter().find(|rate| self.is_of(rate, &key))?;
        (rate.per_second.is_finite() && rate.per_second >= LEAST_RATE).then_some(rate.per_second)
    }

    /// Keeps the rate that this run found.
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
    fs::File::open(path)?.take(LONGEST_FILE).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Where it is kept (source: XDG Base Directory Specification, "State").
fn path() -> Option<PathBuf> {
    let from = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = from("XDG_STATE_HOME").or_else(|| from("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("imocha-cancel").join("rates.json"))
}

fn create_private(directory: &std::path::Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(directory)
}
