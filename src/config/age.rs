//! Lengths of time and ages, as an operator says them.

use std::time::Duration;

use super::ConfigError;

/// The units, which are the contract. The library that does the arithmetic knows more: to it, `M` is a month.
const UNITS: [&str; 5] = ["s", "m", "h", "d", "ms"];
/// What the general refusal says.
const LOOKS_LIKE: &str = "it looks like 90s, 10m, 2h, 7d, 500ms or 1h30m";

/// Reads an age or a duration such as `90s`, `10m`, `2h`, `7d`, `500ms`, `1h30m` or `1.5h`.
///
/// # Errors
///
/// If the text is not numbers with units, if a unit is another than these, or if the time is too long to be counted.
pub fn parse_age(text: &str) -> Result<Duration, ConfigError> {
    let units = text.split(|character: char| !character.is_alphabetic()).filter(|word| !word.is_empty());
    if let Some(unit) = units.clone().find(|unit| !UNITS.contains(unit)) {
        return Err(ConfigError::new(about_unit(unit)));
    }
    if units.count() == 0 && text.bytes().any(|byte| byte.is_ascii_digit()) && text != "0" {
        return Err(ConfigError::new(format!("the unit is missing; {LOOKS_LIKE}")));
    }
    humantime::parse_duration(text).map_err(|error| {
        ConfigError::new(match error {
            humantime::DurationError::NumberOverflow => "it is too long, or a part of a millisecond".to_owned(),
            _ => LOOKS_LIKE.to_owned(),
        })
    })
}

/// A length of time as an operator writes it, such as `1d 12h`: never in months, which have no fixed length. What is
/// shorter than a millisecond is left out.
pub fn length_of_time(time: Duration) -> String {
    let mut left = time.as_millis();
    let mut parts = Vec::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if left >= millis {
            parts.push(format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// What is wrong with a unit.
fn about_unit(unit: &str) -> String {
    let plain = unit.to_lowercase();
    let say = match plain.as_str() {
        _ if unit == "M" => "M may be minutes or months: m is minutes, and months are said in days, such as 30d",
        "mo" | "mon" | "month" | "months" | "y" | "yr" | "year" | "years" => {
            "months and years have no fixed length: say days, such as 30d"
        }
        "w" | "week" | "weeks" => "weeks are said in days, such as 7d",
        "us" | "µs" | "usec" | "ns" | "nsec" | "nanos" => "the shortest unit is a millisecond, such as 500ms",
        _ => {
            return format!(
                "`{unit}` is no unit: s is seconds, m minutes, h hours, d days, ms milliseconds, as in 90s"
            );
        }
    };
    say.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_are_read_alone_and_together() {
        let millis = |text: &str| parse_age(text).map(|age| age.as_millis());
        for (text, expected) in [
            ("90s", 90_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("0", 0),
            ("45d", 3_888_000_000),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_length_of_time_has_no_months_and_can_be_read_again() {
        for text in ["45d", "1h 30m", "31d", "1d", "90d 1h 1m 1s 1ms", "500ms", "0s"] {
            assert_eq!(length_of_time(parse_age(text).unwrap()), text);
        }
        assert_eq!(length_of_time(Duration::from_micros(1)), "0s");
    }

    #[test]
    fn what_is_no_time_is_refused_in_plain_words() {
        for (text, said) in [
            ("5M", "m is minutes"),
            ("1h5M", "m is minutes"),
            ("1month", "say days, such as 30d"),
            ("1y", "say days"),
            ("2 Years", "say days"),
            ("2w", "such as 7d"),
            ("5ns", "a millisecond"),
            ("5us", "a millisecond"),
            ("10min", "`min` is no unit: s is seconds, m minutes"),
            ("5H", "`H` is no unit"),
            ("x", "`x` is no unit"),
            ("5", "the unit is missing; it looks like 90s"),
            ("", "it looks like 90s"),
            ("-5m", "it looks like 90s"),
            ("m5", "it looks like 90s"),
            ("1,5h", "it looks like 90s"),
            ("99999999999999999999d", "too long"),
            ("0.0000001s", "0"),
        ] {
            match parse_age(text) {
                Err(error) => assert!(error.to_string().contains(said), "{text}: {error}"),
                Ok(age) => assert!(said == "0" && age < Duration::from_millis(1), "{text}: {age:?}"),
            }
        }
    }
}
