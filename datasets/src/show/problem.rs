//! One problem on a screen.

use std::fmt::Write;

use harness::problem::{CallTest, Difficulty, Problem, Split, StdinTest, UnitTests};
use harness::value::Value;

use crate::show::layout::{head_of, side_by_side, wrapped};
use crate::show::{ShowOptions, style_name};

/// Lines of a test, and of a program, that are shown.
const MAX_LINES: usize = 12;
const MAX_PROGRAM_LINES: usize = 30;
/// Examples, and asserts, that are shown.
const MAX_TESTS: usize = 6;

/// One problem: statement, starter code, examples, tests, and the head of a reference
/// program.
pub fn problem(problem: &Problem, options: ShowOptions) -> String {
    let width = options.width;
    let mut text = problem.id.to_string();
    for part in [
        problem.split.map(Split::name),
        problem.difficulty.map(Difficulty::name),
        Some(style_name(&problem.tests)),
        problem.url.as_deref(),
    ]
    .into_iter()
    .flatten()
    {
        let _ = write!(text, "  ·  {part}");
    }
    text.push('\n');
    let mut section = |title: &str, body: &str| {
        let _ = write!(text, "\n── {title} ──\n\n{}\n", body.trim_end());
    };
    section("statement", &wrapped(problem.statement.trim(), width));
    if let Some(code) = &problem.starter_code {
        section("starter code", code.trim_end());
    }
    match &problem.tests {
        UnitTests::StandardInput { tests } => {
            if !tests.example.is_empty() {
                section("examples", &stdin_tests(&tests.example, MAX_TESTS, width));
            }
            let shown = if tests.example.is_empty() { 2 } else { 1 };
            section(
                &format!("hidden tests: {}", tests.hidden.len()),
                &stdin_tests(&tests.hidden, shown, width),
            );
        }
        UnitTests::CallBased { function, tests } => {
            let shown = |tests: &[CallTest], max| {
                let calls = tests.iter().map(|test| {
                    format!(
                        "{} → {}",
                        call(function, &test.arguments, width),
                        short(&test.expected, width)
                    )
                });
                listed(calls, max, tests.len())
            };
            if !tests.example.is_empty() {
                section("examples", &shown(&tests.example, MAX_TESTS));
            }
            section(
                &format!("hidden tests: {}", tests.hidden.len()),
                &shown(&tests.hidden, 2),
            );
        }
        UnitTests::Asserts {
            setup,
            tests,
            challenge,
        } => {
            if !setup.trim().is_empty() {
                section("before the tests", setup.trim());
            }
            let shown = |asserts: &[String]| {
                let heads = asserts
                    .iter()
                    .map(|assert| head_of(assert.trim(), MAX_LINES, width));
                listed(heads, MAX_TESTS, asserts.len())
            };
            if tests.example != tests.hidden && !tests.example.is_empty() {
                section("examples", &shown(&tests.example));
            }
            section(
                &format!("hidden tests: {}", tests.hidden.len()),
                &shown(&tests.hidden),
            );
            if !challenge.is_empty() {
                section(
                    &format!("challenge tests: {}", challenge.len()),
                    &shown(challenge),
                );
            }
        }
        UnitTests::CheckFunction {
            entry_point,
            source,
        } => {
            section(
                &format!("check of `{entry_point}`"),
                &head_of(source.trim(), MAX_PROGRAM_LINES, width),
            );
        }
        UnitTests::Differential {
            entry_point,
            base,
            plus,
            absolute_tolerance,
            ..
        } => {
            let calls = base
                .iter()
                .chain(plus)
                .map(|arguments| call(entry_point, arguments, width));
            let title = format!(
                "calls that must agree with the reference: {} of the benchmark, {} added; tolerance {absolute_tolerance}",
                base.len(),
                plus.len()
            );
            section(&title, &listed(calls, MAX_TESTS, base.len() + plus.len()));
        }
    }
    match problem.reference_solutions.as_slice() {
        [] => section("reference solutions", "none"),
        [first, ..] => {
            let title = match problem.reference_solutions.len() {
                1 => "reference solution".to_owned(),
                n => format!("first of {n} reference solutions"),
            };
            section(&title, &head_of(first.trim_end(), MAX_PROGRAM_LINES, width));
        }
    }
    // Text from elsewhere must not steer the terminal.
    text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "�")
}

/// Inputs and outputs beside each other where they are narrow enough.
fn stdin_tests(tests: &[StdinTest], max: usize, width: usize) -> String {
    let shown = tests.iter().map(|test| {
        let half = width.saturating_sub(3) / 2;
        side_by_side(
            &[("input", &test.input), ("output", &test.expected)],
            half,
            MAX_LINES,
            width,
        )
    });
    let mut text = shown.take(max).collect::<Vec<_>>().join("\n");
    if tests.len() > max {
        let _ = writeln!(text, "\nand {} more", tests.len() - max);
    }
    text
}

fn call(function: &str, arguments: &[Value], width: usize) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| short(argument, width))
        .collect();
    format!("{function}({})", arguments.join(", "))
}

/// `repr`, cut to the width.
fn short(value: &Value, width: usize) -> String {
    head_of(&value.to_string(), 1, width)
}

fn listed(items: impl Iterator<Item = String>, max: usize, n: usize) -> String {
    let mut text = items.take(max).collect::<Vec<_>>().join("\n");
    if n > max {
        let _ = write!(text, "\nand {} more", n - max);
    }
    if n == 0 {
        text.push_str("none: programs stay unjudged");
    }
    text
}

#[cfg(test)]
mod tests {
    use harness::problem::TestSet;

    use super::*;
    use crate::builtin::builtin;

    #[test]
    fn a_problem_is_shown_whole() {
        let mut shown = builtin().unwrap().problems.swap_remove(0);
        shown.statement = "Read two numbers and print their sum, please.".to_owned();
        shown.starter_code = Some("def f():\u{1b}\n\t".to_owned());
        shown.reference_solutions = vec!["print(1)\n".to_owned(), "print(2)".to_owned()];
        let test = |input: &str, expected: &str| StdinTest {
            input: input.to_owned(),
            expected: expected.to_owned(),
        };
        shown.tests = UnitTests::StandardInput {
            tests: TestSet {
                example: vec![test("1 2\n", "3\n")],
                hidden: vec![test("1 2\n", "3\n"), test("4\n5\n", "9\n")],
            },
        };
        let options = ShowOptions {
            width: 30,
            max_skipped: 0,
        };
        assert_eq!(
            problem(&shown, options),
            "\
builtin/apps/0000  ·  test  ·  introductory  ·  standard input

── statement ──

Read two numbers and print
their sum, please.

── starter code ──

def f():�

── examples ──

input │ output
1 2   │ 3

── hidden tests: 2 ──

input │ output
1 2   │ 3

and 1 more

── first of 2 reference solutions ──

print(1)
"
        );
    }
}
