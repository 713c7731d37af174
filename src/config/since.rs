//! A moment in the past, as people write it.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{ConfigError, parse_age};

/// A moment in the past: as an age (`90d`), a day (`2026-01-31`, from its first moment in UTC) or a moment in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(Timestamp);

impl Since {
    /// The moment.
    pub fn get(self) -> Timestamp {
        self.0
    }
}

impl FromStr for Since {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let now = Timestamp::now();
        // The parser of days would take one with a time behind it, and leave the time out.
        let is_day = text.len() == "2026-01-31".len();
        let day = |text: &str| text.parse::<Date>().ok().filter(|_| is_day)?.to_zoned(TimeZone::UTC).ok();
        let moment = if let Ok(age) = parse_age(text) {
            now.checked_sub(age).ok()
        } else {
            text.parse().ok().or_else(|| day(text).map(|day| day.timestamp()))
        };
        let is_age = text.starts_with(|first: char| first.is_ascii_digit()) && !text.contains(['-', ':', '.']);
        let age_fault = parse_age(text).err().filter(|_| is_age && text.ends_with(char::is_alphabetic));
        let moment = moment.ok_or_else(|| {
            age_fault.unwrap_or_else(|| {
                ConfigError::new(
                    "it is an age such as 90d, a day such as 2026-01-31, or a moment such as 2026-01-31T02:00:00Z",
                )
            })
        })?;
        if moment <= now { Ok(Self(moment)) } else { Err(ConfigError::new("it lies in the future")) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_moment_is_an_age_a_day_or_a_time() {
        let since = |text: &str| text.parse::<Since>().map(Since::get);
        let age = Timestamp::now().duration_since(since("2d").unwrap());
        assert!((age - SignedDuration::from_hours(48)).abs() < SignedDuration::from_secs(60), "{age}");
        assert_eq!(since("2026-01-31"), since("2026-01-31T00:00:00Z"));
        assert_eq!(since("2026-01-31T02:00:00+02:00"), since("2026-01-31T00:00:00Z"));
        assert!("3months".parse::<Since>().unwrap_err().to_string().contains("say days"));
        for wrong in ["", "yesterday", "2026-13-01", "31.01.2026", "9999-01-01", "2026-01-31 02:00", "-3d", "90"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
