//! What a problem says, kept beside a run for people who look at its programs: a report shall
//! do without the dataset. Nothing is judged by it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::record_log::read_records;
use super::run_directory::verdicts;
use super::training_directory::write_records;
use crate::error::Error;
use crate::problem::{Problem, ProblemId, UnitTests, WhichTests};
use crate::verdict::{Judgement, Verdict};

/// The file in the run directory.
pub const PROBLEM_TEXTS: &str = "problem-texts.jsonl";

/// Longest text of a statement or starter code that is kept, in characters.
const STATEMENT_CHARS: usize = 20_000;
/// The same of the input, of the expected output, and of the code of a test.
const TEST_CHARS: usize = 600;
/// Tests of a problem that are kept at most.
const MAX_TESTS: usize = 16;

/// One line of [`PROBLEM_TEXTS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemText {
    pub id: ProblemId,
    pub statement: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starter_code: Option<String>,
    /// What a completion continues: the lines of a program are counted from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of the tests that grade those that some candidate fails first, by position from 0;
    /// at most 16.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<u32, TestText>,
}

/// A test as a person reads it, shortened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestText {
    /// Standard input, a call, or the code of a test.
    pub input: String,
    /// Absent where the code of the test says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

impl Record for ProblemText {
    type Id = ProblemId;

    fn id(&self) -> ProblemId {
        self.id.clone()
    }
}

impl ProblemText {
    /// The text of `problem`, with the tests of `failed`.
    pub fn new(problem: &Problem, failed: &BTreeSet<u32>) -> Self {
        let tests = failed
            .iter()
            .filter_map(|&index| Some((index, test_text(&problem.tests, index as usize)?)))
            .take(MAX_TESTS)
            .collect();
        let starter_code = problem.starter_code.as_deref();
        // What the model is given of HumanEval is the prefix.
        let statement = match (&problem.statement, &problem.completion_prefix) {
            (statement, Some(prefix)) if statement.is_empty() => prefix,
            (statement, _) => statement,
        };
        Self {
            id: problem.id.clone(),
            statement: head(statement, STATEMENT_CHARS),
            starter_code: starter_code.map(|code| head(code, STATEMENT_CHARS)),
            completion_prefix: problem.completion_prefix.clone(),
            url: problem.url.clone(),
            tests,
        }
    }
}

/// Writes [`PROBLEM_TEXTS`] into the run in `path`: of `problems`, with the tests that its
/// candidates failed first.
///
/// # Errors
/// When the verdicts cannot be read or the file cannot be written.
pub fn keep_problem_texts(path: &Path, problems: &[Problem]) -> Result<(), Error> {
    let failures = first_failures(path)?;
    let none = BTreeSet::new();
    let texts = problems.iter().map(|problem| {
        let failed = failures.get(&problem.id).unwrap_or(&none);
        ProblemText::new(problem, failed)
    });
    write_records(&path.join(PROBLEM_TEXTS), texts.collect())
}

/// For each problem the tests at which some candidate failed first.
fn first_failures(path: &Path) -> Result<BTreeMap<ProblemId, BTreeSet<u32>>, Error> {
    let mut failures: BTreeMap<ProblemId, BTreeSet<u32>> = BTreeMap::new();
    let verdicts: Vec<Verdict> = read_records(path, verdicts(WhichTests::Hidden))?;
    for verdict in verdicts {
        if let Judgement::Judged { tests, .. } = &verdict.judgement
            && let Some(index) = tests.iter().position(|test| test.cause.is_some())
            && let Ok(index) = u32::try_from(index)
        {
            let of_problem = failures.entry(verdict.candidate.problem.clone());
            of_problem.or_default().insert(index);
        }
    }
    Ok(failures)
}

fn test_text(tests: &UnitTests, index: usize) -> Option<TestText> {
    let code = |source: &str| TestText {
        input: head(source, TEST_CHARS),
        expected: None,
    };
    Some(match tests {
        UnitTests::StandardInput { tests } => {
            let test = tests.hidden.get(index)?;
            TestText {
                input: head(&test.input, TEST_CHARS),
                expected: Some(head(&test.expected, TEST_CHARS)),
            }
        }
        UnitTests::CallBased { function, tests } => {
            let test = tests.hidden.get(index)?;
            TestText {
                input: call(function, &test.arguments),
                expected: Some(test.expected.shortened(TEST_CHARS)),
            }
        }
        UnitTests::Asserts { tests, .. } => code(tests.hidden.get(index)?),
        UnitTests::CheckFunction { source, .. } => code(source),
        UnitTests::Differential {
            entry_point,
            base,
            plus,
            ..
        } => TestText {
            input: call(entry_point, base.iter().chain(plus).nth(index)?),
            expected: None,
        },
    })
}

fn call(function: &str, arguments: &[crate::value::Value]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| argument.shortened(TEST_CHARS))
        .collect();
    head(&format!("{function}({})", arguments.join(", ")), TEST_CHARS)
}

/// The beginning of a text; what is left out is told.
fn head(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => {
            let left_out = text[end..].chars().count();
            format!("{}\n… {left_out} more characters", &text[..end])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{StdinTest, TestSet};

    #[test]
    fn keeps_the_tests_that_failed_and_shortens_them() {
        let test = |n: usize| StdinTest {
            input: "1\n".repeat(n),
            expected: n.to_string(),
        };
        let problem = Problem::with_tests(
            ProblemId::new("sum"),
            UnitTests::StandardInput {
                tests: TestSet {
                    example: Vec::new(),
                    hidden: [1, 2, 500].map(test).into(),
                },
            },
        );
        let text = ProblemText::new(&problem, &[1, 2, 7].into());
        assert_eq!(text.tests.len(), 2, "there is no eighth test");
        assert_eq!(text.tests[&1].input, "1\n1\n");
        assert_eq!(text.tests[&1].expected.as_deref(), Some("2"));
        assert!(text.tests[&2].input.ends_with("… 400 more characters"));
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<ProblemText>(&json).unwrap(), text);
    }
}
