//! How a file of faults is written, and what is wrong with one that makes no sense.
//!
//! A `…Form` is a part of the file just as it is written there. Reading a form checks it, and returns a rule or an
//! outage that makes sense, or a message for the operator who wrote the file.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::json;

use super::call_fault::{Applied, CallFault, CannedAnswer, Instead};
use super::numbers::Numbers;
use super::outage::OutagePlan;
use super::rule::{Condition, NamedLists, Rule};
use crate::sandbox::limits::ErrorRate;
use crate::sandbox::list_kind::ListKind;

/// What a `garbage` fault sends unless the file names a text: neither HTTP nor valid UTF-8.
const GARBAGE: &[u8] = b"\x15\x03\x03\x00\x02\x02\x28\xff this is not HTTP\r\n\r\n";

/// The longest time that a file may name. Chosen by us: more than anyone waits, and no sum of times overflows.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The units of times. The library that reads them knows more, and to it `M` is a month.
const UNITS: [&str; 7] = ["ns", "us", "ms", "s", "m", "h", "d"];

/// The headers that say where an answer ends. A file may not set them, because they could be wrong.
const FRAMING: [HeaderName; 2] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// A rule as it is written in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule")]
pub(crate) struct RuleForm {
    #[serde(rename = "note")]
    _note: Option<String>,
    list: Option<ListForm>,
    ids: Option<Numbers>,
    ending: Option<Numbers>,
    attempts: Option<Numbers>,
    time: Option<TimeForm>,
    chance: Option<f64>,
    answer: Option<AnswerForm>,
    reset: Option<PlainForm>,
    close: Option<PlainForm>,
    hang: Option<PlainForm>,
    truncate: Option<TruncateForm>,
    garbage: Option<GarbageForm>,
    slow: Option<SlowForm>,
    refuse: Option<RefuseForm>,
}

/// What a rule of the file turned out to be.
#[derive(Debug)]
pub(super) enum RuleOrOutage {
    /// A fault, and the calls that it is for.
    Rule(Box<Rule>),
    /// An outage.
    Outage(OutagePlan),
}

/// What one key of a rule, such as `reset`, asks for.
enum Action {
    Fault(CallFault),
    Outage(OutagePlan),
}

impl RuleForm {
    /// Reads the rule that has this number in the file, or says what is wrong with it.
    pub(crate) fn read(mut self, number: u32) -> Result<RuleOrOutage, String> {
        let condition = self.condition()?;
        let actions = self.actions();
        let names = actions.iter().map(|(name, _)| *name).collect::<Vec<&str>>().join(", ");
        let mut given = actions.into_iter().filter_map(|(name, action)| Some((name, action?)));
        let Some((name, action)) = given.next() else {
            return Err(format!("no fault; one of {names} is needed"));
        };
        if let Some((other, _)) = given.next() {
            return Err(format!("more than one fault: {name}, {other}"));
        }
        match action? {
            Action::Fault(fault) => Ok(RuleOrOutage::Rule(Box::new(Rule { number, name, condition, fault }))),
            Action::Outage(outage) if condition == Condition::default() => Ok(RuleOrOutage::Outage(outage)),
            Action::Outage(_) => Err("`refuse` takes no conditions".to_owned()),
        }
    }

    fn condition(&mut self) -> Result<Condition, String> {
        if self.list.is_some() && (self.ids.is_some() || self.ending.is_some()) {
            return Err(
                "`list` is for list calls, which name no invitation: it goes without `ids` and `ending`".to_owned()
            );
        }
        Ok(Condition {
            list: self.list.map(NamedLists::from),
            ids: check("ids", self.ids.take(), 1..=i64::MAX.unsigned_abs())?,
            ending: check("ending", self.ending.take(), 0..=99)?,
            attempts: check("attempts", self.attempts.take(), 1..=u64::MAX)?,
            time: self.time.take().map(|form| read_span("time", form.from, form.to)).transpose()?,
            chance: self.chance.map(read_chance).transpose()?,
        })
    }

    /// What each key asks for that can name a fault; `None` for a key that is not there.
    fn actions(self) -> [(&'static str, Option<Result<Action, String>>); 8] {
        let is_for_lists = self.list.is_some();
        let fault = |fault| Some(Ok(Action::Fault(fault)));
        let instead = |form: PlainForm, instead| fault(CallFault::Instead { instead, applied: form.applied.into() });
        [
            ("answer", self.answer.map(|form| form.read(is_for_lists).map(Action::Fault))),
            ("reset", self.reset.and_then(|form| instead(form, Instead::Reset))),
            ("close", self.close.and_then(|form| instead(form, Instead::Close))),
            ("hang", self.hang.and_then(|form| instead(form, Instead::Hang))),
            ("truncate", self.truncate.and_then(|form| fault(CallFault::Truncate(form.bytes)))),
            ("garbage", self.garbage.and_then(|form| fault(form.read()))),
            ("slow", self.slow.and_then(|form| fault(CallFault::Slow(form.by.0)))),
            ("refuse", self.refuse.map(|form| form.read().map(Action::Outage))),
        ]
    }
}

/// Lets numbers pass that lie in the bounds of the condition with this name.
fn check(name: &str, numbers: Option<Numbers>, bounds: RangeInclusive<u64>) -> Result<Option<Numbers>, String> {
    match &numbers {
        Some(numbers) if !numbers.lie_in(&bounds) => Err(match bounds.into_inner() {
            (least, u64::MAX) => format!("`{name}` must be {least} or more"),
            (least, most) => format!("`{name}` must be from {least} to {most}"),
        }),
        Some(_) | None => Ok(numbers),
    }
}

fn read_chance(chance: f64) -> Result<ErrorRate, String> {
    ErrorRate::new(chance).ok().ok_or_else(|| format!("`chance` must be from 0 to 1, not {chance}"))
}

/// Reads the `from` and `to` of the key with this name, of which one may be missing.
fn read_span(name: &str, from: Option<Time>, to: Option<Time>) -> Result<Range<Duration>, String> {
    if from.is_none() && to.is_none() {
        return Err(format!("`{name}` needs `from` or `to`"));
    }
    let (from, to) = (from.map_or(Duration::ZERO, |time| time.0), to.map_or(Duration::MAX, |time| time.0));
    if from >= to {
        let [from, to] = [from, to].map(humantime::format_duration);
        return Err(format!("`{name}` ends at {to}, not after {from}"));
    }
    Ok(from..to)
}

/// The lists that a rule is for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListForm {
    Cancelled,
    Completed,
    Expired,
    Any,
}

impl From<ListForm> for NamedLists {
    fn from(form: ListForm) -> Self {
        match form {
            ListForm::Cancelled => Self::One(ListKind::Cancelled),
            ListForm::Completed => Self::One(ListKind::Completed),
            ListForm::Expired => Self::One(ListKind::Expired),
            ListForm::Any => Self::Any,
        }
    }
}

/// A time, written as text with its unit.
#[derive(Debug)]
struct Time(Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a time such as \"1500ms\" or \"2s\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                let mut units = text.split(|sign: char| !sign.is_alphabetic()).filter(|unit| !unit.is_empty());
                let time = humantime::parse_duration(text).ok().filter(|_| units.all(|unit| UNITS.contains(&unit)));
                let time = time.ok_or_else(|| {
                    E::custom(format!("{text:?} is no time such as \"1500ms\", \"2s\" or \"1m 30s\""))
                })?;
                if time > LONGEST {
                    return Err(E::custom(format!("{text:?} is longer than a year")));
                }
                Ok(Time(time))
            }
        }
        deserializer.deserialize_str(TimeVisitor)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`from` and `to`")]
struct TimeForm {
    from: Option<Time>,
    to: Option<Time>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "what to answer")]
struct AnswerForm {
    status: u16,
    retry_after: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    #[serde(default)]
    applied: AppliedForm,
}

impl AnswerForm {
    /// Reads the answer. Without a body, it gets one in the shape of the errors of list calls or of other calls.
    fn read(self, is_for_lists: bool) -> Result<CallFault, String> {
        let status = StatusCode::from_u16(self.status).ok().filter(|status| !status.is_informational());
        let status = status.ok_or_else(|| format!("`status` must be from 200 to 999, not {}", self.status))?;
        let mut headers = HeaderMap::new();
        let named = self.headers.into_iter();
        for (name, value) in named.chain(self.retry_after.map(|value| ("retry-after".to_owned(), value))) {
            let header: HeaderName =
                name.parse().map_err(|error| format!("{name:?} cannot be a header's name: {error}"))?;
            if FRAMING.contains(&header) {
                return Err(format!("the sandbox writes the header {header} itself"));
            }
            let value = HeaderValue::from_str(&value)
                .map_err(|error| format!("{value:?} cannot be a header's value: {error}"))?;
            headers.append(header, value);
        }
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let body = self.body.unwrap_or_else(|| {
            let message = "The sandbox was told to answer so.";
            let for_list = || json!({"result": null, "errors": [message]});
            let body = || json!({"statusCode": status.as_u16(), "message": message});
            if is_for_lists { for_list() } else { body() }.to_string()
        });
        let instead = Instead::Answer(CannedAnswer { status, headers, body });
        Ok(CallFault::Instead { instead, applied: self.applied.into() })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{} or {\"applied\": true}")]
struct PlainForm {
    #[serde(default)]
    applied: AppliedForm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{} or {\"bytes\": …}")]
struct TruncateForm {
    bytes: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{} or {\"text\": …}")]
struct GarbageForm {
    text: Option<String>,
    #[serde(default)]
    applied: AppliedForm,
}

impl GarbageForm {
    fn read(self) -> CallFault {
        let bytes = self.text.map_or_else(|| GARBAGE.to_vec(), String::into_bytes);
        CallFault::Instead { instead: Instead::Garbage(bytes), applied: self.applied.into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{\"by\": …}")]
struct SlowForm {
    by: Time,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`from` and `to`, or `after_calls` and `for`")]
struct RefuseForm {
    from: Option<Time>,
    to: Option<Time>,
    after_calls: Option<u64>,
    #[serde(rename = "for")]
    length: Option<Time>,
}

impl RefuseForm {
    fn read(self) -> Result<OutagePlan, String> {
        match (self.from, self.to, self.after_calls, self.length) {
            (Some(from), Some(to), None, None) => read_span("refuse", Some(from), Some(to)).map(OutagePlan::Within),
            (None, None, Some(0), Some(_)) => Err("`after_calls` must be 1 or more".to_owned()),
            (None, None, Some(calls), Some(Time(length))) => Ok(OutagePlan::After { calls, length }),
            _ => Err("`refuse` needs `from` and `to`, or `after_calls` and `for`".to_owned()),
        }
    }
}

/// Whether the call takes effect: `true` or `false`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct AppliedForm(bool);

impl From<AppliedForm> for Applied {
    fn from(form: AppliedForm) -> Self {
        if form.0 { Self::Yes } else { Self::No }
    }
}
