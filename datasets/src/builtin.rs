//! The project's own suite, part of the program: 24 problems in the form of APPS and 16 in
//! that of MBPP, read by the same readers as the benchmarks.

use harness::problem::{Dataset, Split};

use crate::error::Error;
use crate::form::Context;
use crate::opening::RowReader;
use crate::reading::{Reading, sha256_of_bytes};
use crate::rows;

pub(crate) const NAME: &str = "builtin";

const FILES: [(&str, &str); 2] = [
    ("apps", include_str!("../builtin/apps.jsonl")),
    ("mbpp", include_str!("../builtin/mbpp.jsonl")),
];

/// Reads the built-in suite. Its problems are called `builtin/apps/0007` and
/// `builtin/mbpp/11`.
///
/// # Errors
/// None with the files as they are; a test sees to that.
pub fn builtin() -> Result<Dataset, Error> {
    let mut reading = Reading::default();
    for (name, text) in FILES {
        let file = format!("builtin/{name}.jsonl");
        let context = Context {
            split: Some(Split::Test),
            id_prefix: Some(format!("builtin/{name}")),
        };
        let mut rows = RowReader::new(&file, context);
        rows::for_each_embedded(&file, text, |row, content| {
            rows.row(row, content, &mut reading)
        })?;
        rows.finish()?;
        reading.add_digest(file.clone(), sha256_of_bytes(text.as_bytes()));
    }
    Ok(reading.finish(NAME))
}

#[cfg(test)]
mod tests {
    use harness::problem::{Difficulty, UnitTests};
    use harness::value::Value;

    use super::*;

    #[test]
    fn every_row_is_a_problem_with_tests_and_examples() {
        let dataset = builtin().unwrap();
        assert_eq!(dataset.skipped, []);
        let count = |holds: &dyn Fn(&UnitTests) -> bool| {
            dataset
                .problems
                .iter()
                .filter(|problem| holds(&problem.tests))
                .count()
        };
        assert_eq!(
            [
                count(&|tests| matches!(tests, UnitTests::StandardInput { .. })),
                count(&|tests| matches!(tests, UnitTests::CallBased { .. })),
                count(&|tests| matches!(tests, UnitTests::Asserts { .. })),
            ],
            [14, 10, 16]
        );
        let of = |level| {
            let is = |difficulty| difficulty == Some(level);
            dataset.problems.iter().filter(|p| is(p.difficulty)).count()
        };
        assert_eq!(Difficulty::ALL.map(of), [14, 14, 12]);
        for problem in &dataset.problems {
            assert_eq!(problem.split, Some(Split::Test), "{}", problem.id);
            assert!(problem.tests.n_hidden() >= 3, "{}", problem.id);
            assert!(problem.tests.n_example() >= 2, "{}", problem.id);
            assert!(!problem.reference_solutions.is_empty(), "{}", problem.id);
        }
        // The examples of the statements are the first hidden tests.
        for problem in &dataset.problems {
            match &problem.tests {
                UnitTests::StandardInput { tests } => {
                    assert!(tests.hidden.starts_with(&tests.example), "{}", problem.id);
                }
                UnitTests::CallBased { tests, .. } => {
                    for (example, hidden) in tests.example.iter().zip(&tests.hidden) {
                        assert_eq!(example.arguments, hidden.arguments, "{}", problem.id);
                        let wrapped = Value::List(vec![example.expected.clone()]);
                        assert!(
                            [&example.expected, &wrapped].contains(&&hidden.expected),
                            "{}",
                            problem.id
                        );
                    }
                }
                _ => {}
            }
        }
        assert_eq!(dataset.problems[7].id.as_str(), "builtin/apps/0007");
        assert_eq!(dataset.problems[24].id.as_str(), "builtin/mbpp/11");
    }
}
