//! The numbers that a condition of a rule names: one, a list, or a range. This file owns how they are written in the
//! file of faults.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A set of numbers that is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    /// The numbers of a list.
    Listed(BTreeSet<u64>),
    /// All numbers of a range.
    Range(RangeInclusive<u64>),
}

impl Numbers {
    /// Whether the number is one of them.
    pub(super) fn contains(&self, number: u64) -> bool {
        match self {
            Self::Listed(numbers) => numbers.contains(&number),
            Self::Range(range) => range.contains(&number),
        }
    }

    /// Whether all of them lie in `range`. The end of a range that was left open counts as inside: `{"from": 5}` lies
    /// in 1 to 99, although it also holds 100.
    pub(super) fn lie_in(&self, range: &RangeInclusive<u64>) -> bool {
        match self {
            Self::Listed(numbers) => numbers.iter().all(|number| range.contains(number)),
            Self::Range(numbers) => {
                let (from, to) = (*numbers.start(), *numbers.end());
                (from == u64::MIN || range.contains(&from)) && (to == u64::MAX || range.contains(&to))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumbersVisitor)
    }
}

/// Reads each of the three spellings. It is written by hand because the error of an untagged enum does not say what was
/// wrong.
struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Numbers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a list of numbers, or {\"from\": …, \"to\": …}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Numbers, E> {
        Ok(Numbers::Listed(BTreeSet::from([number])))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Numbers, A::Error> {
        let mut numbers = BTreeSet::new();
        while let Some(number) = list.next_element()? {
            numbers.insert(number);
        }
        if numbers.is_empty() {
            return Err(Error::custom("an empty list, which no call can match"));
        }
        Ok(Numbers::Listed(numbers))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Numbers, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Range {
            from: Option<u64>,
            to: Option<u64>,
        }
        let Range { from, to } = Range::deserialize(MapAccessDeserializer::new(map))?;
        if from.is_none() && to.is_none() {
            return Err(Error::custom("a range without `from` and `to`"));
        }
        let (from, to) = (from.unwrap_or(u64::MIN), to.unwrap_or(u64::MAX));
        if from > to {
            return Err(Error::custom(format!("a range from {from} to {to}, which no call can match")));
        }
        Ok(Numbers::Range(from..=to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_one_or_listed_or_a_range() {
        let cases: [(&str, &[u64], &[u64]); 5] = [
            ("7", &[7], &[6, 8]),
            ("[3, 1]", &[1, 3], &[0, 2, 4]),
            (r#"{"from": 2, "to": 4}"#, &[2, 3, 4], &[1, 5]),
            (r#"{"from": 2}"#, &[2, u64::MAX], &[1]),
            (r#"{"to": 4}"#, &[0, 4], &[5]),
        ];
        for (text, inside, outside) in cases {
            let numbers: Numbers = serde_json::from_str(text).unwrap();
            assert!(inside.iter().all(|number| numbers.contains(*number)), "{text}");
            assert!(!outside.iter().any(|number| numbers.contains(*number)), "{text}");
        }
    }

    #[test]
    fn only_what_is_named_can_lie_outside() {
        for (text, lies_inside) in
            [("0", false), ("[1, 100]", false), (r#"{"from": 0}"#, true), (r#"{"to": 99}"#, true)]
        {
            let numbers: Numbers = serde_json::from_str(text).unwrap();
            assert_eq!(numbers.lie_in(&(1..=99)), lies_inside, "{text}");
        }
    }
}
