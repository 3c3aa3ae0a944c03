//! Programs with their outcomes, as JSON.

use std::path::Path;

use harness::execution::Exception;
use harness::verdict::{Cause, Outcome};
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// A program in CodeRL's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeSolution {
    pub code: String,
    pub outcome: Outcome,
    /// `syntaxerror`, `passed unit tests`, …; baselines have none.
    pub error_type: Option<String>,
}

/// Reads `gen_solutions.json` or `baseline_solutions.json`.
///
/// # Errors
/// When the file is not such a list, naming the element and the key.
pub fn read_solutions(path: &Path) -> Result<Vec<TreeSolution>, Error> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |place: String, detail: String| Error::Malformed {
        file: file.clone(),
        place,
        detail,
    };
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| malformed("content".to_owned(), format!("not JSON: {error}")))?;
    let Value::Array(items) = value else {
        let detail = "expected an array of objects with `code` and `result`".to_owned();
        return Err(malformed("content".to_owned(), detail));
    };
    let solutions = items.into_iter().enumerate();
    solutions
        .map(|(index, item)| {
            let refused = |key: &str, expected: &str| {
                malformed(
                    format!("element {index}"),
                    format!("key `{key}` is missing or not {expected}"),
                )
            };
            let code = item.get("code").and_then(Value::as_str);
            let error_type = item.get("error_type").filter(|value| !value.is_null());
            Ok(TreeSolution {
                code: code.ok_or_else(|| refused("code", "a string"))?.to_owned(),
                outcome: item
                    .get("result")
                    .and_then(outcome)
                    .ok_or_else(|| refused("result", "-2, -1, false or true"))?,
                error_type: match error_type {
                    None => None,
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(_) => return Err(refused("error_type", "a string")),
                },
            })
        })
        .collect()
}

/// In the order in which the released code asks, with Python's equality: 1 is `True`.
fn outcome(result: &Value) -> Option<Outcome> {
    match result {
        Value::Bool(true) => Some(Outcome::PassedTests),
        Value::Bool(false) => Some(Outcome::FailedTests),
        Value::Number(number) => match number.as_i64()? {
            -2 => Some(Outcome::CompileError),
            -1 => Some(Outcome::RuntimeError),
            0 => Some(Outcome::FailedTests),
            1 => Some(Outcome::PassedTests),
            _ => None,
        },
        _ => None,
    }
}

/// `solutions` as CodeRL writes them.
pub fn write_solutions(solutions: &[TreeSolution]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Row<'a> {
        code: &'a str,
        result: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_type: Option<&'a str>,
    }
    let rows: Vec<Row<'_>> = solutions
        .iter()
        .map(|solution| Row {
            code: &solution.code,
            result: match solution.outcome {
                Outcome::CompileError => Value::from(-2),
                Outcome::RuntimeError => Value::from(-1),
                Outcome::FailedTests => Value::from(false),
                Outcome::PassedTests => Value::from(true),
            },
            error_type: solution.error_type.as_deref(),
        })
        .collect();
    serde_json::to_vec(&rows).expect("plain rows are serialisable")
}

const PASSED: &str = "passed unit tests";
const FAILED: &str = "failed unit tests";
const TIME_OUT: &str = "timeoutexception";

impl TreeSolution {
    /// A program of ours.
    pub fn new(code: String, outcome: Outcome, cause: Option<&Cause>) -> Self {
        let error_type = match (outcome, cause) {
            (Outcome::PassedTests, _) => PASSED.to_owned(),
            (Outcome::FailedTests, _) => FAILED.to_owned(),
            (_, Some(Cause::TimeLimit)) => TIME_OUT.to_owned(),
            (_, Some(cause)) => cause.label().to_lowercase(),
            (_, None) => "unknown".to_owned(),
        };
        Self {
            code,
            outcome,
            error_type: Some(error_type),
        }
    }
}

/// What CodeRL says went wrong, as we say it. Names of exceptions are in lower case there.
pub fn cause_of(solution: &TreeSolution) -> Option<Cause> {
    let class = solution.error_type.clone().unwrap_or_default();
    let exception = Exception {
        class: class.clone(),
        message: String::new(),
        line: None,
        bases: Vec::new(),
    };
    match solution.outcome {
        Outcome::PassedTests => None,
        Outcome::FailedTests => Some(Cause::WrongAnswer { detail: None }),
        Outcome::CompileError => Some(Cause::NotCompiled { exception }),
        Outcome::RuntimeError if class == TIME_OUT => Some(Cause::TimeLimit),
        Outcome::RuntimeError => Some(Cause::Exception { exception }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<TreeSolution>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gen_solutions.json");
        std::fs::write(&path, text).unwrap();
        read_solutions(&path)
    }

    #[test]
    fn results_are_outcomes() {
        let text = r#"[{"code": "a", "result": -2, "error_type": "syntaxerror"},
            {"code": "b", "result": -1, "error_type": "timeoutexception"},
            {"code": "c", "result": false, "error_type": "failed unit tests"},
            {"code": "d", "result": true}, {"code": "e", "result": 1}, {"code": "f", "result": 0}]"#;
        let solutions = read(text).unwrap();
        let outcomes: Vec<usize> = solutions.iter().map(|s| s.outcome.class()).collect();
        assert_eq!(outcomes, [0, 1, 2, 3, 3, 2]);
        for solution in &solutions {
            let cause = cause_of(solution);
            let outcome = cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome);
            assert_eq!(outcome, solution.outcome);
        }
        let again = read(std::str::from_utf8(&write_solutions(&solutions)).unwrap()).unwrap();
        assert_eq!(again, solutions);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &[&str]| {
            let error = harness::error_chain(&read(text).unwrap_err());
            for expected in expected {
                assert!(error.contains(expected), "no `{expected}` in {error}");
            }
        };
        check(
            r#"[{"code": "a", "res"#,
            &["gen_solutions.json", "not JSON"],
        );
        check(r#"{"code": "a"}"#, &["expected an array"]);
        check(r#"[{"result": true}]"#, &["element 0", "`code`"]);
        check(r#"[{"code": 5, "result": true}]"#, &["element 0", "`code`"]);
        check(r#"[{"code": "a", "result": NaN}]"#, &["not JSON"]);
        check(
            r#"[{"code": "a", "result": 2}]"#,
            &["element 0", "`result`"],
        );
        check(r#"[{"code": "a", "result": "True"}]"#, &["`result`"]);
        check(
            r#"[{"code": "a", "result": true, "error_type": []}]"#,
            &["`error_type`"],
        );
    }
}
