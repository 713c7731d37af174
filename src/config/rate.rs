//! How fast calls may leave, as an operator says it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, digits, length_of_time, parse_age};

/// Calls a second, at the most. Chosen by us: iMocha does not publish its limit, and public clients behave as if it were
/// low.
const DEFAULT_CALLS_A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
/// List calls: one in fifteen seconds (source: a public client of the API waits as long between two of them). Lists are
/// heavy for whoever makes them.
pub const DEFAULT_LIST_RATE: &str = "1/15s";
/// The same as a time.
const LIST_INTERVAL: Duration = Duration::from_secs(15);
/// The slowest rate: one call a day.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The most calls in a given time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit: as fast as the API answers.
    Unlimited,
    /// At most `calls` in each `period`.
    Limited {
        /// The number of calls.
        calls: NonZeroU32,
        /// The time for these calls.
        period: Duration,
    },
    /// What the API bears: it is found while the run goes on, and is at most this.
    Auto {
        /// The calls.
        calls: NonZeroU32,
        /// The time for them.
        period: Duration,
    },
}

impl Rate {
    /// The ceiling where the operator names none.
    pub const DEFAULT: Self = Self::Limited { calls: DEFAULT_CALLS_A_SECOND, period: Duration::from_secs(1) };
    /// `auto` without a ceiling has this one. (Source: the contract.)
    pub const AUTO: Self = Self::Auto { calls: NonZeroU32::MIN.saturating_add(99), period: Duration::from_secs(1) };
    /// The ceiling on list calls where the operator names none.
    pub const OF_LISTS: Self = Self::Limited { calls: NonZeroU32::MIN, period: LIST_INTERVAL };

    /// How long `calls` calls take at this rate, at the least.
    pub fn time_for(self, calls: u64) -> Duration {
        match self {
            Self::Unlimited => Duration::ZERO,
            Self::Limited { calls: most, period } | Self::Auto { calls: most, period } => {
                let gaps = calls.saturating_sub(1);
                let nanos = period.as_nanos().saturating_mul(u128::from(gaps)) / u128::from(most.get());
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }

    /// Whether the rate is found while the run goes on.
    pub fn is_found(self) -> bool {
        matches!(self, Self::Auto { .. })
    }

    /// The most calls that fit into `time`; `usize::MAX` without a limit.
    pub fn calls_within(self, time: Duration) -> usize {
        match self {
            Self::Unlimited => usize::MAX,
            Self::Limited { calls, period } | Self::Auto { calls, period } => {
                let calls = u128::from(calls.get()) * time.as_nanos() / period.as_nanos().max(1);
                usize::try_from(calls).unwrap_or(usize::MAX)
            }
        }
    }
}

impl fmt::Display for Rate {
    /// As an operator would write it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unlimited => formatter.write_str("unlimited"),
            auto if auto == Self::AUTO => formatter.write_str("auto"),
            Self::Limited { calls, period } => write!(formatter, "{calls}/{}", unit(period)),
            Self::Auto { calls, period } => write!(formatter, "auto:{calls}/{}", unit(period)),
        }
    }
}

/// `s` for a second and so on, as rates are written.
fn unit(period: Duration) -> String {
    let text = length_of_time(period).replace(' ', "");
    text.strip_prefix('1').filter(|unit| unit.len() == 1).map_or(text.clone(), str::to_owned)
}

impl FromStr for Rate {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        if text == "auto" {
            return Ok(Self::AUTO);
        }
        if let Some(ceiling) = text.strip_prefix("auto:") {
            return match ceiling.parse()? {
                Self::Limited { calls, period } => Ok(Self::Auto { calls, period }),
                Self::Unlimited | Self::Auto { .. } => {
                    Err(ConfigError::new("the ceiling of auto is a rate such as auto:20/s"))
                }
            };
        }
        let unreadable =
            || ConfigError::new("a rate looks like 5/s, 300/m, 10000/h, 5/15s, unlimited, auto or auto:20/s");
        let (calls, period) = text.split_once('/').ok_or_else(unreadable)?;
        let calls = digits(calls).and_then(|calls| u32::try_from(calls).ok()).ok_or_else(unreadable)?;
        let calls = NonZeroU32::new(calls).ok_or_else(|| ConfigError::new("a rate of 0 would never send anything"))?;
        let period = match period {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(60 * 60),
            _ if period.starts_with(|character: char| character.is_ascii_digit()) => parse_age(period)?,
            _ => return Err(unreadable()),
        };
        let interval = period / calls.get();
        if interval.is_zero() {
            return Err(ConfigError::new("a rate above one call a nanosecond is `unlimited`"));
        }
        if interval > MAX_INTERVAL {
            return Err(ConfigError::new("the slowest rate is one call a day"));
        }
        Ok(Self::Limited { calls, period })
    }
}

/// Reads a rate that somebody keeps to: not one that is to be found.
///
/// # Errors
///
/// When the text is not such a rate.
pub fn parse_named_rate(text: &str) -> Result<Rate, ConfigError> {
    let rate: Rate = text.parse()?;
    if rate.is_found() {
        Err(ConfigError::new("auto is for `run`; here a rate such as 5/s is needed"))
    } else {
        Ok(rate)
    }
}
