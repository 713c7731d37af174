//! Writes the rows that were tried into the journal, and reads them again. Rows with the same result form one group,
//! since many end in the same way:
//!
//! ```json
//! [{"status":"forbidden","http_status":403,"error":"HTTP 403: …",
//!   "rows":[[12,1,41,1768874400060],[13,2,80,1768874400310]]}]
//! ```
//!
//! Each row is its line, the number of its calls, the milliseconds that they took, and when it ended, in milliseconds
//! since 1970.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Tried;
use crate::outcome::Status;
use crate::results::standing::EarlierResult;

/// Rows with the same result.
#[derive(Serialize, Deserialize)]
struct Group {
    status: String,
    http_status: Option<u16>,
    error: String,
    rows: Vec<(u64, u32, u64, i64)>,
}

pub(super) fn serialize<S: Serializer>(tried: &BTreeMap<u64, Tried>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (&line, Tried { attempts, result }) in tried {
        let EarlierResult { status, http_status, ref error, duration, finished_at } = *result;
        let attempts = u32::try_from(*attempts).unwrap_or(u32::MAX);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        groups.entry((status, http_status, error)).or_default().push((
            line,
            attempts,
            duration_ms,
            finished_at.as_millisecond(),
        ));
    }
    serializer.collect_seq(groups.into_iter().map(|((status, http_status, error), rows)| Group {
        status: status.word().to_owned(),
        http_status,
        error: error.clone(),
        rows,
    }))
}

pub(super) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<BTreeMap<u64, Tried>, D::Error> {
    let mut tried = BTreeMap::new();
    for Group { status: word, http_status, error, rows } in Vec::<Group>::deserialize(deserializer)? {
        let status = Status::from_word(&word).ok_or_else(|| D::Error::custom(format!("there is no status {word}")))?;
        for (line, attempts, duration_ms, finished_ms) in rows {
            let duration = Duration::from_millis(duration_ms);
            let finished_at = Timestamp::from_millisecond(finished_ms).map_err(D::Error::custom)?;
            let result = EarlierResult { status, http_status, error: error.clone(), duration, finished_at };
            tried.insert(line, Tried { attempts: attempts.into(), result });
        }
    }
    Ok(tried)
}
