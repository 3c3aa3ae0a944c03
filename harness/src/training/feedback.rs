//! From verdicts to what training uses of them.

use super::example::Feedback;
use crate::verdict::{Cause, Judgement, Outcome};

impl Feedback {
    /// What `judgement` says of a program, whose line 1 is line `1 + line_offset` of the text
    /// that the model wrote. `None` for what was not judged.
    ///
    /// The number of tests is known where none was left out: an early stop leaves out those
    /// behind the first failure, and a part of the tests that passed would mean nothing.
    pub fn of(judgement: &Judgement, line_offset: i64) -> Option<Self> {
        let Judgement::Judged {
            outcome,
            cause,
            tests,
            n_tests,
        } = judgement
        else {
            return None;
        };
        let passed = tests.iter().filter(|test| test.cause.is_none()).count();
        let was_thorough = tests.len() == *n_tests as usize;
        Some(Self {
            outcome: *outcome,
            n_passed: u32::try_from(passed).unwrap_or(u32::MAX),
            n_tests: if was_thorough { *n_tests } else { 0 },
            error: cause.as_ref().map(|cause| cause.label().to_owned()),
            error_line: cause
                .as_ref()
                .and_then(line_of)
                .and_then(|line| u32::try_from(i64::from(line) + line_offset).ok())
                .filter(|line| *line > 0),
            n_lint_findings: None,
        })
    }

    /// A program that passed, of which nothing else is known: a reference program.
    pub fn passed() -> Self {
        Self {
            outcome: Outcome::PassedTests,
            n_passed: 0,
            n_tests: 0,
            error: None,
            error_line: None,
            n_lint_findings: None,
        }
    }
}

/// The program's line that a cause names. A failed assertion names a line of the tests.
fn line_of(cause: &Cause) -> Option<u32> {
    match cause {
        Cause::NotCompiled { exception } | Cause::Exception { exception } => exception.line,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::Exception;
    use crate::verdict::{TestResult, Unjudged};

    fn index_error(line: u32) -> Cause {
        Cause::Exception {
            exception: Exception {
                class: "IndexError".to_owned(),
                message: String::new(),
                line: Some(line),
                bases: Vec::new(),
            },
        }
    }

    fn judged(cause: Option<Cause>, n_passed: usize, n_tests: u32) -> Judgement {
        let mut tests = vec![TestResult::default(); n_passed];
        tests.extend(cause.clone().map(|cause| TestResult {
            cause: Some(cause),
            ..TestResult::default()
        }));
        Judgement::Judged {
            outcome: cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome),
            cause,
            tests,
            n_tests,
        }
    }

    #[test]
    fn tests_are_counted_where_none_was_left_out() {
        let feedback = |judgement: &Judgement| Feedback::of(judgement, 0).unwrap();
        let all = feedback(&judged(None, 3, 3));
        assert_eq!(
            (all.outcome, all.n_passed, all.n_tests),
            (Outcome::PassedTests, 3, 3)
        );
        let stopped = feedback(&judged(Some(index_error(2)), 1, 5));
        assert_eq!((stopped.n_passed, stopped.n_tests), (1, 0));
        assert_eq!(stopped.error.as_deref(), Some("IndexError"));
        let wrong = judged(Some(Cause::WrongAnswer { detail: None }), 4, 5);
        assert_eq!(
            (feedback(&wrong).n_passed, feedback(&wrong).n_tests),
            (4, 5)
        );
    }

    #[test]
    fn lines_are_those_of_the_text_that_the_model_wrote() {
        let check = |offset, expected| {
            let judgement = judged(Some(index_error(3)), 0, 1);
            assert_eq!(
                Feedback::of(&judgement, offset).unwrap().error_line,
                expected
            );
        };
        check(0, Some(3));
        check(1, Some(4));
        check(-2, Some(1));
        // In the text that the model only continued.
        check(-3, None);
    }

    #[test]
    fn what_was_not_judged_has_no_feedback() {
        let reason = Unjudged::NoTests;
        assert_eq!(Feedback::of(&Judgement::Unjudged { reason }, 0), None);
    }
}
