//! Splits one input among several runs: of N runs over the same input, the Kth takes the rows whose ID falls to it.
//!
//! Which shard a row falls to depends on the ID alone, so all rows with one ID, however it is spelt, are in the same
//! shard. A row without an ID falls to a shard by its line. So each row of the input is in exactly one shard.
//!
//! The hash is a promise: shards of one input may be run by different versions of this program, on different machines,
//! months apart. It is the output function of `SplitMix64` (source: Steele, Lea and Flood, "Fast splittable pseudorandom
//! number generators", 2014; the constants are those of Vigna's splitmix64.c), applied to the ID or the line as a 64-bit
//! number, modulo N. Two numbers that follow each other, or that end in the same digits, do not fall to shards in any
//! order that shows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::invitation::InvitationId;
use crate::text::quoted;

/// The most shards of one input. Chosen by us: more than any scheduler starts at once for work that one API bears.
pub const MOST_SHARDS: u32 = 10_000;

/// Which shard of how many: `2/8` is the second of eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: u32,
    of: u32,
}

/// A text that names no shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShardError {
    /// It is not of the form `K/N`.
    #[error("a shard is K/N: 2/8 is the second of eight")]
    Form,
    /// `0/8`.
    #[error("shards are counted from 1; where a scheduler counts from 0, add 1")]
    Zero,
    /// `9/8`.
    #[error("there is no shard {number} of {of}")]
    Beyond {
        /// The number of the shard.
        number: u32,
        /// How many there are.
        of: u32,
    },
    /// Too many shards.
    #[error("there can be {MOST_SHARDS} shards at most")]
    TooMany,
}

impl Shard {
    /// The number of this shard, counted from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many shards there are, from 1 to [`MOST_SHARDS`].
    pub fn of(self) -> u32 {
        self.of
    }

    /// Whether the rows with this ID fall to this shard.
    pub fn takes(self, id: InvitationId) -> bool {
        self.takes_number(id.get())
    }

    /// Whether a row without an ID that begins on this line falls to this shard.
    pub fn takes_line(self, line: u64) -> bool {
        self.takes_number(line)
    }

    fn takes_number(self, number: u64) -> bool {
        mixed(number) % u64::from(self.of) + 1 == u64::from(self.number)
    }
}

/// The output function of `SplitMix64`.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (number, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(number) || !digits(of) {
            return Err(ShardError::Form);
        }
        // What is too long for a number is too many.
        let [number, of] = [number, of].map(|digits| digits.parse().unwrap_or(u32::MAX));
        match (number, of) {
            (0, _) | (_, 0) => Err(ShardError::Zero),
            (_, of) if of > MOST_SHARDS => Err(ShardError::TooMany),
            (number, of) if number > of => Err(ShardError::Beyond { number, of }),
            (number, of) => Ok(Self { number, of }),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = ShardError;

    fn try_from(text: String) -> Result<Self, ShardError> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

/// What the journal of a shard's results says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardPart {
    /// Which shard it is.
    pub shard: Shard,
    /// How many rows the whole input has, if that is known before the first call.
    pub input_rows: Option<u64>,
}

/// Results of shards of one input that are not all of its shards, each once, or do not have all of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardGap {
    /// The input, as the operator named it.
    pub input: String,
    /// How many shards the input has.
    pub of: u32,
    /// The shards of which there are no results.
    pub missing: Vec<u32>,
    /// The shards of which there are several results.
    pub repeated: Vec<u32>,
    /// How many rows there are in the results, those of each shard counted once.
    pub rows: u64,
    /// How many rows the input has.
    pub input_rows: u64,
}

/// The most shards that a message names (chosen by us: one line).
const MOST_NAMED: usize = 10;

impl ShardGap {
    /// What is wrong with these shards, in words.
    pub fn in_words(&self) -> String {
        let input = quoted(&self.input);
        let faults: Vec<String> = [(&self.missing, "missing"), (&self.repeated, "there more than once")]
            .into_iter()
            .filter(|(numbers, _)| !numbers.is_empty())
            .map(|(numbers, what)| {
                let verb = if numbers.len() == 1 { "is" } else { "are" };
                format!("{} {verb} {what}", named(numbers))
            })
            .collect();
        let shards = if faults.is_empty() {
            format!("of the {} shards of {input} do not add up", self.of)
        } else {
            format!("of the {} shards of {input} are not whole: {}", self.of, faults.join(", and "))
        };
        format!("{shards}; they have {} rows, and the input has {}", self.rows, self.input_rows)
    }
}

fn named(numbers: &[u32]) -> String {
    let mut names: Vec<String> = numbers.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    if numbers.len() > MOST_NAMED {
        names.push(format!("{} more", numbers.len() - MOST_NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_as_it_is_written() {
        for text in ["1/1", "2/8", "10000/10000"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        assert_eq!("02/08".parse::<Shard>(), "2/8".parse());
    }

    #[test]
    fn what_is_no_shard_is_told_why() {
        for text in ["", "2", "/8", "2/", "2/8/1", "+2/8", "-1/8", "2 / 8", "two/8", "2:8", "2/8 "] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError::Form), "{text}");
        }
        for text in ["0/8", "0/0", "1/0"] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError::Zero), "{text}");
        }
        assert_eq!("9/8".parse::<Shard>(), Err(ShardError::Beyond { number: 9, of: 8 }));
        for text in ["1/10001", "1/99999999999999999999"] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError::TooMany), "{text}");
        }
    }

    /// The shard of `of` to which an ID falls.
    fn shard_of(id: u64, of: u32) -> u32 {
        let id = InvitationId::new(id).unwrap();
        let takers: Vec<u32> = (1..=of).filter(|&number| Shard { number, of }.takes(id)).collect();
        assert_eq!(takers.len(), 1, "{id} falls to one shard");
        takers[0]
    }

    #[test]
    fn the_hash_never_changes() {
        // The first outputs of splitmix64.c with the seed 1234567, as its author and others publish them: the generator
        // adds its constant to the state before each.
        let seed = 1_234_567_u64;
        let state = |step: u64| seed.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(step));
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([0, 1, 2].map(|step| mixed(state(step))), published);
        // IDs and their shards, for ever. Whoever breaks this cancels rows twice or not at all.
        let ids = [1, 2, 3, 81, 2_932_950, 2_932_951, 2_932_952, 9_223_372_036_854_775_807];
        assert_eq!(ids.map(|id| shard_of(id, 4)), [2, 3, 2, 2, 4, 1, 1, 4]);
        assert_eq!(ids.map(|id| shard_of(id, 10_000)), [2466, 8111, 9054, 118, 3568, 6521, 7881, 2040]);
    }

    #[test]
    fn shards_are_about_equal_whatever_the_ids_have_in_common() {
        for (first, step) in [(2_932_950, 1), (100, 100), (1, 8), (1 << 40, 1 << 16)] {
            let mut counts = [0; 8];
            for id in (0..8_000).map(|index| first + index * step) {
                counts[usize::try_from(shard_of(id, 8) - 1).unwrap()] += 1;
            }
            // A thousand each, and by chance some thirty more or less.
            assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told_by_its_number() {
        let gap = |missing: &[u32], repeated: &[u32]| {
            let (missing, repeated) = (missing.to_vec(), repeated.to_vec());
            ShardGap { input: "a.csv".to_owned(), of: 8, missing, repeated, rows: 7, input_rows: 9 }.in_words()
        };
        assert_eq!(
            gap(&[2], &[3, 4]),
            "of the 8 shards of \"a.csv\" are not whole: 2 is missing, and 3, 4 are there more than once; they have 7 rows, \
             and the input has 9"
        );
        assert_eq!(gap(&[], &[]), "of the 8 shards of \"a.csv\" do not add up; they have 7 rows, and the input has 9");
        let many: Vec<u32> = (1..=13).collect();
        assert!(gap(&many, &[]).contains(": 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 3 more are missing"));
    }
}
