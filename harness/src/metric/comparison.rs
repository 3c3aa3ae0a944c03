//! Two sides on the same problems, compared pair by pair.
//!
//! A side is one run or several, say with different seeds; a problem's score is then its mean
//! over the runs. The interval of the difference resamples pairs, so the variation between
//! problems that both sides share cancels; comparing the sides' own intervals would not do
//! that.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metric::aggregate::{Group, Metric, mean};
use crate::metric::bootstrap::{Bootstrap, Interval, ValueTable};
use crate::metric::paired::{Common, PairedScores, Side, references};
use crate::metric::score::{Refusal, Score};
use crate::metric::significance::{McNemar, Permutation, holm, permutation_test, sign_test};
use crate::metric::tally::ProblemTally;
use crate::problem::{Difficulty, ProblemId};

/// Scores closer than this are a tie: they differ by rounding alone.
const TIE: f64 = 1e-9;

/// Sides A and B on the problems that all their runs have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub metrics: Vec<Metric>,
    /// Runs of A and of B.
    pub n_runs: (usize, usize),
    pub n_common: usize,
    /// Problems of some run of one side, and of no run of the other.
    pub only_in_a: Vec<ProblemId>,
    pub only_in_b: Vec<ProblemId>,
    /// Problems on both sides that some run lacks.
    pub incomplete: Vec<ProblemId>,
    /// For each group, a row for each metric.
    pub groups: Vec<(Group, Vec<Result<ComparisonRow, Refusal>>)>,
    /// Value of each metric over all common problems, for each run of A and of B.
    pub by_run: (Vec<RunValues>, Vec<RunValues>),
    /// For each group, what is solved by any candidate.
    pub solved: Vec<(Group, Result<McNemar, UnequalTries>)>,
    /// Common problems with both sides' scores.
    pub by_problem: Vec<ProblemScores>,
    /// Problems that some candidate of B solves and none of A.
    pub gained: Vec<ProblemId>,
    /// Problems that some candidate of A solves and none of B.
    pub lost: Vec<ProblemId>,
    pub bootstrap: Bootstrap,
}

/// A run's value of each metric, in the order of [`Comparison::metrics`]; `None` where refused.
pub type RunValues = Vec<Option<f64>>;

/// One problem's score on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProblemScores {
    pub problem: ProblemId,
    pub difficulty: Option<Difficulty>,
    /// Of A and of B, in the order of [`Comparison::metrics`]; `None` where one has no value.
    pub scores: Vec<Option<(f64, f64)>>,
}

/// One metric on the problems where both sides have a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    pub a: f64,
    pub b: f64,
    /// `b - a`.
    pub difference: f64,
    /// Over other problems of the same kind.
    pub interval: Option<Interval>,
    /// Over other problems and other runs; `None` where each side is one run.
    pub interval_over_runs: Option<Interval>,
    /// Problems on which B scores higher, lower, and the same.
    pub wins: usize,
    pub losses: usize,
    pub ties: usize,
    /// Common problems without a value in A or in B.
    pub n_left_out: usize,
    /// p-value of the sign test over wins and losses.
    pub sign_p: f64,
    pub permutation: Permutation,
    /// p-value of the permutation test, adjusted for all rows of the comparison.
    pub adjusted_p: f64,
}

/// With more tries more problems are solved, so counts of solved problems cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "problem `{problem}` has {n_a} candidates in A and {n_b} in B; with more tries more is solved"
)]
pub struct UnequalTries {
    /// The first such problem.
    pub problem: ProblemId,
    pub n_a: u32,
    pub n_b: u32,
}

/// Why two sides cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    #[error("the runs have no problem in common; are they on the same dataset?")]
    NothingInCommon,
}

/// Compares B with A.
///
/// # Errors
/// When no problem is in all runs.
pub fn compare(
    a: Side<'_>,
    b: Side<'_>,
    metrics: &[Metric],
    bootstrap: &Bootstrap,
) -> Result<Comparison, ComparisonError> {
    let common = Common::of(a, b);
    if common.problems.is_empty() {
        return Err(ComparisonError::NothingInCommon);
    }
    let (tallies_a, tallies_b) = (common.tallies(a), common.tallies(b));
    let (runs_a, runs_b) = (references(&tallies_a), references(&tallies_b));
    let solved = SolvedBy::of(&runs_a, &runs_b);
    let changed = |is_change: fn(bool, bool) -> bool| {
        let problems = solved.problems.iter().zip(&solved.by);
        let changed = problems.filter(|(_, by)| is_change(by.0, by.1));
        changed.map(|(tally, _)| tally.problem.clone()).collect()
    };
    let groups = Group::of(&tallies_a[0]).into_iter();
    let mut groups: Vec<(Group, Vec<Result<ComparisonRow, Refusal>>)> = groups
        .map(|group| {
            let (a, b) = (members(&runs_a, group), members(&runs_b, group));
            let (a, b) = (references(&a), references(&b));
            let rows = metrics.iter().map(|metric| row(&a, &b, *metric, bootstrap));
            (group, rows.collect())
        })
        .collect();
    adjust(&mut groups);
    Ok(Comparison {
        metrics: metrics.to_vec(),
        n_runs: (a.len(), b.len()),
        n_common: common.problems.len(),
        by_run: (by_run(&runs_a, metrics), by_run(&runs_b, metrics)),
        by_problem: by_problem(&runs_a, &runs_b, metrics),
        solved: groups
            .iter()
            .map(|(group, _)| (*group, solved.test(*group)))
            .collect(),
        gained: changed(|a, b| !a && b),
        lost: changed(|a, b| a && !b),
        only_in_a: common.only_in_a,
        only_in_b: common.only_in_b,
        incomplete: common.incomplete,
        groups,
        bootstrap: *bootstrap,
    })
}

fn members(runs: Side<'_>, group: Group) -> Vec<Vec<ProblemTally>> {
    let of_run = |run: &&[ProblemTally]| {
        let members = run.iter().filter(|tally| group.contains(tally));
        members.cloned().collect()
    };
    runs.iter().map(of_run).collect()
}

fn row(
    a: Side<'_>,
    b: Side<'_>,
    metric: Metric,
    bootstrap: &Bootstrap,
) -> Result<ComparisonRow, Refusal> {
    let scores = PairedScores::of(a, b, metric)?;
    let means = scores.means();
    Ok(ComparisonRow {
        interval_over_runs: scores.interval_over_runs(bootstrap),
        n_left_out: scores.n_left_out,
        ..paired(&means.0, &means.1, scores.strata(), bootstrap)?
    })
}

/// Compares scores of the same problems, which stand in the same order.
pub(super) fn paired(
    a: &[Score],
    b: &[Score],
    strata: &[Vec<usize>],
    bootstrap: &Bootstrap,
) -> Result<ComparisonRow, Refusal> {
    let pairs: Vec<Option<(f64, f64)>> = a
        .iter()
        .zip(b)
        .map(|(a, b)| Some((a.value?, b.value?)))
        .collect();
    let known: Vec<(f64, f64)> = pairs.iter().flatten().copied().collect();
    if known.is_empty() {
        return Err(Refusal::NothingJudged { needed: 1 });
    }
    let n = |ordering: Ordering| {
        let with = known.iter().filter(|(a, b)| order(*a, *b) == ordering);
        with.count()
    };
    let difference = |(a, b): (f64, f64)| match order(a, b) {
        Ordering::Equal => 0.0,
        _ => b - a,
    };
    let differences: Vec<f64> = known.iter().copied().map(difference).collect();
    let column = pairs.iter().map(|pair| pair.map(difference)).collect();
    let [a, b] = [
        mean(known.iter().map(|pair| pair.0)),
        mean(known.iter().map(|pair| pair.1)),
    ];
    let (wins, losses) = (n(Ordering::Less), n(Ordering::Greater));
    let permutation = permutation_test(&differences, bootstrap);
    Ok(ComparisonRow {
        a,
        b,
        difference: b - a,
        interval: ValueTable::new(&[column], strata.to_vec()).intervals(bootstrap)[0],
        interval_over_runs: None,
        wins,
        losses,
        ties: n(Ordering::Equal),
        n_left_out: pairs.len() - known.len(),
        sign_p: sign_test(wins, losses),
        adjusted_p: permutation.p_value,
        permutation,
    })
}

/// Holds the p-values of all rows to a common standard.
fn adjust(groups: &mut [(Group, Vec<Result<ComparisonRow, Refusal>>)]) {
    let rows = groups.iter_mut().flat_map(|(_, rows)| rows);
    let mut rows: Vec<&mut ComparisonRow> = rows.filter_map(|row| row.as_mut().ok()).collect();
    let p_values: Vec<f64> = rows.iter().map(|row| row.permutation.p_value).collect();
    for (row, adjusted) in rows.iter_mut().zip(holm(&p_values)) {
        row.adjusted_p = adjusted;
    }
}

fn order(a: f64, b: f64) -> Ordering {
    if (a - b).abs() <= TIE {
        Ordering::Equal
    } else {
        a.total_cmp(&b)
    }
}

fn by_run(side: Side<'_>, metrics: &[Metric]) -> Vec<RunValues> {
    let value = |run: &[ProblemTally], metric: &Metric| {
        let scores = metric.scores(run).ok()?;
        let known: Vec<f64> = scores.iter().filter_map(|score| score.value).collect();
        (!known.is_empty()).then(|| mean(known.into_iter()))
    };
    let values = |run: &&[ProblemTally]| metrics.iter().map(|metric| value(run, metric)).collect();
    side.iter().map(values).collect()
}

fn by_problem(a: Side<'_>, b: Side<'_>, metrics: &[Metric]) -> Vec<ProblemScores> {
    let of_metric = |metric: &Metric| -> BTreeMap<ProblemId, (f64, f64)> {
        let scores = PairedScores::of(a, b, *metric).ok();
        let pairs = scores.map(|scores| (scores.pairs(), scores.problems));
        let (pairs, problems) = pairs.unwrap_or_default();
        problems.into_iter().zip(pairs).collect()
    };
    let by_metric: Vec<BTreeMap<ProblemId, (f64, f64)>> = metrics.iter().map(of_metric).collect();
    let problem = |tally: &ProblemTally| ProblemScores {
        problem: tally.problem.clone(),
        difficulty: tally.difficulty,
        scores: by_metric
            .iter()
            .map(|scores| scores.get(&tally.problem).copied())
            .collect(),
    };
    a[0].iter().map(problem).collect()
}

/// What some candidate of some run of a side solves.
struct SolvedBy<'a> {
    problems: &'a [ProblemTally],
    by: Vec<(bool, bool)>,
    tries: Vec<(u32, u32)>,
}

impl<'a> SolvedBy<'a> {
    fn of(a: &[&'a [ProblemTally]], b: Side<'_>) -> Self {
        let of_any = |side: Side<'_>, i: usize| {
            let solved = side.iter().any(|run| run[i].n_passed() > 0);
            let n_tries = side.iter().map(|run| run[i].n_recorded()).sum::<u32>();
            (solved, n_tries)
        };
        let problems = a[0];
        let both = (0..problems.len()).map(|i| {
            let ((in_a, n_a), (in_b, n_b)) = (of_any(a, i), of_any(b, i));
            ((in_a, in_b), (n_a, n_b))
        });
        let (by, tries) = both.unzip();
        Self {
            problems,
            by,
            tries,
        }
    }

    fn test(&self, group: Group) -> Result<McNemar, UnequalTries> {
        let problems = || self.problems.iter().zip(self.by.iter().zip(&self.tries));
        let members = || problems().filter(|(tally, _)| group.contains(tally));
        match members().find(|(_, (_, (n_a, n_b)))| n_a != n_b) {
            Some((tally, (_, &(n_a, n_b)))) => Err(UnequalTries {
                problem: tally.problem.clone(),
                n_a,
                n_b,
            }),
            None => Ok(McNemar::of(members().map(|(_, (by, _))| *by))),
        }
    }
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
        let comparison =
            compare(&[&a], &[&b], &[Metric::PassAtK(1)], &Bootstrap::default()).unwrap();
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
            &[&run(0)],
            &[&run(1)],
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
        let comparison =
            compare(&[&a], &[&b], &[Metric::PassAtK(2)], &Bootstrap::default()).unwrap();
        let refused: Vec<bool> = comparison.groups.iter().map(|g| g.1[0].is_err()).collect();
        assert_eq!(refused, [false, true, true]);
        assert_eq!(
            compare(&[&a[..1]], &[&b[1..]], &[], &Bootstrap::default()),
            Err(ComparisonError::NothingInCommon)
        );
    }

    #[test]
    fn several_runs_are_averaged_problem_by_problem() {
        let run = |solved: [bool; 4]| -> Vec<ProblemTally> {
            let solved = solved.into_iter().enumerate();
            solved
                .map(|(i, solved)| {
                    let outcome = if solved { PASSED } else { FAILED };
                    problem(&format!("p{i}"), &[outcome])
                })
                .collect()
        };
        let a = [
            run([true, false, false, false]),
            run([true, true, false, false]),
        ];
        let b = [
            run([true, true, false, true]),
            run([false, true, false, true]),
        ];
        let metrics = [Metric::PassAtK(1)];
        let sides = |runs: &'_ [Vec<ProblemTally>; 2]| runs.clone();
        let (a, b) = (sides(&a), sides(&b));
        let comparison = compare(
            &[&a[0], &a[1]],
            &[&b[0], &b[1]],
            &metrics,
            &Bootstrap::default(),
        )
        .unwrap();
        let row = comparison.groups[0].1[0].clone().unwrap();
        // Scores of A: 1, 1/2, 0, 0; of B: 1/2, 1, 0, 1.
        assert_eq!((row.a, row.b), (0.375, 0.625));
        assert_eq!((row.wins, row.losses, row.ties), (2, 1, 1));
        // Differences -1/2, 1/2, 0, 1: of eight signs six are at least 1 away from 0.
        assert_eq!(row.permutation.p_value, 6.0 / 8.0);
        assert_eq!(row.sign_p, 1.0);
        assert!(row.interval_over_runs.is_some());
        assert_eq!(
            comparison.by_run,
            (
                vec![vec![Some(0.25)], vec![Some(0.5)]],
                vec![vec![Some(0.75)], vec![Some(0.5)]]
            )
        );
        // Solved by any of two tries: A the first two, B all but the third.
        let solved = comparison.solved[0].1.clone().unwrap();
        assert_eq!(
            (solved.both, solved.only_a, solved.only_b, solved.neither),
            (2, 0, 1, 1)
        );

        // One run lacks a problem, another has one of its own.
        let short = &b[1][..3];
        let other = [problem("q", &[PASSED])];
        let comparison = compare(
            &[&a[0], &a[1], &[a[0].as_slice(), &other].concat()],
            &[&b[0], short],
            &metrics,
            &Bootstrap::default(),
        );
        let comparison = comparison.unwrap();
        assert_eq!(comparison.n_common, 3);
        assert_eq!(comparison.incomplete, ids(&["p3"]));
        assert_eq!(comparison.only_in_a, ids(&["q"]));
        let unequal = comparison.solved[0].1.clone().unwrap_err();
        assert_eq!((unequal.n_a, unequal.n_b), (3, 2));
    }

    #[test]
    fn p_values_are_adjusted_for_all_rows() {
        // Six easy problems, all won; six hard ones, won and lost alike.
        let run = |better: bool| -> Vec<ProblemTally> {
            let mut run = Vec::new();
            for i in 0..6 {
                let easy = if better { PASSED } else { FAILED };
                run.push(problem_at(Introductory, &format!("e{i}"), &[easy]));
                let hard = if better == (i < 3) { PASSED } else { FAILED };
                run.push(problem_at(Competition, &format!("h{i}"), &[hard]));
            }
            run
        };
        let comparison = compare(
            &[&run(false)],
            &[&run(true)],
            &[Metric::PassAtK(1)],
            &Bootstrap::default(),
        );
        let rows: Vec<(f64, f64)> = comparison
            .unwrap()
            .groups
            .iter()
            .map(|(_, rows)| {
                let row = rows[0].as_ref().unwrap();
                (row.permutation.p_value, row.adjusted_p)
            })
            .collect();
        let easy = 2.0 / 64.0;
        // Nine wins against three losses of the same size.
        let all = 2.0 * (1.0 + 12.0 + 66.0 + 220.0) / 4096.0;
        assert_eq!(rows, [(easy, 3.0 * easy), (1.0, 1.0), (all, 2.0 * all)]);
    }
}
