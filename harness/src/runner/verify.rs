//! Verdicts reached twice, compared: what `coderl verify` reports.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::score::is_infrastructure;
use crate::candidate::CandidateId;
use crate::verdict::{Cause, Grader, Judgement, TestResult, Verdict};

/// What two verdicts on the same candidate can differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// One of the four, or why there is none.
    Outcome,
    Cause,
    /// Results of single tests, and their number.
    Tests,
    /// Units of fuel over all steps.
    Fuel,
}

impl Aspect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Cause => "cause",
            Self::Tests => "tests",
            Self::Fuel => "fuel",
        }
    }
}

/// One difference between two verdicts; a pair may have several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictDifference {
    pub candidate: CandidateId,
    pub grader: Grader,
    pub aspect: Aspect,
    /// What the run has on record, for people.
    pub stored: String,
    /// What judging it again gave.
    pub again: String,
}

/// Verdicts of a run beside those of a second judging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Pairs of verdicts that were compared.
    pub n_compared: usize,
    /// Of these, pairs with a difference.
    pub n_different: usize,
    /// Pairs of which one is trouble of the infrastructure and says nothing of the program.
    pub n_not_comparable: usize,
    /// By candidate, grader and aspect.
    pub differences: Vec<VerdictDifference>,
}

impl Verification {
    /// Compares verdicts on the same candidate by the same grader. Those of `stored` that
    /// `again` lacks were not asked for.
    pub fn of(stored: &[Verdict], again: &[Verdict]) -> Self {
        let stored: BTreeMap<(&CandidateId, Grader), &Verdict> = stored
            .iter()
            .map(|verdict| ((&verdict.candidate, verdict.grader), verdict))
            .collect();
        let mut again: Vec<&Verdict> = again.iter().collect();
        again.sort_by_key(|verdict| (&verdict.candidate, verdict.grader));
        let mut verification = Self::default();
        for again in again {
            let Some(stored) = stored.get(&(&again.candidate, again.grader)) else {
                continue;
            };
            if is_infrastructure(&stored.judgement) || is_infrastructure(&again.judgement) {
                verification.n_not_comparable += 1;
                continue;
            }
            let differences = differences(stored, again);
            verification.n_compared += 1;
            verification.n_different += usize::from(!differences.is_empty());
            verification.differences.extend(differences);
        }
        verification
    }
}

fn differences(stored: &Verdict, again: &Verdict) -> Vec<VerdictDifference> {
    let mut differences = Vec::new();
    let mut note = |aspect, pair: Option<[String; 2]>| {
        if let Some([old, new]) = pair {
            differences.push(VerdictDifference {
                candidate: again.candidate.clone(),
                grader: again.grader,
                aspect,
                stored: old,
                again: new,
            });
        }
    };
    let [old, new] = [stored, again].map(|verdict| Parts::of(&verdict.judgement));
    note(
        Aspect::Outcome,
        (old.outcome != new.outcome).then_some([old.outcome, new.outcome]),
    );
    note(
        Aspect::Cause,
        (old.cause != new.cause).then(|| cause_pair(old.cause, new.cause)),
    );
    note(Aspect::Tests, tests_pair(old.tests, new.tests));
    note(
        Aspect::Fuel,
        (stored.fuel != again.fuel).then(|| [stored.fuel, again.fuel].map(|fuel| fuel.to_string())),
    );
    differences
}

/// A judgement by aspect.
struct Parts<'a> {
    outcome: String,
    cause: Option<&'a Cause>,
    /// Results and the number of tests there are.
    tests: (&'a [TestResult], u32),
}

impl<'a> Parts<'a> {
    fn of(judgement: &'a Judgement) -> Self {
        match judgement {
            Judgement::Judged {
                outcome,
                cause,
                tests,
                n_tests,
            } => Self {
                outcome: outcome.name().to_owned(),
                cause: cause.as_ref(),
                tests: (tests, *n_tests),
            },
            Judgement::Unjudged { reason } => Self {
                outcome: format!("unjudged ({reason})"),
                cause: None,
                tests: (&[], 0),
            },
        }
    }
}

/// Labels, or where these are the same all that is known.
fn cause_pair(old: Option<&Cause>, new: Option<&Cause>) -> [String; 2] {
    let labels = [old, new].map(|cause| cause.map_or("none", Cause::label).to_owned());
    if labels[0] == labels[1] {
        [old, new].map(details)
    } else {
        labels
    }
}

/// The first test on which the two differ, or the number of results.
fn tests_pair(old: (&[TestResult], u32), new: (&[TestResult], u32)) -> Option<[String; 2]> {
    if old == new {
        return None;
    }
    let first = old.0.iter().zip(new.0).position(|(old, new)| old != new);
    Some(match first {
        Some(test) => {
            let [old, new] = [&old.0[test], &new.0[test]];
            let shown = if old.cause == new.cause {
                [old, new].map(|result| details(&result.rule))
            } else {
                cause_pair(old.cause.as_ref(), new.cause.as_ref())
            };
            shown.map(|result| format!("test {test}: {result}"))
        }
        None => [old, new].map(|(results, n_tests)| format!("{} of {n_tests}", results.len())),
    })
}

fn details(value: impl Debug) -> String {
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemId;
    use crate::verdict::{Outcome, Unjudged};

    fn verdict(index: u32, cause: Option<Cause>, fuel: u64) -> Verdict {
        let outcome = cause.as_ref().map_or(Outcome::PassedTests, Cause::outcome);
        let tests = vec![TestResult {
            cause: cause.clone(),
            ..TestResult::default()
        }];
        Verdict {
            candidate: CandidateId {
                problem: ProblemId::new("p"),
                index,
            },
            grader: Grader::Strict,
            judgement: Judgement::Judged {
                outcome,
                cause,
                tests,
                n_tests: 1,
            },
            fuel,
        }
    }

    fn unjudged(index: u32, reason: Unjudged) -> Verdict {
        Verdict {
            judgement: Judgement::Unjudged { reason },
            ..verdict(index, None, 0)
        }
    }

    #[test]
    fn each_aspect_is_told() {
        let exit = |status| Some(Cause::EarlyExit { status });
        let trouble = || Unjudged::Infrastructure {
            detail: "no memory".to_owned(),
        };
        let stored = [
            verdict(0, None, 5),
            verdict(1, None, 5),
            verdict(2, exit(1), 5),
            verdict(3, None, 5),
            unjudged(4, trouble()),
            verdict(5, None, 5), // not judged again
        ];
        let again = [
            unjudged(3, Unjudged::NoTests),
            verdict(4, None, 5),
            verdict(2, exit(2), 5),
            verdict(1, Some(Cause::TimeLimit), 9),
            verdict(0, None, 5),
        ];
        let verification = Verification::of(&stored, &again);
        assert_eq!(
            (
                verification.n_compared,
                verification.n_different,
                verification.n_not_comparable
            ),
            (4, 3, 1)
        );
        let told: Vec<String> = verification
            .differences
            .iter()
            .map(|d| {
                let aspect = d.aspect.name();
                format!("{} {aspect}: {} / {}", d.candidate, d.stored, d.again)
            })
            .collect();
        assert_eq!(
            told,
            [
                "p#1 outcome: passed-tests / runtime-error",
                "p#1 cause: none / time limit",
                "p#1 tests: test 0: none / test 0: time limit",
                "p#1 fuel: 5 / 9",
                "p#2 cause: Some(EarlyExit { status: 1 }) / Some(EarlyExit { status: 2 })",
                "p#2 tests: test 0: Some(EarlyExit { status: 1 }) / test 0: Some(EarlyExit { status: 2 })",
                "p#3 outcome: passed-tests / unjudged (no tests)",
                "p#3 tests: 1 of 1 / 0 of 0",
                "p#3 fuel: 5 / 0",
            ]
        );
    }
}
