//! Candidates on which the two graders disagree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::verdict::{Cause, Grader, Judgement, Outcome, Verdict};

/// One candidate with different outcomes under `strict` and `apps-2021`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    pub candidate: CandidateId,
    /// `None` when not judged.
    pub strict_outcome: Option<Outcome>,
    pub apps_2021_outcome: Option<Outcome>,
    /// The comparison of `apps-2021` that accepted what `strict` had refused, at the first
    /// test where that happened. `None` when the difference lies elsewhere.
    pub rule: Option<String>,
    /// What each grader said.
    pub detail: String,
}

/// Candidates on which the graders disagree, ordered by id. Those that only one grader has
/// seen are no flips.
pub fn flips(verdicts: &[Verdict]) -> Vec<Flip> {
    let by_grader = |grader: Grader| -> BTreeMap<&CandidateId, &Judgement> {
        let verdicts = verdicts.iter().filter(|v| v.grader == grader);
        verdicts.map(|v| (&v.candidate, &v.judgement)).collect()
    };
    let apps_2021 = by_grader(Grader::Apps2021);
    by_grader(Grader::Strict)
        .into_iter()
        .filter_map(|(id, strict)| {
            let apps_2021 = apps_2021.get(id)?;
            (strict.outcome() != apps_2021.outcome()).then(|| Flip {
                candidate: id.clone(),
                strict_outcome: strict.outcome(),
                apps_2021_outcome: apps_2021.outcome(),
                rule: accepting_rule(strict, apps_2021),
                detail: format!(
                    "strict: {}; apps-2021: {}",
                    describe(strict),
                    describe(apps_2021)
                ),
            })
        })
        .collect()
}

fn accepting_rule(strict: &Judgement, apps_2021: &Judgement) -> Option<String> {
    let (Judgement::Judged { tests: strict, .. }, Judgement::Judged { tests, .. }) =
        (strict, apps_2021)
    else {
        return None;
    };
    let (_, accepted) = strict
        .iter()
        .zip(tests)
        .find(|(strict, apps_2021)| strict.cause.is_some() && apps_2021.cause.is_none())?;
    accepted.rule.clone()
}

fn describe(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Judged {
            outcome,
            cause: None,
            ..
        } => outcome.to_string(),
        Judgement::Judged {
            cause: Some(cause), ..
        } => match cause {
            Cause::WrongAnswer {
                detail: Some(difference),
            } => format!(
                "wrong answer, expected `{}`, got `{}`",
                first_line(&difference.expected),
                first_line(&difference.actual)
            ),
            Cause::NotLoaded { detail } => format!("not loaded: {}", first_line(detail)),
            cause => cause.label().to_owned(),
        },
        Judgement::Unjudged { reason } => format!("not judged, {reason}"),
    }
}

/// The first line, cut to a length that leaves a table readable.
fn first_line(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    let cut = line.char_indices().nth(LONGEST).map(|(at, _)| at);
    match cut {
        Some(at) => format!("{}…", &line[..at]),
        None if line.len() < text.trim_end().len() => format!("{line} …"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemId;
    use crate::verdict::{Difference, TestResult};

    fn verdict(index: u32, grader: Grader, tests: Vec<TestResult>) -> Verdict {
        let cause = tests.iter().find_map(|test| test.cause.clone());
        Verdict {
            candidate: CandidateId {
                problem: ProblemId::new("p"),
                index,
            },
            grader,
            judgement: Judgement::Judged {
                outcome: cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome),
                cause,
                n_tests: 2,
                tests,
            },
            fuel: 0,
        }
    }

    fn passed(rule: Option<&str>) -> TestResult {
        TestResult {
            cause: None,
            rule: rule.map(str::to_owned),
            in_place: false,
        }
    }

    fn failed(cause: Cause) -> TestResult {
        TestResult {
            cause: Some(cause),
            ..TestResult::default()
        }
    }

    #[test]
    fn names_the_rule_that_accepted() {
        let wrong = Cause::WrongAnswer {
            detail: Some(Box::new(Difference {
                expected: "1 2\n3".into(),
                actual: "2 1".into(),
                line: Some(1),
            })),
        };
        let not_loaded = Cause::NotLoaded {
            detail: "x".repeat(70),
        };
        let verdicts = [
            // Strict stopped at the second test, which the other accepted as a set of tokens.
            verdict(1, Grader::Strict, vec![passed(None), failed(wrong)]),
            verdict(
                1,
                Grader::Apps2021,
                vec![passed(Some("lines")), passed(Some("token-sets"))],
            ),
            verdict(0, Grader::Apps2021, vec![failed(not_loaded)]),
            verdict(0, Grader::Strict, vec![failed(Cause::TimeLimit)]),
            verdict(2, Grader::Strict, vec![failed(Cause::TimeLimit)]),
            verdict(2, Grader::Apps2021, vec![failed(Cause::MemoryLimit)]),
            verdict(3, Grader::Strict, vec![passed(None); 2]),
        ];
        let flips = flips(&verdicts);
        assert_eq!(flips.len(), 2, "{flips:?}");
        assert_eq!(flips[0].rule, None);
        assert_eq!(flips[0].strict_outcome, Some(Outcome::RuntimeError));
        assert_eq!(
            flips[0].detail,
            format!(
                "strict: time limit; apps-2021: not loaded: {}…",
                "x".repeat(60)
            )
        );
        assert_eq!(flips[1].candidate.index, 1);
        assert_eq!(flips[1].rule.as_deref(), Some("token-sets"));
        assert_eq!(
            flips[1].detail,
            "strict: wrong answer, expected `1 2 …`, got `2 1`; apps-2021: passed-tests"
        );
    }
}
