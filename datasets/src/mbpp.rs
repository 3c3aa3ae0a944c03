//! MBPP (Austin et al., 2021), full and sanitized, and MBPP+ in the same layout.

use harness::problem::{Problem, ProblemId, Split, TestSet, UnitTests};

use crate::apps;
use crate::form::Context;
use crate::numpy_shim;
use crate::reading::Skip;
use crate::rows::Row;

pub(crate) fn dataset_name(row: &Row) -> &'static str {
    if row.has("test") {
        "mbpp-plus"
    } else if row.has("prompt") {
        "mbpp-sanitized"
    } else {
        "mbpp"
    }
}

/// The standard splits: 1–10 few-shot prompts, 11–510 test, 511–600 validation, 601–974
/// train.
pub(crate) fn split(task: u32) -> Option<Split> {
    match task {
        1..=10 => Some(Split::Prompt),
        11..=510 => Some(Split::Test),
        511..=600 => Some(Split::Validation),
        601..=974 => Some(Split::Train),
        _ => None,
    }
}

pub(crate) fn problem(row: &Row, context: &Context) -> Result<Problem, Skip> {
    let task = row.name("task_id")?;
    // EvalPlus calls the same problems `Mbpp/2`, and so do its result files.
    let default_prefix = if row.has("test") { "Mbpp" } else { "mbpp" };
    let prefix = context.id_prefix.as_deref().unwrap_or(default_prefix);
    let id = ProblemId::new(format!("{prefix}/{task}"));
    read(row, context, &id, &task).map_err(Skip::of(&id))
}

fn read(row: &Row, context: &Context, id: &ProblemId, task: &str) -> Result<Problem, String> {
    let asserts = row.texts("test_list")?;
    let mut setup = row.optional_texts("test_imports")?.join("\n");
    if let Some(code) = row.optional_text("test_setup_code")? {
        if !setup.is_empty() {
            setup.push('\n');
        }
        setup.push_str(code);
    }
    let hidden = match row.optional_text("test")? {
        // MBPP+: one script with all its inputs and results, the three asserts' included.
        Some(script) => vec![numpy_shim::applied(script)],
        // MBPP shows all that it grades by; our generated suite holds some back.
        None => [asserts.clone(), row.optional_texts("hidden_test_list")?].concat(),
    };
    let statement = if row.has("text") { "text" } else { "prompt" };
    Ok(Problem {
        id: id.clone(),
        split: match &context.id_prefix {
            Some(_) => context.split,
            None => task.parse().ok().and_then(split),
        },
        difficulty: apps::difficulty(row.optional_text("difficulty")?)?,
        statement: row.text(statement)?.to_owned(),
        starter_code: None,
        completion_prefix: None,
        reference_solutions: row
            .optional_text("code")?
            .map(str::to_owned)
            .into_iter()
            .collect(),
        tests: UnitTests::Asserts {
            setup,
            tests: TestSet {
                example: asserts,
                hidden,
            },
            challenge: row.optional_texts("challenge_test_list")?,
        },
        url: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: impl FnOnce(Result<Problem, Skip>)) {
        expected(problem(
            &Row::from_json(json.as_bytes()).unwrap(),
            &Context::default(),
        ));
    }

    #[test]
    fn rows_of_both_releases() {
        check(
            r#"{"task_id": 511, "text": "T", "code": "C", "test_setup_code": "S",
                "test_list": ["assert 1"], "challenge_test_list": ["assert 2"]}"#,
            |problem| {
                let problem = problem.unwrap();
                assert_eq!(problem.id.as_str(), "mbpp/511");
                assert_eq!(problem.split, Some(Split::Validation));
                assert_eq!(problem.statement, "T");
                assert_eq!(problem.reference_solutions, ["C"]);
                let asserts = vec!["assert 1".to_owned()];
                assert_eq!(
                    problem.tests,
                    UnitTests::Asserts {
                        setup: "S".to_owned(),
                        tests: TestSet {
                            example: asserts.clone(),
                            hidden: asserts
                        },
                        challenge: vec!["assert 2".to_owned()],
                    }
                );
            },
        );
        check(
            r#"{"source_file": "x", "task_id": 10, "prompt": "P", "code": "C",
                "test_imports": ["import math", "import re"], "test_list": ["assert 1"]}"#,
            |problem| {
                let problem = problem.unwrap();
                assert_eq!(problem.split, Some(Split::Prompt));
                assert_eq!(problem.statement, "P");
                let UnitTests::Asserts { setup, .. } = problem.tests else {
                    panic!("asserts")
                };
                assert_eq!(setup, "import math\nimport re");
            },
        );
        check(
            r#"{"task_id": 11, "text": "T", "test_list": ["assert 1"], "hidden_test_list": ["assert 2"]}"#,
            |problem| {
                let UnitTests::Asserts { tests, .. } = problem.unwrap().tests else {
                    panic!("asserts")
                };
                assert_eq!(tests.example, ["assert 1"]);
                assert_eq!(tests.hidden, ["assert 1", "assert 2"]);
            },
        );
        check(
            r#"{"task_id": 7, "text": "T", "code": "C", "test_list": "assert 1"}"#,
            |problem| {
                let skip = problem.unwrap_err();
                assert_eq!(skip.id, Some(ProblemId::new("mbpp/7")));
                assert_eq!(
                    skip.reason,
                    "key `test_list` holds a string, expected a list"
                );
            },
        );
    }

    #[test]
    fn standard_splits() {
        let count = |wanted| (0..=1000).filter(|&task| split(task) == wanted).count();
        assert_eq!(
            [Split::Prompt, Split::Test, Split::Validation, Split::Train]
                .map(|wanted| count(Some(wanted))),
            [10, 500, 90, 374]
        );
    }
}
