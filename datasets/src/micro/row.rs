//! Rows as the Hub has them: `codeparrot/apps`, and MBPP.

use std::ops::Range;

use harness::problem::Difficulty;
use serde::Serialize;

use super::cases::{Case, Cases};
use super::program::CallStyle;

/// Numbers of MBPP's test problems; they tell the split of a row, so these are its largest too.
pub(super) const MBPP_TEST_TASKS: Range<usize> = 11..511;
/// Numbers of MBPP's training problems.
pub(super) const MBPP_TRAIN_TASKS: Range<usize> = 601..975;

#[derive(Serialize)]
pub(super) struct AppsRow {
    pub(super) problem_id: usize,
    pub(super) question: String,
    /// JSON, as `input_output` is.
    pub(super) solutions: String,
    pub(super) input_output: String,
    pub(super) difficulty: Difficulty,
    pub(super) url: &'static str,
    pub(super) starter_code: String,
}

#[derive(Serialize)]
pub(super) struct MbppRow {
    pub(super) task_id: usize,
    pub(super) text: String,
    pub(super) code: String,
    pub(super) test_setup_code: &'static str,
    pub(super) test_list: Vec<String>,
    pub(super) challenge_test_list: [&'static str; 0],
    /// Ours: MBPP shows all its tests.
    pub(super) hidden_test_list: Vec<String>,
    pub(super) difficulty: Difficulty,
}

#[derive(Serialize)]
struct InputOutput<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fn_name: Option<&'static str>,
    inputs: Vec<T>,
    outputs: Vec<T>,
}

/// The text of `input_output`: all tests, the shown ones first, as in APPS.
pub(super) fn input_output(cases: &Cases, call: CallStyle) -> String {
    match call {
        CallStyle::StandardInput => json(&InputOutput {
            fn_name: None,
            inputs: of_all(cases, |case| case.input.line() + "\n"),
            outputs: of_all(cases, |case| case.output.line() + "\n"),
        }),
        CallStyle::Function(name) => json(&InputOutput {
            fn_name: Some(name),
            inputs: of_all(cases, |case| vec![case.input.json()].into()),
            outputs: of_all(cases, |case| case.output.json()),
        }),
    }
}

fn of_all<T>(cases: &Cases, of: impl Fn(&Case) -> T) -> Vec<T> {
    cases.all.iter().map(of).collect()
}

pub(super) fn asserts(function: &str, cases: &[Case]) -> Vec<String> {
    let assert = |case: &Case| {
        let (input, output) = (case.input.literal(), case.output.literal());
        format!("assert {function}({input}) == {output}")
    };
    cases.iter().map(assert).collect()
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("text, numbers and lists are serialisable")
}
