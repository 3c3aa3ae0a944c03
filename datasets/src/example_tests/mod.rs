//! Example tests: the inputs and outputs that a statement shows.
//!
//! CodeRL published such tests for APPS, taken from the statements by a notebook
//! (`extract_example_test.ipynb`). This is another extractor for the same purpose. What it
//! does better: letter case is kept, inputs may have several blocks with blank lines between
//! them, explanations behind an output stay out of it, and calls become arguments.

mod agreement;
mod blocks;
mod calls;
mod headings;
mod released;

pub use agreement::{Agreement, AgreementReport, HiddenAgreement, compare_with_released};
pub use released::ReleasedExamples;
pub(crate) use released::tests_of_file;

use harness::problem::{CallTest, StdinTest, UnitTests};

use crate::example_tests::blocks::Origin;

/// The tests that a statement shows, for a program that reads standard input.
pub fn stdin_tests(statement: &str) -> Vec<StdinTest> {
    blocks::blocks(statement, Origin::StandardInput)
        .into_iter()
        .map(|block| StdinTest {
            input: block.input,
            expected: block.output,
        })
        .collect()
}

/// The tests that a statement shows, for calls of `function` with `n_arguments` arguments
/// (any number where that is not known).
pub fn call_tests(statement: &str, function: &str, n_arguments: Option<usize>) -> Vec<CallTest> {
    let fits = |test: &CallTest| n_arguments.is_none_or(|n| n == test.arguments.len());
    let from_blocks: Vec<CallTest> = blocks::blocks(statement, Origin::Call)
        .iter()
        .filter_map(|block| calls::test_of_block(&block.input, &block.output))
        .filter(fits)
        .collect();
    if !from_blocks.is_empty() {
        return from_blocks;
    }
    let mut tests: Vec<CallTest> = Vec::new();
    let found = calls::tests_in_text(statement, function)
        .into_iter()
        .chain(calls::tests_in_sentences(statement));
    for test in found {
        // Statements repeat themselves; the last word on a call would be no better.
        if fits(&test)
            && tests
                .iter()
                .all(|before| before.arguments != test.arguments)
        {
            tests.push(test);
        }
    }
    tests
}

/// Fills in the example tests of a problem: from the text of an
/// `example_input_output.json` where that has some, otherwise from the statement.
///
/// For call-based problems the statement comes first, because CodeRL's files hold its text
/// in lower case.
pub(crate) fn add(tests: &mut UnitTests, statement: &str, file: Option<&str>) {
    let file = file.map(tests_of_file).unwrap_or_default();
    match tests {
        UnitTests::StandardInput { tests } => {
            tests.example = if file.is_empty() {
                stdin_tests(statement)
            } else {
                file
            };
        }
        UnitTests::CallBased { function, tests } => {
            let n_arguments = tests.hidden.first().map(|test| test.arguments.len());
            tests.example = call_tests(statement, function, n_arguments);
            if tests.example.is_empty() {
                tests.example = file
                    .iter()
                    .filter_map(|test| calls::test_of_block(&test.input, &test.expected))
                    .filter(|test| n_arguments.is_none_or(|n| n == test.arguments.len()))
                    .collect();
            }
        }
        UnitTests::Asserts { .. }
        | UnitTests::CheckFunction { .. }
        | UnitTests::Differential { .. } => {}
    }
}
