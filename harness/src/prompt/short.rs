//! A problem in as few words as possible, for models that read few of them.

use super::template::{CALL_BASED, STANDARD_INPUT};
use crate::problem::{Problem, UnitTests};

/// The statement up to its examples, and a line that says how the program gets its input: CodeRL's,
/// with the name of the function where one is called.
pub(super) fn short(problem: &Problem) -> String {
    let statement = before_examples(&problem.statement);
    match function(problem) {
        Some(name) => format!("{statement}\n{CALL_BASED}: {name}"),
        None => format!("{statement}\n{STANDARD_INPUT}"),
    }
}

/// The function that the tests call, in asserts the first that is called.
fn function(problem: &Problem) -> Option<&str> {
    match &problem.tests {
        UnitTests::StandardInput { .. } => None,
        UnitTests::CallBased { function, .. } => Some(function),
        UnitTests::CheckFunction { entry_point, .. }
        | UnitTests::Differential { entry_point, .. } => Some(entry_point),
        UnitTests::Asserts { tests, .. } => {
            let first = tests.example.iter().chain(&tests.hidden).next()?;
            let call = first.trim_start().strip_prefix("assert")?.trim_start();
            let (name, _) = call.split_once('(')?;
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            (!name.is_empty() && name.chars().all(is_name)).then_some(name)
        }
    }
}

/// What stands before the first line that announces examples.
fn before_examples(statement: &str) -> &str {
    let end = statement
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        })
        .find(|(_, line)| announces_examples(line))
        .map_or(statement.len(), |(start, _)| start);
    statement[..end].trim()
}

/// `-----Examples-----`, `Example 1:`, `Sample Input 2`, and not a sentence about an example.
fn announces_examples(line: &str) -> bool {
    let heading = line.split(':').next().unwrap_or_default();
    let mut words = heading
        .split(|c: char| c.is_whitespace() || "-*#.()".contains(c))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase);
    let announces = words
        .next()
        .is_some_and(|word| ["example", "examples", "sample", "samples"].contains(&word.as_str()));
    announces
        && words.all(|word| {
            [
                "input", "inputs", "output", "test", "tests", "case", "cases",
            ]
            .contains(&word.as_str())
                || word.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{CallTest, ProblemId, TestSet};

    #[test]
    fn statements_end_before_their_examples() {
        let check = |statement: &str, expected: &str| {
            assert_eq!(before_examples(statement), expected, "{statement}");
        };
        check("Do it.\n\n-----Examples-----\nInput\n1\n", "Do it.");
        check("Do it.\n\nExample 1:\n\nInput: a = 1\n", "Do it.");
        check("Do it.\n-----Sample Input-----\n1\n", "Do it.");
        check("Do it.\n**Sample Input #1:** 3\n", "Do it.");
        check(
            "Example of a sentence.\nExamples are for people.\n",
            "Example of a sentence.\nExamples are for people.",
        );
        check("-----Example-----\n1\n", "");
        check("", "");
    }

    #[test]
    fn the_last_line_says_how_the_program_is_called() {
        let check = |tests: UnitTests, expected: &str| {
            let mut problem = Problem::with_tests(ProblemId::new("a"), tests);
            problem.statement = "Do it.\n\nExample:\n1".to_owned();
            assert_eq!(short(&problem), expected);
        };
        check(
            UnitTests::StandardInput {
                tests: TestSet::default(),
            },
            "Do it.\nUse Standard Input format",
        );
        check(
            UnitTests::CallBased {
                function: "run".to_owned(),
                tests: TestSet::<CallTest>::default(),
            },
            "Do it.\nUse Call-Based format: run",
        );
        let asserts = |assert: &str| UnitTests::Asserts {
            setup: String::new(),
            tests: TestSet {
                example: vec![assert.to_owned()],
                hidden: Vec::new(),
            },
            challenge: Vec::new(),
        };
        check(
            asserts("assert f_2([1]) == 2"),
            "Do it.\nUse Call-Based format: f_2",
        );
        check(
            asserts("assert not f(1)"),
            "Do it.\nUse Standard Input format",
        );
    }
}
