//! Counts the rows and calls of a run, and of all runs over the same results.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Attention, Outcome, Status};

/// The counts of the rows and calls of a whole run.
#[derive(Debug, Clone)]
pub struct Summary {
    rows: BTreeMap<Status, u64>,
    calls: u64,
    retries: u64,
    latency_us: Histogram<u64>,
    attention: Attention,
}

/// How many significant decimal digits of a latency are kept.
const LATENCY_DIGITS: u8 = 3;
/// The longest latency, in microseconds (one hour); longer ones count as this. No attempt may take more than ten
/// minutes.
const MAX_LATENCY_US: u64 = 60 * 60 * 1_000_000;

impl Summary {
    /// The summary of a run that has recorded nothing yet.
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "the only error is a number of digits above 5")]
    pub fn new() -> Self {
        let latency_us =
            Histogram::new_with_max(MAX_LATENCY_US, LATENCY_DIGITS).expect("up to five digits are allowed");
        Self { rows: BTreeMap::new(), calls: 0, retries: 0, latency_us, attention: Attention::default() }
    }

    /// Counts one recorded row.
    pub fn add(&mut self, outcome: &Outcome) {
        self.add_row(outcome.status, outcome.row.line, &outcome.invitation_id, &outcome.error);
        self.calls += outcome.calls;
        self.retries += outcome.calls.saturating_sub(1);
        for latency in &outcome.latencies {
            self.latency_us.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Counts one row that stands in the results.
    pub fn add_row(&mut self, status: Status, line: u64, invitation_id: &str, error: &str) {
        *self.rows.entry(status).or_default() += 1;
        self.attention.look(status, line, invitation_id, error);
    }

    /// The first rows that need attention, of those that were counted one by one.
    pub fn attention(&self) -> &Attention {
        &self.attention
    }

    /// Keeps these first rows in place of those that were counted.
    pub fn attend_to(&mut self, attention: Attention) {
        self.attention = attention;
    }

    /// Counts rows for which no call was made.
    pub fn add_unsent(&mut self, status: Status, rows: u64) {
        *self.rows.entry(status).or_default() += rows;
    }

    /// Counts calls that were made for no row.
    pub fn add_calls(&mut self, calls: u64) {
        self.calls += calls;
    }

    /// Counts rows with another status from now on.
    pub fn settle(&mut self, from: Status, to: Status, rows: u64) {
        let left = self.count(from).saturating_sub(rows);
        self.rows.insert(from, left);
        *self.rows.entry(to).or_default() += rows;
    }

    /// How many rows ended with `status`.
    pub fn count(&self, status: Status) -> u64 {
        self.rows.get(&status).copied().unwrap_or(0)
    }

    /// The statuses that any rows have, and how many rows have each.
    pub fn present(&self) -> impl Iterator<Item = (Status, u64)> {
        self.rows.iter().map(|(&status, &rows)| (status, rows)).filter(|(_, rows)| *rows > 0)
    }

    /// How many invitations are settled.
    pub fn settled(&self) -> u64 {
        self.rows.iter().filter(|(status, _)| status.is_settled()).map(|(_, rows)| rows).sum()
    }

    /// How many rows were counted.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How many of the calls were not the first for their row.
    pub fn retries(&self) -> u64 {
        self.retries
    }

    /// The time within which the given share of the answers came, or `None` if there were none.
    ///
    /// `quantile` is between 0 and 1; 1 gives the longest time.
    pub fn latency(&self, quantile: f64) -> Option<Duration> {
        if self.latency_us.is_empty() {
            return None;
        }
        Some(Duration::from_micros(self.latency_us.value_at_quantile(quantile)))
    }

    /// Whether a later run would try rows again.
    pub fn has_rows_to_try_again(&self) -> bool {
        self.rows.iter().any(|(status, &rows)| rows > 0 && status.is_tried_again())
    }

    /// Whether a later run would try rows again whose result may then be different. Rows that the key may not cancel do
    /// not count: their result stays the same until somebody changes that.
    pub fn has_rows_worth_another_try(&self) -> bool {
        let forbidden = self.count(Status::Forbidden);
        let tried_again: u64 =
            self.rows.iter().filter(|(status, _)| status.is_tried_again()).map(|(_, rows)| rows).sum();
        tried_again > forbidden
    }

    /// How many rows need the user's attention.
    pub fn need_attention(&self) -> u64 {
        self.rows.iter().filter(|(status, _)| status.needs_attention()).map(|(_, rows)| rows).sum()
    }

    /// Whether no row needs the user's attention.
    pub fn is_well(&self) -> bool {
        self.need_attention() == 0
    }
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

/// The counts of what the results hold of all runs, and of what this run added.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The counts of all runs together.
    pub all_runs: Summary,
    /// The counts of what this run added.
    pub this_run: Summary,
}

impl Tally {
    /// The tally of a run that starts with these rows done and has added none.
    pub fn after(done: Summary) -> Self {
        Self { all_runs: done, this_run: Summary::new() }
    }

    /// Counts one recorded row.
    pub fn add(&mut self, outcome: &Outcome) {
        self.all_runs.add(outcome);
        if outcome.is_of_this_run() {
            self.this_run.add(outcome);
        }
    }

    /// Counts rows that got their result in this run without a call, and looks at the first of them.
    pub fn add_unsent(&mut self, rows: &BTreeMap<Status, u64>, attention: &Attention) {
        for summary in [&mut self.all_runs, &mut self.this_run] {
            for (&status, &rows) in rows {
                summary.add_unsent(status, rows);
            }
            summary.attention.look_at_all(attention);
        }
    }
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;

    use super::*;
    use crate::row::Row;

    fn called(status: Status, latencies: &[Duration]) -> Outcome {
        let row = Row { line: 2, cells: ByteRecord::new() };
        let attempts = u64::try_from(latencies.len()).unwrap();
        Outcome {
            attempts,
            calls: attempts,
            latencies: latencies.to_vec(),
            ..Outcome::unsent(row, "9".to_owned(), status, "")
        }
    }

    #[test]
    fn latencies_from_microseconds_to_minutes_are_kept() {
        let mut summary = Summary::new();
        assert_eq!(summary.latency(1.0), None);
        let latencies = [Duration::from_micros(40), Duration::from_millis(41), Duration::from_secs(30)];
        summary.add(&called(Status::Cancelled, &latencies));
        let near = |quantile, expected: Duration| {
            let latency = summary.latency(quantile).unwrap();
            assert!(latency.abs_diff(expected) <= expected / 500, "{latency:?}, not {expected:?}");
        };
        near(0.1, Duration::from_micros(40));
        near(0.5, Duration::from_millis(41));
        near(1.0, Duration::from_secs(30));
    }

    #[test]
    fn counts_add_up_and_tell_whether_anything_is_left_to_do() {
        let mut summary = Summary::new();
        summary.add(&called(Status::Cancelled, &[Duration::ZERO; 3]));
        summary.add_unsent(Status::Duplicate, 2);
        summary.add_unsent(Status::NotAttempted, 0);
        assert_eq!((summary.total(), summary.calls(), summary.retries()), (3, 3, 2));
        assert!(summary.is_well());
        summary.add_unsent(Status::InvalidId, 1);
        assert!(!summary.is_well());
        summary.add_unsent(Status::Forbidden, 2);
        assert!(summary.has_rows_to_try_again() && !summary.has_rows_worth_another_try());
        summary.add_unsent(Status::Unreachable, 1);
        assert!(summary.has_rows_worth_another_try());
    }
}
