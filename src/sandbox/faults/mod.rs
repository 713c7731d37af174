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
/// ```text
#[doc = include_str!("../faults_format.txt")]
/// ```
///
/// An example of everything:
///
/// ```json
#[doc = include_str!("../faults_example.json")]
/// ```
///
/// `--seed`, `--latency` and `--error-rate` are [`Options::seed`](crate::sandbox::Options::seed),
/// [`Options::latency`](crate::sandbox::Options::latency) and [`Options::error_rate`](crate::sandbox::Options::error_rate).
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
    /// The format of the file, whole: plain text of at most 80 columns, for the documentation of the command.
    pub const FORMAT: &str = include_str!("../faults_format.txt");

    /// The format of the file, in a few lines for a terminal.
    pub const FORMAT_IN_SHORT: &str = "\
The file of --faults is JSON: a list of rules, each with conditions and one fault. The first rule
that is for a call decides what goes wrong with it.
  [{\"ids\": 2932950, \"attempts\": 1, \"answer\": {\"status\": 429, \"retry_after\": \"2\"}},
   {\"time\": {\"from\": \"10s\", \"to\": \"30s\"}, \"answer\": {\"status\": 503}},
   {\"list\": \"any\", \"truncate\": {}}, {\"chance\": 0.05, \"reset\": {\"applied\": true}}]
Conditions: ids, ending (the last two digits) and attempts, each a number, a list, or a range
  {\"from\", \"to\"}; time {\"from\", \"to\"} since the first call; chance (0 to 1). With list (cancelled,
  completed, expired, any) a rule is for list calls, else for cancel calls.
Faults: answer (status, retry_after, headers, body), reset, close, hang, garbage (text), each with
  \"applied\": true where the call takes effect all the same; truncate (bytes), slow (by); refuse
  (from and to, or after_calls and for): no connection is accepted.";

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
    fn the_examples_in_the_texts_can_be_followed() {
        for (text, begin, end) in
            [(Faults::FORMAT, "  [\n", "\n  ]\n"), (Faults::FORMAT_IN_SHORT, "  [", "]\nConditions")]
        {
            let example = text.split_once(begin).unwrap().1.split_once(end).unwrap().0;
            let faults = Faults::parse(&format!("[{example}]")).unwrap_or_else(|error| panic!("{error} in {example}"));
            assert!(faults.rules.len() >= 4, "{example}");
        }
        assert!(Faults::FORMAT.lines().all(|line| line.chars().count() <= 80), "a terminal of 80 columns takes it");
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
            (r#"[{"slow": {"by": "5"}}]"#, "\"5\" is no time such as \"1500ms\", \"2s\" or \"1m 30s\""),
            (r#"[{"slow": {"by": "5M"}}]"#, "\"5M\" is no time"),
            (r#"[{"slow": {"by": "400d"}}]"#, "\"400d\" is longer than a year"),
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
