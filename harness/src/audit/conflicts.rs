//! Tests that no program can pass: the same input, different expected results.

use std::collections::BTreeMap;

use crate::judge::results_differ;
use crate::problem::{CallTest, Problem, StdinTest, UnitTests, WhichTests};

/// Whether two hidden tests ask for different results of the same input.
///
/// Asserts are compared as text: `assert LEFT == RIGHT`, the same left and another right.
/// Where a program passes all tests, two results that look different are not.
pub(super) fn has_conflict(problem: &Problem) -> bool {
    match &problem.tests {
        UnitTests::StandardInput { tests } => any_conflict(
            tests.of(WhichTests::Hidden),
            |test: &StdinTest| test.input.clone(),
            |a, b| results_differ::of_outputs(&a.expected, &b.expected),
        ),
        UnitTests::CallBased { tests, .. } => any_conflict(
            tests.of(WhichTests::Hidden),
            |test: &CallTest| serde_json::to_string(&test.arguments).expect("values serialise"),
            |a, b| results_differ::of_calls(&a.expected, &b.expected),
        ),
        UnitTests::Asserts { tests, .. } => {
            let sides: Vec<(String, String)> = tests
                .of(WhichTests::Hidden)
                .iter()
                .filter_map(|statement| sides(statement))
                .collect();
            any_conflict(&sides, |(left, _)| left.clone(), |a, b| a.1 != b.1)
        }
        // One piece of code; and inputs whose results come from a program.
        UnitTests::CheckFunction { .. } | UnitTests::Differential { .. } => false,
    }
}

fn any_conflict<T>(
    tests: &[T],
    input: impl Fn(&T) -> String,
    differ: impl Fn(&T, &T) -> bool,
) -> bool {
    let mut first: BTreeMap<String, &T> = BTreeMap::new();
    tests
        .iter()
        .any(|test| differ(first.entry(input(test)).or_insert(test), test))
}

/// Both sides of an assert, without white space.
fn sides(statement: &str) -> Option<(String, String)> {
    let squeeze = |text: &str| -> String { text.split_whitespace().collect() };
    let (left, right) = statement.trim().strip_prefix("assert")?.rsplit_once("==")?;
    Some((squeeze(left), squeeze(right)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{ProblemId, TestSet};
    use crate::value::Value;

    fn conflict(tests: UnitTests) -> bool {
        has_conflict(&Problem::with_tests(ProblemId::new("p"), tests))
    }

    fn hidden<T>(hidden: Vec<T>) -> TestSet<T> {
        TestSet {
            example: Vec::new(),
            hidden,
        }
    }

    #[test]
    fn the_same_input_twice() {
        let check = |tests: &[(&str, &str)], expected: bool| {
            let tests = tests.iter().map(|(input, expected)| StdinTest {
                input: (*input).to_owned(),
                expected: (*expected).to_owned(),
            });
            let tests = UnitTests::StandardInput {
                tests: hidden(tests.collect()),
            };
            assert_eq!(conflict(tests.clone()), expected, "{tests:?}");
        };
        check(&[("1\n", "2"), ("2\n", "3")], false);
        check(&[("1\n", "2\n"), ("1\n", " 2")], false);
        check(&[("1\n", "2"), ("3\n", "4"), ("1\n", "5")], true);
        check(&[("1\n", "2.5"), ("1\n", "2.5000001")], false);
    }

    #[test]
    fn calls_and_asserts() {
        let call = |argument: i64, expected: i64| CallTest {
            arguments: vec![Value::Int(argument.into())],
            expected: Value::Int(expected.into()),
        };
        let calls = |tests| {
            conflict(UnitTests::CallBased {
                function: "f".to_owned(),
                tests: hidden(tests),
            })
        };
        assert!(!calls(vec![call(1, 2), call(2, 2), call(1, 2)]));
        assert!(calls(vec![call(1, 2), call(1, 3)]));
        let asserts = |tests: &[&str]| {
            conflict(UnitTests::Asserts {
                setup: String::new(),
                tests: hidden(tests.iter().map(|test| (*test).to_owned()).collect()),
                challenge: Vec::new(),
            })
        };
        assert!(!asserts(&[
            "assert f(1) == 2",
            "assert f(1)==2",
            "assert f(2) == 3"
        ]));
        assert!(asserts(&["assert f(1, 2) == 2", "assert f(1,2) == 3"]));
        assert!(!asserts(&["assert g(1)", "assert not g(1)"]));
    }
}
