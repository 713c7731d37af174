//! What the sandbox is told to do wrong, and the file that tells it.
//!
//! `form` reads the file. `rule` and `numbers` say which calls a fault is for (`call_subject` is what a call is for
//! itself), `call_fault` what it does to them, and `outage` when the sandbox does not listen at all. `interference`
//! joins them: it is asked about each call.

mod call_fault;
mod call_subject;
mod form;
mod interference;
mod numbers;
mod outage;
mod rule;

pub(crate) use self::call_fault::{Applied, CallFault};
pub(crate) use self::call_subject::CallSubject;
pub(crate) use self::interference::Interference;
pub(crate) use self::outage::Outages;

use self::form::{RuleForm, RuleOrOutage};
use self::outage::OutagePlan;
use self::rule::Rule;

/// What a sandbox does wrong on purpose. The default is nothing.
///
/// # The file
///
/// JSON: a list of rules, each an object with conditions and one fault. An example of everything:
///
/// ```json
#[doc = include_str!("../faults_example.json")]
/// ```
///
/// # Conditions
///
/// A *call* is here a cancel call whose path names an ID, or a list call whose `state` names a list, even when
/// something else is wrong with it. The first rule of which all conditions hold decides what goes wrong with the call.
/// A rule without `list` is for cancel calls only; one with it takes no `ids` and no `ending`. Any other condition that
/// a rule leaves out always holds.
///
/// | condition | value | holds for |
/// | --- | --- | --- |
/// | `list` | `"cancelled"`, `"completed"`, `"expired"`, `"any"` | calls for this list, or for any list |
/// | `ids` | numbers | calls for these invitations |
/// | `ending` | numbers | calls for invitations whose ID ends in these two digits (7 is 07) |
/// | `attempts` | numbers | calls with these numbers among the calls for the same invitation or list, from 1 |
/// | `time` | `{"from": …, "to": …}` | calls at `from` or later and before `to`; the first call comes at `"0s"` |
/// | `chance` | from 0 to 1 | this share of the calls for which all other conditions hold |
///
/// *Numbers* are one number, a list, or a range `{"from": …, "to": …}` with both ends included. *Times* are text such
/// as `"1500ms"`, `"2s"`, `"1m 30s"`. Of `from` and `to`, one may be left out. Which calls `chance` takes follows from
/// [`Options::seed`](crate::sandbox::Options::seed), the rule's place in the file, the ID or list, and the
/// number of the call for it; neither the time nor the order of the calls matters. A `note` may say what a rule is for.
///
/// # Faults
///
/// | fault | what happens | its settings |
/// | --- | --- | --- |
/// | `answer` | this answer | `status`, `retry_after`, `headers` (`[[name, value], …]`), `body`, `applied` |
/// | `reset` | TCP RST, no answer | `applied` |
/// | `close` | TCP FIN, no answer | `applied` |
/// | `hang` | nothing, until the caller closes the connection or the sandbox ends | `applied` |
/// | `garbage` | bytes that are not HTTP, then TCP FIN | `text` (without it, bytes that are not text), `applied` |
/// | `truncate` | the answer's head, a part of its body, then TCP FIN | `bytes` of the body; without it, half of them |
/// | `slow` | the answer, late | `by`, in addition to [`Options::latency`](crate::sandbox::Options::latency) |
/// | `refuse` | no connection is accepted for a while | `from` and `to`, or `after_calls` and `for`; no conditions |
///
/// With `"applied": true`, a call takes effect before its fault is done to it, unless it would not have taken effect
/// without the fault either. Otherwise (`false`) it does not reach the API at all, and does not count against the rate
/// limit. A list call has no effect, but `applied` counts it against the rate limit. A call with `truncate` or `slow`
/// always reaches the API. The last byte of a truncated body is always missing. Only calls without a fault, or with
/// `slow`, can fail by [`Options::error_rate`](crate::sandbox::Options::error_rate).
///
/// In the `body` of an `answer`, `{id}` stands for the ID that the call is for, and `{other_id}` for the next number.
/// In an answer to a list call, they stand for themselves. An `answer` without a `body` gets one like those of the
/// API's own errors.
///
/// # Outages
///
/// With `refuse`, the sandbox stops listening: either between two times after the first call, or for a while after a
/// number of calls in all. It still answers the calls that have come, and then closes all connections. The call with
/// which an outage begins is answered when the sandbox has stopped listening. After the outage the sandbox listens on
/// the same port again. Each outage happens once.
///
/// # Memory
///
/// With any fault, the sandbox remembers each invitation that it was called for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    outages: Vec<OutagePlan>,
}

impl Faults {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// When the text is not JSON or does not have the shape described above (the error names line and column), and when
    /// a rule makes no sense (the error names its number).
    pub fn parse(text: &str) -> Result<Self, FaultsError> {
        let forms: Vec<RuleForm> = serde_json::from_str(text).map_err(|error| FaultsError::json(&error))?;
        let mut faults = Self::default();
        for (number, form) in (1..).zip(forms) {
            match form.read(number).map_err(|problem| FaultsError::Rule { number, problem })? {
                RuleOrOutage::Outage(outage) => faults.outages.push(outage),
                RuleOrOutage::Rule(rule) => faults.rules.push(*rule),
            }
        }
        Ok(faults)
    }
}

/// Why a file of faults cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// It is not JSON of the right shape.
    #[error("line {line}, column {column}: {problem}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 before the first character of the line.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A rule makes no sense.
    #[error("rule {number}: {problem}")]
    Rule {
        /// The rule's place in the file, from 1.
        number: u32,
        /// What is wrong with the rule.
        problem: String,
    },
}

impl FaultsError {
    fn json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let problem = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text).to_owned();
        Self::Json { line, column, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_followed() {
        let faults = Faults::parse(include_str!("../faults_example.json")).unwrap();
        assert_eq!((faults.rules.len(), faults.outages.len()), (13, 2));
        let names: Vec<(u32, &str)> = faults.rules.iter().map(|rule| (rule.number, rule.name)).collect();
        assert_eq!(names[2..6], [(3, "reset"), (4, "close"), (5, "hang"), (6, "truncate")]);
        assert_eq!(Faults::parse("[]"), Ok(Faults::default()));
    }

    #[test]
    fn a_file_that_makes_no_sense_says_where_and_why() {
        let cases = [
            ("", "line 1, column 0: EOF while parsing a value"),
            ("{}", "line 1, column 0: invalid type: map, expected a sequence"),
            ("[1]", "line 1, column 2: invalid type: integer `1`, expected a rule"),
            ("[\n{\"resets\": {}}]", "line 2, column 9: unknown field `resets`, expected one of"),
            (r#"[{"reset": {"aplied": true}}]"#, "unknown field `aplied`, expected `applied`"),
            (r#"[{"reset": {"applied": "yes"}}]"#, "invalid type: string \"yes\", expected a boolean"),
            (r#"[{"reset": {}, "reset": {}}]"#, "duplicate field `reset`"),
            (r#"[{"answer": {}}]"#, "missing field `status`"),
            (r#"[{"answer": {"status": 70000}}]"#, "invalid value: integer `70000`, expected u16"),
            (r#"[{"slow": {}}]"#, "missing field `by`"),
            (r#"[{"slow": {"by": 5}}]"#, "invalid type: integer `5`, expected a time such as \"1500ms\" or \"2s\""),
            (r#"[{"slow": {"by": "5"}}]"#, "\"5\" is no time such as \"1500ms\" or \"2s\": time unit needed"),
            (r#"[{"slow": {"by": "2y"}}]"#, "\"2y\" is longer than a year"),
            (r#"[{"ids": "all"}]"#, "invalid type: string \"all\", expected a number, a list of numbers, or"),
            (r#"[{"ids": -1}]"#, "invalid type: integer `-1`, expected a number, a list of numbers, or"),
            (r#"[{"ids": []}]"#, "an empty list, which no call can match"),
            (r#"[{"ids": {"from": 3, "to": 2}}]"#, "a range from 3 to 2, which no call can match"),
            (r#"[{"ids": {}}]"#, "a range without `from` and `to`"),
            (r#"[{"ids": {"till": 2}}]"#, "unknown field `till`, expected `from` or `to`"),
            ("[{}]", "rule 1: no fault; one of answer, reset, close, hang, truncate, garbage, slow, refuse is needed"),
            (r#"[{"slow": {"by": "1s"}}, {"reset": {}, "close": {}}]"#, "rule 2: more than one fault: reset, close"),
            (r#"[{"ids": 0, "reset": {}}]"#, "rule 1: `ids` must be from 1 to 9223372036854775807"),
            (r#"[{"ending": [7, 100], "reset": {}}]"#, "rule 1: `ending` must be from 0 to 99"),
            (r#"[{"list": "pending", "reset": {}}]"#, "unknown variant `pending`, expected one of `cancelled`, "),
            (
                r#"[{"list": "any", "ids": 5, "reset": {}}]"#,
                "rule 1: `list` is for list calls, which name no invitation",
            ),
            (r#"[{"list": "any", "ending": 5, "reset": {}}]"#, "rule 1: `list` is for list calls"),
            (r#"[{"list": "any", "refuse": {"after_calls": 1, "for": "1s"}}]"#, "rule 1: `refuse` takes no conditions"),
            (r#"[{"attempts": [0, 1], "reset": {}}]"#, "rule 1: `attempts` must be 1 or more"),
            (r#"[{"chance": 1.5, "reset": {}}]"#, "rule 1: `chance` must be from 0 to 1, not 1.5"),
            (r#"[{"time": {}, "reset": {}}]"#, "rule 1: `time` needs `from` or `to`"),
            (r#"[{"time": {"from": "2s", "to": "2s"}, "reset": {}}]"#, "rule 1: `time` ends at 2s, not after 2s"),
            (r#"[{"answer": {"status": 100}}]"#, "rule 1: `status` must be from 200 to 999, not 100"),
            (r#"[{"answer": {"status": 503, "retry_after": "\n"}}]"#, "rule 1: \"\\n\" cannot be a header's value"),
            (r#"[{"answer": {"status": 503, "headers": [["a b", ""]]}}]"#, "rule 1: \"a b\" cannot be a header's name"),
            (
                r#"[{"answer": {"status": 503, "headers": [["Content-Length", "1"]]}}]"#,
                "rule 1: the sandbox writes the header content-length itself",
            ),
            (r#"[{"refuse": {}}]"#, "rule 1: `refuse` needs `from` and `to`, or `after_calls` and `for`"),
            (r#"[{"refuse": {"from": "1s", "for": "1s"}}]"#, "rule 1: `refuse` needs `from` and `to`, or"),
            (r#"[{"refuse": {"from": "1s", "to": "0s"}}]"#, "rule 1: `refuse` ends at 0s, not after 1s"),
            (r#"[{"refuse": {"after_calls": 0, "for": "1s"}}]"#, "rule 1: `after_calls` must be 1 or more"),
            (r#"[{"ids": 1, "refuse": {"after_calls": 1, "for": "1s"}}]"#, "rule 1: `refuse` takes no conditions"),
        ];
        for (text, problem) in cases {
            let error = Faults::parse(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}\n{error}\n{problem}");
        }
    }
}
