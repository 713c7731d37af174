//! Counts calls over time, in bins whose length is found while the rows come: no more of them than a page can show,
//! however long the runs were and however far apart.
//!
//! Results say when a row ended and how many calls were made for it, not when each of these was. So all calls of a row
//! count where the row ended.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The most columns, counting a pause as [`PAUSE_COLUMNS`]: as many as fit beside each other on a small screen, with
/// five pixels each (chosen by us).
const MOST_COLUMNS: u64 = 60;
/// As many bins without a call as this are shown as they are; more become a pause, which takes as much room.
const PAUSE_COLUMNS: u64 = 3;
/// The least columns over which the picture is drawn, so that a single bin is no wall.
const LEAST_COLUMNS: u64 = 12;
/// The lengths of a bin in seconds; each is a multiple of the one before. Beyond the last they double.
const LENGTHS: [(i64, &str); 11] = [
    (1, "second"),
    (5, "5 seconds"),
    (15, "15 seconds"),
    (60, "minute"),
    (5 * 60, "5 minutes"),
    (15 * 60, "15 minutes"),
    (60 * 60, "hour"),
    (6 * 60 * 60, "6 hours"),
    (24 * 60 * 60, "day"),
    (7 * 24 * 60 * 60, "7 days"),
    (28 * 24 * 60 * 60, "28 days"),
];

/// The calls so far.
#[derive(Debug)]
pub(super) struct Timeline {
    length_s: i64,
    /// What ended in each bin, by the number of its length since 1970.
    bins: BTreeMap<i64, Bin>,
}

/// What ended in one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bin {
    rows: u64,
    calls: u64,
}

/// The picture, and the table with the same numbers.
#[derive(Debug)]
pub(super) struct CallsOverTime {
    /// The length of a bin, in words that follow "each".
    pub(super) each: String,
    /// The calls of the highest bar.
    pub(super) most: u64,
    /// When the first bin begins and when the last one does.
    pub(super) first: String,
    pub(super) last: String,
    pub(super) bars: Vec<CallsBar>,
    /// Whether the last bar stands at the right end.
    pub(super) fills_its_width: bool,
    /// Where pauses are shown, from the left, in percent.
    pub(super) pauses: Vec<String>,
}

/// One bin with calls.
#[derive(Debug)]
pub(super) struct CallsBar {
    pub(super) begins: String,
    pub(super) rows: u64,
    pub(super) calls: u64,
    /// Its place from the left and its width, in percent; its height, as a part of 100.
    pub(super) left: String,
    pub(super) width: String,
    pub(super) height: u64,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Self { length_s: 1, bins: BTreeMap::new() }
    }

    /// Counts a row for which calls were made, and that ended then.
    pub(super) fn add(&mut self, ended: Timestamp, calls: u64) {
        let before = self.bins.len();
        let bin = self.bins.entry(ended.as_second().div_euclid(self.length_s)).or_default();
        (bin.rows, bin.calls) = (bin.rows + 1, bin.calls.saturating_add(calls));
        if self.bins.len() > before {
            while self.columns() > MOST_COLUMNS {
                self.coarsen();
            }
        }
    }

    /// How many columns the bins and the pauses between them take.
    fn columns(&self) -> u64 {
        let bins = u64::try_from(self.bins.len()).unwrap_or(u64::MAX);
        bins + self.gaps().map(|gap| gap.min(PAUSE_COLUMNS)).sum::<u64>()
    }

    /// The bins without a call before each bin but the first.
    fn gaps(&self) -> impl Iterator<Item = u64> {
        let numbers = self.bins.keys();
        numbers.clone().zip(numbers.skip(1)).map(|(before, next)| next.abs_diff(*before).saturating_sub(1))
    }

    fn coarsen(&mut self) {
        let longer = LENGTHS.iter().map(|(length_s, _)| *length_s).find(|&length_s| length_s > self.length_s);
        let longer = longer.unwrap_or(self.length_s.saturating_mul(2));
        let factor = longer / self.length_s;
        for (number, bin) in std::mem::take(&mut self.bins) {
            let into = self.bins.entry(number.div_euclid(factor)).or_default();
            (into.rows, into.calls) = (into.rows + bin.rows, into.calls.saturating_add(bin.calls));
        }
        self.length_s = longer;
    }

    /// The picture; `None` where no call was made.
    pub(super) fn draw(&self) -> Option<CallsOverTime> {
        let (first, last) = (self.bins.keys().next()?, self.bins.keys().next_back()?);
        let most = self.bins.values().map(|bin| bin.calls).max()?.max(1);
        let columns = self.columns().max(LEAST_COLUMNS);
        let gaps = std::iter::once(0).chain(self.gaps());
        let (mut column, mut bars, mut pauses) = (0, Vec::new(), Vec::new());
        for ((number, bin), gap) in self.bins.iter().zip(gaps) {
            if gap > PAUSE_COLUMNS {
                pauses.push(percent(2 * column + PAUSE_COLUMNS, 2 * columns));
            }
            column += gap.min(PAUSE_COLUMNS);
            bars.push(CallsBar {
                begins: self.begins(*number),
                rows: bin.rows,
                calls: bin.calls,
                left: percent(column, columns),
                // A fifth of the column stays free between two bars.
                width: percent(4, 5 * columns),
                height: (u128::from(bin.calls) * 100).div_ceil(most.into()).try_into().unwrap_or(100),
            });
            column += 1;
        }
        let each = LENGTHS.iter().find(|(length_s, _)| *length_s == self.length_s).map(|(_, words)| *words);
        let each = each.map_or_else(|| format!("{} days", self.length_s / 86_400), str::to_owned);
        let fills_its_width = column >= LEAST_COLUMNS;
        let (first, last) = (self.begins(*first), self.begins(*last));
        Some(CallsOverTime { each, most, first, last, bars, fills_its_width, pauses })
    }

    /// When a bin begins, as precisely as its length needs it.
    fn begins(&self, number: i64) -> String {
        let form = match self.length_s {
            ..60 => "%Y-%m-%d %H:%M:%S",
            60..86_400 => "%Y-%m-%d %H:%M",
            86_400.. => "%Y-%m-%d",
        };
        // Only a bin at the end of the calendar can begin before it.
        let begins = Timestamp::from_second(number.saturating_mul(self.length_s)).unwrap_or(Timestamp::MIN);
        begins.strftime(form).to_string()
    }
}

/// A share of a whole, in percent with two decimals.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(ended: impl IntoIterator<Item = i64>) -> Timeline {
        let mut timeline = Timeline::new();
        for second in ended {
            timeline.add(Timestamp::from_second(second).unwrap(), 2);
        }
        timeline
    }

    #[test]
    fn the_bins_grow_with_the_time_and_no_call_is_lost() {
        for (seconds, each, bars) in [
            (1, "second", 1),
            (50, "second", 50),
            (61, "5 seconds", 13),
            (3_600, "minute", 60),
            (40_000, "15 minutes", 45),
        ] {
            let drawn = timeline(0..seconds).draw().unwrap();
            assert_eq!((drawn.each.as_str(), drawn.bars.len()), (each, bars), "{seconds} s");
            let sum = |of: fn(&CallsBar) -> u64| drawn.bars.iter().map(of).sum::<u64>();
            assert_eq!(
                (sum(|bar| bar.rows), sum(|bar| bar.calls)),
                (seconds.unsigned_abs(), 2 * seconds.unsigned_abs())
            );
        }
    }

    #[test]
    fn a_bin_is_the_same_in_whatever_order_rows_come() {
        let (up, down) = (timeline(0..5_000).draw().unwrap(), timeline((0..5_000).rev()).draw().unwrap());
        assert_eq!(format!("{up:?}"), format!("{down:?}"));
    }

    #[test]
    fn rounds_that_are_weeks_apart_are_one_picture_with_a_pause() {
        let week = 7 * 86_400;
        let drawn = timeline((0..10).chain(week..week + 10)).draw().unwrap();
        assert_eq!((drawn.each.as_str(), drawn.bars.len(), drawn.pauses.len()), ("second", 20, 1));
        // A short time without calls is shown as it is.
        assert!(timeline([0, 1, 5]).draw().unwrap().pauses.is_empty());
        assert_eq!(timeline([0, 1, 6]).draw().unwrap().pauses.len(), 1);
    }

    #[test]
    fn rows_of_machines_with_a_wrong_clock_do_not_blow_up_the_picture() {
        let year = 365 * 86_400;
        let drawn = timeline((0..3_000).map(|number| (number % 300 - 150) * 50 * year)).draw().unwrap();
        assert!(drawn.bars.len() <= 60, "{}", drawn.bars.len());
        assert!(drawn.each.ends_with(" days"), "{}", drawn.each);
        let ends = timeline([Timestamp::MIN.as_second(), 0, Timestamp::MAX.as_second()]).draw().unwrap();
        assert_eq!(ends.bars.len(), 3);
    }

    #[test]
    fn every_bar_can_be_seen_and_none_leaves_the_picture() {
        let mut timeline = Timeline::new();
        timeline.add(Timestamp::from_second(0).unwrap(), 1_000_000);
        (1..60).for_each(|second| timeline.add(Timestamp::from_second(second).unwrap(), 1));
        let drawn = timeline.draw().unwrap();
        assert!(drawn.bars.iter().all(|bar| (1..=100).contains(&bar.height)));
        let last = drawn.bars.last().unwrap();
        let end: f64 = last.left.parse::<f64>().unwrap() + last.width.parse::<f64>().unwrap();
        assert!((90.0..=100.0).contains(&end), "{end}");
        assert!(Timeline::new().draw().is_none());
    }
}
