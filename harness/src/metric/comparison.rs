//! Two runs on the same problems, compared pair by pair.
//!
//! The interval of the difference resamples pairs, so the variation between problems that
//! both runs share cancels; comparing the two runs' own intervals would not do that.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::metric::aggregate::{Group, Metric, mean, strata};
use crate::metric::bootstrap::{Bootstrap, Interval, ValueTable};
use crate::metric::score::{Refusal, Score};
use crate::metric::tally::ProblemTally;
use crate::problem::ProblemId;
use crate::verdict::Outcome;

/// Scores closer than this are a tie: they differ by rounding alone.
const TIE: f64 = 1e-9;

/// Runs A and B on the problems that both have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub metrics: Vec<Metric>,
    pub n_common: usize,
    pub only_in_a: Vec<ProblemId>,
    pub only_in_b: Vec<ProblemId>,
    /// For each group, a row for each metric.
    pub groups: Vec<(Group, Vec<Result<ComparisonRow, Refusal>>)>,
    /// Problems that some candidate of B solves and none of A.
    pub gained: Vec<ProblemId>,
    /// Problems that some candidate of A solves and none of B.
    pub lost: Vec<ProblemId>,
    pub bootstrap: Bootstrap,
}

/// One metric on the problems where both runs have a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    pub a: f64,
    pub b: f64,
    /// `b - a`.
    pub difference: f64,
    pub interval: Option<Interval>,
    /// Problems on which B scores higher, lower, and the same.
    pub wins: usize,
    pub losses: usize,
    pub ties: usize,
    /// Common problems without a value in A or in B.
    pub n_left_out: usize,
}

/// Why two runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    #[error("the runs have no problem in common; are they on the same dataset?")]
    NothingInCommon,
}

/// Compares B with A.
///
/// # Errors
/// When no problem is in both runs.
pub fn compare(
    a: &[ProblemTally],
    b: &[ProblemTally],
    metrics: &[Metric],
    bootstrap: &Bootstrap,
) -> Result<Comparison, ComparisonError> {
    let by_id = |tallies: &'_ [ProblemTally]| -> BTreeMap<ProblemId, ProblemTally> {
        let pairs = tallies.iter().map(|t| (t.problem.clone(), t.clone()));
        pairs.collect()
    };
    let (in_a, in_b) = (by_id(a), by_id(b));
    let only = |tallies: &[ProblemTally], other: &BTreeMap<ProblemId, ProblemTally>| {
        let ids = tallies.iter().map(|tally| &tally.problem);
        ids.filter(|id| !other.contains_key(id)).cloned().collect()
    };
    let (common_a, common_b): (Vec<ProblemTally>, Vec<ProblemTally>) = in_a
        .iter()
        .filter_map(|(id, tally)| Some((tally.clone(), in_b.get(id)?.clone())))
        .unzip();
    if common_a.is_empty() {
        return Err(ComparisonError::NothingInCommon);
    }

    let solved = |tally: &ProblemTally| tally.n_passed() > 0;
    let changed = |before: &[ProblemTally], after: &[ProblemTally]| {
        before
            .iter()
            .zip(after)
            .filter(|(before, after)| !solved(before) && solved(after))
            .map(|(before, _)| before.problem.clone())
            .collect()
    };
    let groups = Group::of(&common_a)
        .into_iter()
        .map(|group| {
            let (a, b): (Vec<ProblemTally>, Vec<ProblemTally>) = common_a
                .iter()
                .zip(&common_b)
                .filter(|(a, _)| group.contains(a))
                .map(|(a, b)| (a.clone(), b.clone()))
                .unzip();
            (group, rows(&a, &b, metrics, bootstrap))
        })
        .collect();
    Ok(Comparison {
        metrics: metrics.to_vec(),
        n_common: common_a.len(),
        only_in_a: only(a, &in_b),
        only_in_b: only(b, &in_a),
        groups,
        gained: changed(&common_a, &common_b),
        lost: changed(&common_b, &common_a),
        bootstrap: *bootstrap,
    })
}

/// A row for each metric; `a` and `b` hold the same problems in the same order.
fn rows(
    a: &[ProblemTally],
    b: &[ProblemTally],
    metrics: &[Metric],
    bootstrap: &Bootstrap,
) -> Vec<Result<ComparisonRow, Refusal>> {
    let strata = strata(a);
    let row = |metric: &Metric| paired(&metric.scores(a)?, &metric.scores(b)?, &strata, bootstrap);
    metrics.iter().map(row).collect()
}

/// Compares scores of the same problems, which stand in the same order.
pub(super) fn paired(
    a: &[Score],
    b: &[Score],
    strata: &[Vec<usize>],
    bootstrap: &Bootstrap,
) -> Result<ComparisonRow, Refusal> {
    let paired: Vec<Option<(f64, f64)>> = a.iter().zip(b).map(|(a, b)| both_values(a, b)).collect();
    let known: Vec<(f64, f64)> = paired.iter().flatten().copied().collect();
    if known.is_empty() {
        return Err(Refusal::NothingJudged { needed: 1 });
    }
    let differences = paired.iter().map(|pair| pair.map(|(a, b)| b - a)).collect();
    let n = |ordering: Ordering| {
        known
            .iter()
            .filter(|&&(a, b)| order(a, b) == ordering)
            .count()
    };
    let [mean_a, mean_b] = [
        mean(known.iter().map(|pair| pair.0)),
        mean(known.iter().map(|pair| pair.1)),
    ];
    Ok(ComparisonRow {
        a: mean_a,
        b: mean_b,
        difference: mean_b - mean_a,
        interval: ValueTable::new(&[differences], strata.to_vec()).intervals(bootstrap)[0],
        wins: n(Ordering::Less),
        losses: n(Ordering::Greater),
        ties: n(Ordering::Equal),
        n_left_out: paired.len() - known.len(),
    })
}

fn both_values(a: &Score, b: &Score) -> Option<(f64, f64)> {
    Some((a.value?, b.value?))
}

fn order(a: f64, b: f64) -> Ordering {
    if (a - b).abs() <= TIE {
        Ordering::Equal
    } else {
        a.total_cmp(&b)
    }
}

/// A candidate of both runs whose outcome differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeChange {
    pub candidate: CandidateId,
    /// `None` when not judged.
    pub before: Option<Outcome>,
    pub after: Option<Outcome>,
}

/// Candidates whose outcome changed from A to B, ordered by id.
///
/// Makes sense where both judged the same programs: another grader, other limits, another
/// guest. Candidates that only one run has are not listed.
pub fn outcome_changes(a: &[ProblemTally], b: &[ProblemTally]) -> Vec<OutcomeChange> {
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
            (before != after).then_some(OutcomeChange {
                candidate,
                before,
                after,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem, problem_at};
    use crate::problem::Difficulty::{Competition, Introductory};

    fn ids(ids: &[&str]) -> Vec<ProblemId> {
        ids.iter().map(|id| ProblemId::new(*id)).collect()
    }

    #[test]
    fn compares_common_problems_only() {
        let a = [
            problem("z", &[PASSED, PASSED]),
            problem("won", &[FAILED, FAILED]),
            problem("lost", &[PASSED, FAILED]),
            problem("tied", &[FAILED, PASSED]),
            problem("gap", &[UNJUDGED, UNJUDGED]),
        ];
        let b = [
            problem("tied", &[PASSED, FAILED]),
            problem("gap", &[PASSED, PASSED]),
            problem("lost", &[FAILED, FAILED]),
            problem("won", &[PASSED, PASSED]),
            problem("y", &[PASSED, PASSED]),
        ];
        let comparison = compare(&a, &b, &[Metric::PassAtK(1)], &Bootstrap::default()).unwrap();
        assert_eq!(comparison.n_common, 4);
        assert_eq!(comparison.only_in_a, ids(&["z"]));
        assert_eq!(comparison.only_in_b, ids(&["y"]));
        assert_eq!(comparison.gained, ids(&["gap", "won"]));
        assert_eq!(comparison.lost, ids(&["lost"]));
        let [(Group::All, rows)] = comparison.groups.as_slice() else {
            panic!("no difficulties: {comparison:?}");
        };
        let row = rows[0].as_ref().unwrap();
        assert_eq!(
            (row.wins, row.losses, row.ties, row.n_left_out),
            (1, 1, 1, 1)
        );
        assert!((row.a - 1.0 / 3.0).abs() < 1e-12);
        assert!((row.b - 0.5).abs() < 1e-12);
        assert!((row.difference - 0.5 / 3.0).abs() < 1e-12);
        let interval = row.interval.unwrap();
        assert!(
            interval.low < 0.0 && interval.high > row.difference,
            "{interval:?}"
        );
    }

    #[test]
    fn what_both_share_cancels() {
        // Problems differ wildly, B is better by a tenth on each: no doubt about the difference.
        let run = |better: usize| -> Vec<ProblemTally> {
            (0..8)
                .map(|i| {
                    let outcomes: Vec<_> = (0..10)
                        .map(|j| if j < i + better { PASSED } else { FAILED })
                        .collect();
                    problem(&format!("p{i}"), &outcomes)
                })
                .collect()
        };
        let comparison = compare(
            &run(0),
            &run(1),
            &[Metric::PassAtK(1)],
            &Bootstrap::default(),
        );
        let row = comparison.unwrap().groups[0].1[0].clone().unwrap();
        let interval = row.interval.unwrap();
        assert!((interval.low - 0.1).abs() < 1e-12 && (interval.high - 0.1).abs() < 1e-12);
        assert_eq!((row.wins, row.losses, row.ties), (8, 0, 0));
    }

    #[test]
    fn refuses_where_one_run_lacks_candidates() {
        let a = [
            problem_at(Introductory, "a", &[PASSED, FAILED]),
            problem_at(Competition, "b", &[PASSED, FAILED]),
        ];
        let b = [
            problem_at(Introductory, "a", &[PASSED, FAILED]),
            problem_at(Competition, "b", &[PASSED]),
        ];
        let comparison = compare(&a, &b, &[Metric::PassAtK(2)], &Bootstrap::default()).unwrap();
        let refused: Vec<bool> = comparison.groups.iter().map(|g| g.1[0].is_err()).collect();
        assert_eq!(refused, [false, true, true]);
        assert_eq!(
            compare(&a[..1], &b[1..], &[], &Bootstrap::default()),
            Err(ComparisonError::NothingInCommon)
        );
    }

    #[test]
    fn lists_changed_outcomes() {
        let a = [problem("p", &[PASSED, FAILED, UNJUDGED, FAILED])];
        let b = [problem("p", &[PASSED, PASSED, FAILED])];
        let change = |index, before, after| OutcomeChange {
            candidate: CandidateId {
                problem: ProblemId::new("p"),
                index,
            },
            before,
            after,
        };
        assert_eq!(
            outcome_changes(&a, &b),
            [change(1, FAILED, PASSED), change(2, UNJUDGED, FAILED)]
        );
    }
}
