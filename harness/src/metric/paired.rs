//! Scores of two sides on the same problems, brought together.

use std::collections::{BTreeMap, BTreeSet};

use crate::metric::aggregate::{Metric, strata};
use crate::metric::bootstrap::{Bootstrap, Interval, RunTable, ValueTable};
use crate::metric::score::{Refusal, Score};
use crate::metric::tally::ProblemTally;
use crate::problem::ProblemId;

/// The runs of a side. Where scores are paired, all runs hold the same problems in the same
/// order.
pub type Side<'a> = &'a [&'a [ProblemTally]];

/// Which problems all runs have.
pub(super) struct Common {
    pub(super) problems: BTreeSet<ProblemId>,
    /// Problems of some run of one side, and of no run of the other.
    pub(super) only_in_a: Vec<ProblemId>,
    pub(super) only_in_b: Vec<ProblemId>,
    /// Problems on both sides that some run lacks.
    pub(super) incomplete: Vec<ProblemId>,
}

impl Common {
    pub(super) fn of(a: Side<'_>, b: Side<'_>) -> Self {
        let mut n_runs: BTreeMap<&ProblemId, (usize, usize)> = BTreeMap::new();
        for tally in a.iter().copied().flatten() {
            n_runs.entry(&tally.problem).or_default().0 += 1;
        }
        for tally in b.iter().copied().flatten() {
            n_runs.entry(&tally.problem).or_default().1 += 1;
        }
        let mut common = Self {
            problems: BTreeSet::new(),
            only_in_a: Vec::new(),
            only_in_b: Vec::new(),
            incomplete: Vec::new(),
        };
        for (problem, (in_a, in_b)) in n_runs {
            let problem = problem.clone();
            match (in_a, in_b) {
                (_, 0) => common.only_in_a.push(problem),
                (0, _) => common.only_in_b.push(problem),
                _ if in_a == a.len() && in_b == b.len() => {
                    common.problems.insert(problem);
                }
                _ => common.incomplete.push(problem),
            }
        }
        common
    }

    /// The common problems of each run, in order of id.
    pub(super) fn tallies(&self, side: Side<'_>) -> Vec<Vec<ProblemTally>> {
        let of_run = |run: &&[ProblemTally]| {
            let kept = run.iter().filter(|t| self.problems.contains(&t.problem));
            let mut kept: Vec<ProblemTally> = kept.cloned().collect();
            kept.sort_by(|a, b| a.problem.cmp(&b.problem));
            kept
        };
        side.iter().map(of_run).collect()
    }
}

pub(super) fn references(runs: &[Vec<ProblemTally>]) -> Vec<&[ProblemTally]> {
    runs.iter().map(Vec::as_slice).collect()
}

/// Scores of A and of B, on the problems where every run has a value.
pub(super) struct PairedScores {
    pub(super) problems: Vec<ProblemId>,
    /// By side, run and problem.
    sides: [Vec<Vec<f64>>; 2],
    strata: Vec<Vec<usize>>,
    pub(super) n_left_out: usize,
}

impl PairedScores {
    /// # Errors
    /// When a run's records cannot support the metric, or no problem has a value in all runs.
    pub(super) fn of(a: Side<'_>, b: Side<'_>, metric: Metric) -> Result<Self, Refusal> {
        let scores = |side: Side<'_>| -> Result<Vec<Vec<Option<f64>>>, Refusal> {
            let of_run = |run: &&[ProblemTally]| {
                let scores = metric.scores(run)?;
                Ok(scores.iter().map(|score| score.value).collect())
            };
            side.iter().map(of_run).collect()
        };
        let sides = [scores(a)?, scores(b)?];
        let problems = a.first().ok_or(Refusal::NoProblems)?;
        let is_known = |i: usize| sides.iter().flatten().all(|run| run[i].is_some());
        let known: Vec<usize> = (0..problems.len()).filter(|&i| is_known(i)).collect();
        if known.is_empty() {
            return Err(Refusal::NothingJudged {
                needed: metric.n_needed(),
            });
        }
        let kept: Vec<ProblemTally> = known.iter().map(|&i| problems[i].clone()).collect();
        let of_known = |run: &Vec<Option<f64>>| known.iter().filter_map(|&i| run[i]).collect();
        Ok(Self {
            sides: sides
                .each_ref()
                .map(|runs| runs.iter().map(of_known).collect()),
            strata: strata(&kept),
            n_left_out: problems.len() - known.len(),
            problems: kept.into_iter().map(|tally| tally.problem).collect(),
        })
    }

    /// Mean of the runs of A and of B, for each problem.
    pub(super) fn pairs(&self) -> Vec<(f64, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "a handful of runs")]
        let mean = |runs: &[Vec<f64>], i: usize| {
            runs.iter().map(|run| run[i]).sum::<f64>() / runs.len() as f64
        };
        (0..self.problems.len())
            .map(|i| (mean(&self.sides[0], i), mean(&self.sides[1], i)))
            .collect()
    }

    /// The same as scores of each side.
    pub(super) fn means(&self) -> (Vec<Score>, Vec<Score>) {
        let exact = |(a, b)| (Score::exact(a), Score::exact(b));
        self.pairs().into_iter().map(exact).unzip()
    }

    /// Rows of [`PairedScores::pairs`] by difficulty.
    pub(super) fn strata(&self) -> &[Vec<usize>] {
        &self.strata
    }

    pub(super) fn has_several_runs(&self) -> bool {
        self.sides.iter().any(|runs| runs.len() > 1)
    }

    /// Of the mean of B less that of A, over other problems.
    pub(super) fn interval(&self, bootstrap: &Bootstrap) -> Option<Interval> {
        let differences = self.pairs().into_iter().map(|(a, b)| Some(b - a)).collect();
        ValueTable::new(&[differences], self.strata.clone()).intervals(bootstrap)[0]
    }

    /// The same over other problems and other runs; `None` where each side is one run.
    pub(super) fn interval_over_runs(&self, bootstrap: &Bootstrap) -> Option<Interval> {
        if !self.has_several_runs() {
            return None;
        }
        RunTable::new(self.sides.clone(), self.strata.clone()).interval(bootstrap)
    }

    /// These scores with those of A multiplied by `factor`.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        let [a, b] = self.sides.clone();
        let scale = |run: Vec<f64>| run.into_iter().map(|score| factor * score).collect();
        Self {
            problems: self.problems.clone(),
            sides: [a.into_iter().map(scale).collect(), b],
            strata: self.strata.clone(),
            n_left_out: self.n_left_out,
        }
    }
}
