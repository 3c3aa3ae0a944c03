//! Problems to which several answers seem to be right although the tests know one.
//!
//! Neither sign is enough alone: statements say "any" for other reasons too, and references
//! fail for other reasons too.

use super::record::{Evidence, SeveralAnswers};
use crate::verdict::{Cause, Judgement, Outcome};

/// Words that allow for more than one answer; lower case, single blanks.
const PHRASES: [&str; 22] = [
    "any of them",
    "any one of them",
    "any valid",
    "any correct",
    "any possible",
    "any such",
    "any order",
    "any solution",
    "any answer",
    "any suitable",
    "print any",
    "output any",
    "return any",
    "find any",
    "arbitrary order",
    "multiple answers",
    "multiple solutions",
    "several answers",
    "several solutions",
    "if there are several",
    "if there are multiple",
    "more than one",
];

/// `strict` holds the judgement of `strict` on each reference.
pub(super) fn several_answers<'a>(
    statement: &str,
    strict: impl Iterator<Item = &'a Judgement>,
) -> Option<SeveralAnswers> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let text = words.join(" ").to_lowercase();
    let phrase = PHRASES.iter().find(|phrase| text.contains(*phrase))?;
    Some(SeveralAnswers {
        phrase: (*phrase).to_owned(),
        evidence: evidence(strict)?,
    })
}

fn evidence<'a>(judgements: impl Iterator<Item = &'a Judgement>) -> Option<Evidence> {
    let mut any_passed = false;
    // Test and answer of each reference that fails by a wrong one.
    let mut wrong: Vec<(usize, &str)> = Vec::new();
    for judgement in judgements {
        let Judgement::Judged { outcome, tests, .. } = judgement else {
            continue;
        };
        any_passed |= *outcome == Outcome::PassedTests;
        let failed = tests.iter().position(|test| test.cause.is_some());
        if let Some(at) = failed
            && let Some(Cause::WrongAnswer { detail }) = &tests[at].cause
        {
            let actual = detail.as_ref().map_or("", |detail| detail.actual.as_str());
            wrong.push((at, actual));
        }
    }
    if any_passed {
        return (!wrong.is_empty()).then_some(Evidence::SomePass);
    }
    let disagree = wrong.iter().any(|(at, answer)| {
        wrong
            .iter()
            .any(|other| other.0 == *at && other.1 != *answer)
    });
    disagree.then_some(Evidence::Disagree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Difference, TestResult};

    fn wrong(actual: &str) -> Judgement {
        let cause = Cause::WrongAnswer {
            detail: Some(Box::new(Difference {
                expected: "1 2".to_owned(),
                actual: actual.to_owned(),
                line: None,
            })),
        };
        judged(Some(cause))
    }

    fn judged(cause: Option<Cause>) -> Judgement {
        Judgement::Judged {
            outcome: cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome),
            cause: cause.clone(),
            tests: vec![TestResult {
                cause,
                ..TestResult::default()
            }],
            n_tests: 1,
        }
    }

    #[test]
    fn words_and_evidence_are_both_needed() {
        let any = "Print the pair. If there are\nMULTIPLE answers, print any.";
        let check = |statement: &str, judgements: &[Judgement], expected: Option<Evidence>| {
            let found = several_answers(statement, judgements.iter());
            assert_eq!(
                found.map(|found| found.evidence),
                expected,
                "{judgements:?}"
            );
        };
        let pass = || judged(None);
        check(any, &[pass(), wrong("2 1")], Some(Evidence::SomePass));
        check("Print the pair.", &[pass(), wrong("2 1")], None);
        check(any, &[pass(), judged(Some(Cause::TimeLimit))], None);
        check(any, &[wrong("2 1"), wrong("3 1")], Some(Evidence::Disagree));
        check(any, &[wrong("2 1"), wrong("2 1")], None);
        check(any, &[pass(), pass()], None);
    }
}
