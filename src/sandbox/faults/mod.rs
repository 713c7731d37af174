//! What the sandbox is told to do wrong, and the file that tells it.
//!
//! The file's own shape is `fault_form`'s; `rule` says which calls a fault is for, and `fault` what it does.

mod call_fault;
mod form;
mod interference;
mod numbers;
mod outage;
mod rule;

pub(crate) use self::call_fault::{Applied, CallFault};
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
/// A *call* is a cancel call whose path names an ID, whatever else may be wrong with it. It takes the first rule of
/// which all conditions hold; a condition that is not there holds for each call.
///
/// | condition | value | holds for |
/// | --- | --- | --- |
/// | `ids` | numbers | calls for these invitations |
/// | `ending` | numbers | calls for invitations whose ID ends in these two digits (7 is 07) |
/// | `attempts` | numbers | these calls of those for the same invitation, counted from 1 |
/// | `time` | `{"from": …, "to": …}` | calls from one time to before another; the sandbox's first call came at `"0s"` |
/// | `chance` | from 0 to 1 | this part of the calls of which the rest is true |
///
/// *Numbers* are a number, a list of them, or `{"from": …, "to": …}`, both included; one of the two may be left out, of
/// times as well. *Times* are text such as `"1500ms"`, `"2s"`, `"1m 30s"`. Which calls `chance` takes follows from
/// [`Options::seed`](crate::sandbox::Options::seed), the rule's place in the file, the ID and the attempt; not from the order of
/// calls, nor from the time. A `note` may say what a rule is for.
///
/// # Faults
///
/// | fault | what happens | and what it takes |
/// | --- | --- | --- |
/// | `answer` | this answer instead | `status`, `retry_after`, `headers` (`[[name, value], …]`), `body`, `applied` |
/// | `reset` | TCP RST, no answer | `applied` |
/// | `close` | TCP FIN, no answer | `applied` |
/// | `hang` | nothing, until the caller goes or the sandbox ends | `applied` |
/// | `garbage` | bytes that are no HTTP, then TCP FIN | `text` (or some bytes that are no text either), `applied` |
/// | `truncate` | the answer's head, its body in part, then TCP FIN | `bytes` of the body (half of it); never all |
/// | `slow` | the answer, late | `by`, which comes on top of [`Options::latency`](crate::sandbox::Options::latency) |
/// | `refuse` | no connection is accepted for a while | `from` and `to`, or `after_calls` and `for`; no conditions |
///
/// With `"applied": true`, a call takes effect before its fault, as far as it would have without; otherwise (`false`)
/// it does not reach the API at all, not even the rate limit. To `truncate` and `slow` it always does. A call with a
/// fault other than `slow` is spared by [`Options::error_rate`](crate::sandbox::Options::error_rate).
///
/// In the `body` of an `answer`, `{id}` stands for the ID that the call is for and `{other_id}` for the next one. Where
/// there is no body, it is one like the API's own errors.
///
/// # Outages
///
/// With `refuse`, the sandbox stops listening, from one time to another after the first call, or for a while when so
/// many calls came in all; the last of them is still answered, when nothing listens any more. What is under way is
/// answered, and all connections are closed. Then it listens on the same port again. Each outage happens once.
///
/// # Memory
///
/// With any rule, the sandbox remembers each invitation that it was called for.
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
    /// When it is not JSON, or not what this JSON must be, with the line and the column; and when a rule makes no
    /// sense, with its number.
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

/// A file of faults that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultsError {
    /// It cannot be read.
    #[error("line {line}, column {column}: {problem}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 where the line ends before it begins.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A rule makes no sense.
    #[error("rule {number}: {problem}")]
    Rule {
        /// Its place in the file, from 1.
        number: u32,
        /// What is wrong with it.
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
        assert_eq!((faults.rules.len(), faults.outages.len()), (11, 2));
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
