//! Which numbers a rule is for: one, a list of them, or a range.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A choice of numbers; never an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Numbers {
    /// These.
    Listed(BTreeSet<u64>),
    /// All of these.
    Range(RangeInclusive<u64>),
}

impl Numbers {
    /// Whether the number is among them.
    pub(super) fn contains(&self, number: u64) -> bool {
        match self {
            Self::Listed(numbers) => numbers.contains(&number),
            Self::Range(range) => range.contains(&number),
        }
    }

    /// Whether all of them lie in the range. An end that was left open lies in any.
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

/// Takes each of the three spellings. Written by hand, for an untagged enum cannot say what it did not understand.
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
