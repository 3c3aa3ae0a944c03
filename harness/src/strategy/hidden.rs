//! Problems without what grades.

use crate::problem::{Problem, TestSet, UnitTests};

/// `problem` with its example tests and nothing that grades: no hidden tests, no challenge tests,
/// no reference programs. `None` where the statement shows no test that could be run.
pub fn examples_only(problem: &Problem) -> Option<Problem> {
    fn examples<T: Clone>(tests: &TestSet<T>) -> TestSet<T> {
        TestSet {
            example: tests.example.clone(),
            hidden: Vec::new(),
        }
    }
    if problem.tests.n_example() == 0 {
        return None;
    }
    let tests = match &problem.tests {
        UnitTests::StandardInput { tests } => UnitTests::StandardInput {
            tests: examples(tests),
        },
        UnitTests::CallBased { function, tests } => UnitTests::CallBased {
            function: function.clone(),
            tests: examples(tests),
        },
        UnitTests::Asserts { setup, tests, .. } => UnitTests::Asserts {
            setup: setup.clone(),
            tests: examples(tests),
            challenge: Vec::new(),
        },
        UnitTests::CheckFunction { .. } | UnitTests::Differential { .. } => return None,
    };
    Some(Problem {
        tests,
        reference_solutions: Vec::new(),
        ..problem.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{ProblemId, StdinTest};

    fn test(input: &str) -> StdinTest {
        StdinTest {
            input: input.to_owned(),
            expected: "secret".to_owned(),
        }
    }

    #[test]
    fn nothing_that_grades_is_left() {
        let tests = TestSet {
            example: vec![test("shown")],
            hidden: vec![test("kept back")],
        };
        let mut problem =
            Problem::with_tests(ProblemId::new("p/1"), UnitTests::StandardInput { tests });
        problem.reference_solutions = vec!["print('secret')".to_owned()];
        let shown = examples_only(&problem).unwrap();
        assert_eq!((shown.tests.n_example(), shown.tests.n_hidden()), (1, 0));
        let text = serde_json::to_string(&shown).unwrap();
        assert!(
            !text.contains("kept back") && !text.contains("print"),
            "{text}"
        );
    }

    #[test]
    fn problems_that_show_no_test_are_none() {
        let check = UnitTests::CheckFunction {
            entry_point: "f".to_owned(),
            source: "def check(c): assert c()".to_owned(),
        };
        let problem = Problem::with_tests(ProblemId::new("HumanEval/0"), check);
        assert_eq!(examples_only(&problem), None);
        let empty = UnitTests::StandardInput {
            tests: TestSet {
                example: Vec::new(),
                hidden: vec![test("1")],
            },
        };
        assert_eq!(
            examples_only(&Problem::with_tests(ProblemId::new("p"), empty)),
            None
        );
    }
}
