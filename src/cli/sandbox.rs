//! The arguments of the command `sandbox`.

use std::error::Error;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use strum::IntoStaticStr;

use super::completions::one_of;
use crate::config::{Rate, parse_age, parse_count, parse_named_rate, parse_port};
use crate::error::{Cause, Refusal};
use crate::sandbox::{ErrorRate, Faults, InvalidOption, LimiterKind, ListDate, Options, RateLimit, RetryAfter};
use crate::text::quoted_path;

/// What stands below the help.
const NOTES: &str = "\
An invitation whose ID ends in 90 is in progress, 91 complete, 92 expired, 93 cancelled, 94 left,
95 terminated; 96 answers 403, 97 does not exist. Every other is pending.

The lists show what was cancelled here. Of the others they show cancelled (93), completed (91, 94,
95) and expired (92) ones, but only those that a cancel call has named: dated one day before the
start. The dates of --list-date invited are invented, from each ID, within 90 days before the start.

What --limiter does with --rate-limit, such as 5/s (5 calls in a period of 1 second):
  token-bucket    It holds --burst tokens, refilled evenly at the rate; a call takes one, else 429.
  leaky-bucket    An excess drains at the rate; a call is let through while the excess is at most
                  --burst, and adds one, else 429 (as limit_req of nginx does with nodelay).
  fixed-window    At most the calls in each period, counted from the start; then 429 until it ends.
  sliding-window  At most the calls in any period; then 429 until the oldest is out of it.
  in-flight       At most the calls in flight at once, whatever the period, each from its arrival
                  until its answer leaves, latency included; else 429 with a Retry-After of 1 second.

What --retry-after makes of the header Retry-After of a 429:
  seconds  The seconds until a call would be let through, rounded up, at least 1.
  date     The date and time of that moment, rounded up to a second.
  none     The header is left out.";

/// The text below the help, with the format of `--faults`.
pub(super) fn notes() -> String {
    format!("{NOTES}\n\n{}", Faults::FORMAT_IN_SHORT)
}

/// What `sandbox` can be told.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port on 127.0.0.1; 0 is a free one
    #[arg(long, value_name = "N", value_parser = parse_port, default_value_t = 8080)]
    pub port: u16,
    /// Time that each answer takes
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = parse_age)]
    pub latency: Duration,
    /// Answer 429 beyond this rate
    #[arg(long, value_name = "RATE", value_parser = parse_named_rate)]
    pub rate_limit: Option<Rate>,
    /// What keeps that rate: token-bucket, leaky-bucket, fixed-window, sliding-window or in-flight [default:
    /// token-bucket]
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub limiter: Option<LimiterName>,
    /// Tokens that the token-bucket holds [default: the calls of the rate], or excess that the leaky-bucket bears
    /// [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_burst)]
    pub burst: Option<u32>,
    /// When a 429 says to come back: seconds, date or none [default: seconds]
    #[arg(long, value_name = "FORM", value_parser = one_of(&RETRY_AFTER), hide_possible_values = true)]
    pub retry_after: Option<RetryAfter>,
    /// Share of the cancel and list calls that fail with 500, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_error_rate)]
    pub error_rate: ErrorRate,
    /// Show a cancellation in the list this late
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_age)]
    pub list_delay: Duration,
    /// Date that a list's window is for: invited or cancelled
    #[arg(long, value_name = "DATE", default_value = "cancelled", value_parser = one_of(&LIST_DATES), hide_possible_values = true)]
    pub list_date: ListDate,
    /// Cut a list silently after its N earliest entries
    #[arg(long, value_name = "N", value_parser = parse_list_page)]
    pub list_page: Option<NonZeroUsize>,
    /// File with faults to commit on purpose, by ID, list, attempt, time or chance (JSON)
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// New file for a record of what was received and done, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// What decides which calls fail: the same seed, the same calls
    #[arg(long, value_name = "N", value_parser = parse_count, default_value_t = 0)]
    pub seed: u64,
}

impl SandboxArgs {
    /// Reads the file with the faults, if there is one.
    fn read_faults(&self) -> Result<Faults, Refusal> {
        let Some(path) = &self.faults else { return Ok(Faults::default()) };
        let unusable = || Refusal::new(Cause::Usage, format!("the faults in {} cannot be used", quoted_path(path)));
        let text = std::fs::read_to_string(path).map_err(|error| {
            unusable().caused_by(error).hint("name a file of text with --faults that this user may read")
        })?;
        Faults::parse(&text).map_err(|error| {
            unusable()
                .caused_by(error)
                .hint("`imocha-cancel sandbox --help` says how the file is written, with an example")
        })
    }

    /// The rate limit with its limiter, if there is one.
    fn limit(&self) -> Result<Option<RateLimit>, Refusal> {
        let Some(Rate::Limited { calls, period }) = self.rate_limit else {
            let flags = [
                ("--limiter", self.limiter.is_some()),
                ("--burst", self.burst.is_some()),
                ("--retry-after", self.retry_after.is_some()),
            ];
            return match flags.into_iter().find(|(_, is_given)| *is_given) {
                None => Ok(None),
                Some((flag, _)) => {
                    let message = format!("{flag} says how a rate is kept, and there is no rate to keep");
                    Err(Refusal::new(Cause::Usage, message).hint("name a rate with --rate-limit, such as 5/s"))
                }
            };
        };
        let limit =
            RateLimit::new(calls, period).map_err(|error| refuse(&error))?.with_limiter(self.limiter_of(calls)?);
        Ok(Some(limit.with_retry_after(self.retry_after.unwrap_or_default())))
    }

    /// The limiter of so many calls.
    fn limiter_of(&self, calls: NonZeroU32) -> Result<LimiterKind, Refusal> {
        let name = self.limiter.unwrap_or_default();
        match (name, self.burst) {
            (LimiterName::TokenBucket, None) => Ok(LimiterKind::TokenBucket { burst: calls }),
            (LimiterName::TokenBucket, Some(tokens)) => {
                let burst = NonZeroU32::new(tokens).ok_or_else(|| {
                    let refusal = Refusal::new(Cause::Usage, "a token bucket with --burst 0 would let no call through");
                    refusal.hint("give it one token or more, or take --limiter leaky-bucket")
                })?;
                Ok(LimiterKind::TokenBucket { burst })
            }
            (LimiterName::LeakyBucket, burst) => Ok(LimiterKind::LeakyBucket { burst: burst.unwrap_or(1) }),
            (LimiterName::FixedWindow, None) => Ok(LimiterKind::FixedWindow),
            (LimiterName::SlidingWindow, None) => Ok(LimiterKind::SlidingWindow),
            (LimiterName::InFlight, None) => Ok(LimiterKind::InFlight),
            (LimiterName::FixedWindow | LimiterName::SlidingWindow | LimiterName::InFlight, Some(_)) => {
                let name: &str = name.into();
                let message = format!("--burst is for buckets, and --limiter {name} is none");
                Err(Refusal::new(Cause::Usage, message).hint("leave --burst out; --rate-limit alone says how many"))
            }
        }
    }

    /// What the sandbox is told.
    ///
    /// # Errors
    ///
    /// When the flags make no sense for a sandbox.
    pub fn options(&self) -> Result<Options, Refusal> {
        Ok(Options {
            port: self.port,
            latency: self.latency,
            rate_limit: self.limit()?,
            error_rate: self.error_rate,
            seed: self.seed,
            list_delay: self.list_delay,
            list_date: self.list_date,
            list_page: self.list_page,
            faults: self.read_faults()?,
            record: self.record.clone(),
            ..Options::default()
        })
    }
}

/// The words for the forms of `Retry-After`.
const RETRY_AFTER: [(&str, RetryAfter); 3] =
    [("seconds", RetryAfter::Seconds), ("date", RetryAfter::Date), ("none", RetryAfter::None)];

/// The words for the dates that a list's window can be for.
const LIST_DATES: [(&str, ListDate); 2] = [("invited", ListDate::Invited), ("cancelled", ListDate::Cancelled)];

/// The names of the limiters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum LimiterName {
    /// [`LimiterKind::TokenBucket`].
    #[default]
    TokenBucket,
    /// [`LimiterKind::LeakyBucket`].
    LeakyBucket,
    /// [`LimiterKind::FixedWindow`].
    FixedWindow,
    /// [`LimiterKind::SlidingWindow`].
    SlidingWindow,
    /// [`LimiterKind::InFlight`].
    InFlight,
}

fn refuse(error: &InvalidOption) -> Refusal {
    Refusal::new(Cause::Usage, error.to_string())
}

fn parse_error_rate(text: &str) -> Result<ErrorRate, &'static str> {
    let share = text.parse().ok().and_then(|share| ErrorRate::new(share).ok());
    share.ok_or("a share is a number from 0 to 1, such as 0.05")
}

fn parse_burst(text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
    let burst = u32::try_from(parse_count(text)?);
    burst.map_err(|_too_large| format!("a burst is a whole number from 0 to {}", u32::MAX).into())
}

fn parse_list_page(text: &str) -> Result<NonZeroUsize, Box<dyn Error + Send + Sync>> {
    let entries = NonZeroUsize::new(parse_count(text)?.try_into()?);
    entries.ok_or_else(|| "a list is cut after one entry or more; without this flag it is whole".into())
}
