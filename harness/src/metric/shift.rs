//! What moved between two sides: from which outcome to which, and which share grew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::metric::aggregate::{mean, strata};
use crate::metric::bootstrap::{Bootstrap, Interval, ValueTable};
use crate::metric::paired::Side;
use crate::metric::tally::ProblemTally;
use crate::verdict::Outcome;

/// A candidate of both runs whose outcome differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeChange {
    pub candidate: CandidateId,
    /// `None` when not judged.
    pub before: Option<Outcome>,
    pub after: Option<Outcome>,
}

/// Outcomes of the candidates that two runs have in common.
///
/// Makes sense where the candidates of both are pairs: the same programs, judged by another
/// grader, under other limits or in another guest; or one program a problem.
pub fn outcome_pairs(a: &[ProblemTally], b: &[ProblemTally]) -> Vec<OutcomeChange> {
    let outcomes = |tallies: &[ProblemTally]| -> BTreeMap<CandidateId, Option<Outcome>> {
        let candidates = tallies.iter().flat_map(|tally| {
            tally.candidates.iter().map(|candidate| {
                let id = CandidateId {
                    problem: tally.problem.clone(),
                    index: candidate.index,
                };
                (id, candidate.outcome)
            })
        });
        candidates.collect()
    };
    let after = outcomes(b);
    outcomes(a)
        .into_iter()
        .filter_map(|(candidate, before)| {
            let after = *after.get(&candidate)?;
            Some(OutcomeChange {
                candidate,
                before,
                after,
            })
        })
        .collect()
}

/// How many candidates went from one outcome to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitions {
    /// Rows are outcomes under A, columns under B: those of [`Outcome::ALL`], then not judged.
    pub counts: [[usize; 5]; 5],
}

impl Transitions {
    pub fn of(pairs: &[OutcomeChange]) -> Self {
        let index = |outcome: Option<Outcome>| {
            let judged = |outcome| Outcome::ALL.iter().position(|it| *it == outcome);
            outcome.and_then(judged).unwrap_or(Outcome::ALL.len())
        };
        let mut counts = [[0; 5]; 5];
        for pair in pairs {
            counts[index(pair.before)][index(pair.after)] += 1;
        }
        Self { counts }
    }
}

/// Share of one outcome, or of what was not judged, among the candidates of a problem, averaged
/// over runs and problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeShift {
    /// `None`: not judged.
    pub outcome: Option<Outcome>,
    pub a: f64,
    pub b: f64,
    /// Of `b - a`, over other problems.
    pub interval: Option<Interval>,
}

/// Shifts of the four outcomes and of the unjudged, over problems that all runs have with at
/// least one candidate. The shares of a side add up to one.
pub fn outcome_shifts(a: Side<'_>, b: Side<'_>, bootstrap: &Bootstrap) -> Vec<OutcomeShift> {
    let by_id = |run: &&[ProblemTally]| -> BTreeMap<_, ProblemTally> {
        let tallies = run.iter().filter(|tally| !tally.candidates.is_empty());
        tallies.map(|t| (t.problem.clone(), t.clone())).collect()
    };
    let sides = [a, b].map(|side| side.iter().map(by_id).collect::<Vec<_>>());
    let Some(first) = sides[0].first() else {
        return Vec::new();
    };
    let in_all = |id| sides.iter().flatten().all(|run| run.contains_key(id));
    let common: Vec<ProblemTally> = first
        .iter()
        .filter(|(id, _)| in_all(id))
        .map(|(_, tally)| tally.clone())
        .collect();
    if common.is_empty() {
        return Vec::new();
    }
    let outcomes = Outcome::ALL.into_iter().map(Some).chain([None]);
    outcomes
        .map(|outcome| {
            let shares = sides.each_ref().map(|runs| {
                let of_problem = |tally: &ProblemTally| {
                    let shares = runs.iter().map(|run| share(&run[&tally.problem], outcome));
                    mean(shares)
                };
                common.iter().map(of_problem).collect::<Vec<f64>>()
            });
            let pairs = shares[0].iter().zip(&shares[1]);
            let differences = pairs.map(|(a, b)| Some(b - a)).collect();
            OutcomeShift {
                outcome,
                a: mean(shares[0].iter().copied()),
                b: mean(shares[1].iter().copied()),
                interval: ValueTable::new(&[differences], strata(&common)).intervals(bootstrap)[0],
            }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of candidates")]
fn share(tally: &ProblemTally, outcome: Option<Outcome>) -> f64 {
    let with = tally.candidates.iter().filter(|c| c.outcome == outcome);
    with.count() as f64 / tally.candidates.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem};
    use crate::problem::ProblemId;

    const COMPILE: Option<Outcome> = Some(Outcome::CompileError);

    #[test]
    fn pairs_are_those_that_both_have() {
        let a = [problem("p", &[PASSED, FAILED, UNJUDGED, FAILED])];
        let b = [problem("p", &[PASSED, PASSED, FAILED])];
        let pair = |index, before, after| OutcomeChange {
            candidate: CandidateId {
                problem: ProblemId::new("p"),
                index,
            },
            before,
            after,
        };
        let pairs = outcome_pairs(&a, &b);
        assert_eq!(
            pairs,
            [
                pair(0, PASSED, PASSED),
                pair(1, FAILED, PASSED),
                pair(2, UNJUDGED, FAILED)
            ]
        );
        let counts = Transitions::of(&pairs).counts;
        // Compile error, runtime error, failed, passed, not judged.
        assert_eq!(counts[3], [0, 0, 0, 1, 0]);
        assert_eq!(counts[2], [0, 0, 0, 1, 0]);
        assert_eq!(counts[4], [0, 0, 1, 0, 0]);
        assert_eq!(counts.iter().flatten().sum::<usize>(), 3);
    }

    #[test]
    fn shares_are_averaged_over_runs_and_problems() {
        let a = [
            problem("p", &[PASSED, FAILED]),
            problem("q", &[COMPILE, COMPILE]),
            problem("only", &[PASSED]),
            problem("none", &[]),
        ];
        let b = [
            problem("p", &[PASSED, PASSED]),
            problem("q", &[FAILED, UNJUDGED]),
            problem("none", &[]),
        ];
        let again = [
            problem("p", &[PASSED, FAILED]),
            problem("q", &[FAILED, FAILED]),
        ];
        let shifts = outcome_shifts(&[&a], &[&b, &again], &Bootstrap::default());
        let shown: Vec<(Option<Outcome>, f64, f64)> = shifts
            .iter()
            .map(|shift| (shift.outcome, shift.a, shift.b))
            .collect();
        assert_eq!(
            shown,
            [
                (COMPILE, 0.5, 0.0),
                (Some(Outcome::RuntimeError), 0.0, 0.0),
                (FAILED, 0.25, 0.5),
                (PASSED, 0.25, 0.375),
                (UNJUDGED, 0.0, 0.125),
            ]
        );
        // Passed: +1/4 on one problem, nothing on the other; a resample holds either or both.
        let interval = shifts[3].interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.25));
        assert_eq!(outcome_shifts(&[&a[2..]], &[&b], &Bootstrap::default()), []);
    }
}
