//! One configuration, trained or sampled several times: means over the repetitions, then over
//! problems.
//!
//! The score of a problem is the mean of its scores over the repetitions (seeds), and problems are
//! what is resampled, as everywhere. So an interval says how much a mean would move with other
//! problems, given these trainings; how much trainings differ is for the values of each seed to
//! show, of which there are too few to resample.

use std::collections::BTreeMap;

use crate::metric::aggregate::{Estimate, Group, Metric, mean, strata};
use crate::metric::bootstrap::{Bootstrap, ValueTable};
use crate::metric::comparison::{ComparisonRow, paired};
use crate::metric::score::{Refusal, Score};
use crate::metric::shares::{OutcomeShares, outcome_shares};
use crate::metric::tally::ProblemTally;
use crate::problem::ProblemId;
use crate::verdict::Outcome;

/// The repetitions of one configuration, on the problems that all of them have.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// For each repetition the same problems in the same order.
    runs: Vec<Vec<ProblemTally>>,
    /// Problems that some repetition lacks.
    pub n_uncommon: usize,
}

impl Pooled {
    /// `None` when there is no repetition.
    pub fn new(runs: &[Vec<ProblemTally>]) -> Option<Self> {
        if runs.is_empty() {
            return None;
        }
        let mut counts: BTreeMap<&ProblemId, usize> = BTreeMap::new();
        for tally in runs.iter().flatten() {
            *counts.entry(&tally.problem).or_default() += 1;
        }
        let is_common = |tally: &&ProblemTally| counts[&tally.problem] == runs.len();
        let common = runs.iter().map(|run| {
            let mut run: Vec<ProblemTally> = run.iter().filter(is_common).cloned().collect();
            run.sort_by(|a, b| a.problem.cmp(&b.problem));
            run
        });
        Some(Self {
            runs: common.collect(),
            n_uncommon: counts.values().filter(|&&n| n != runs.len()).count(),
        })
    }

    pub fn n_runs(&self) -> usize {
        self.runs.len()
    }

    pub fn n_problems(&self) -> usize {
        self.runs[0].len()
    }

    /// Each repetition.
    pub fn runs(&self) -> &[Vec<ProblemTally>] {
        &self.runs
    }

    /// The groups that exist among the problems.
    pub fn groups(&self) -> Vec<Group> {
        Group::of(&self.runs[0])
    }

    /// The problems of a group.
    #[must_use]
    pub fn group(&self, group: Group) -> Self {
        let of = |run: &Vec<ProblemTally>| {
            let run = run.iter().filter(|tally| group.contains(tally));
            run.cloned().collect()
        };
        Self {
            runs: self.runs.iter().map(of).collect(),
            n_uncommon: self.n_uncommon,
        }
    }

    /// The mean of each problem's scores over the repetitions.
    fn scores(&self, metric: Metric) -> Result<Vec<Score>, Refusal> {
        let by_run = self
            .runs
            .iter()
            .map(|run| metric.scores(run))
            .collect::<Result<Vec<_>, _>>()?;
        let of_problem = |at: usize| {
            let scores = || by_run.iter().map(|scores| &scores[at]);
            let values: Option<Vec<f64>> = scores().map(|score| score.value).collect();
            Score {
                value: values.map(|values| mean(values.into_iter())),
                lower: mean(by_run.iter().map(|scores| scores[at].lower)),
                upper: mean(by_run.iter().map(|scores| scores[at].upper)),
            }
        };
        Ok((0..self.n_problems()).map(of_problem).collect())
    }

    /// Mean and interval of each metric.
    pub fn estimates(
        &self,
        metrics: &[Metric],
        bootstrap: &Bootstrap,
    ) -> Vec<Result<Estimate, Refusal>> {
        let estimate = |metric: &Metric| {
            let scores = self.scores(*metric)?;
            let mut estimate = Estimate::of(*metric, &scores)?;
            let values = scores.iter().map(|score| score.value).collect();
            let table = ValueTable::new(&[values], strata(&self.runs[0]));
            estimate.interval = table.intervals(bootstrap)[0];
            Ok(estimate)
        };
        metrics.iter().map(estimate).collect()
    }

    /// Mean of a metric in each repetition.
    pub fn means(&self, metric: Metric) -> Vec<Result<f64, Refusal>> {
        let of_run = |run: &Vec<ProblemTally>| {
            let scores = metric.scores(run)?;
            Ok(Estimate::of(metric, &scores)?.mean)
        };
        self.runs.iter().map(of_run).collect()
    }

    /// Compares this with `control`, on the problems that both have.
    pub fn against(
        &self,
        control: &Self,
        metrics: &[Metric],
        bootstrap: &Bootstrap,
    ) -> Vec<Result<ComparisonRow, Refusal>> {
        let ids = |pooled: &Self| -> Vec<ProblemId> {
            let problems = pooled.runs[0].iter();
            problems.map(|tally| tally.problem.clone()).collect()
        };
        let (own, others) = (ids(self), ids(control));
        let [own, control] = [
            self.only(|id| others.binary_search(id).is_ok()),
            control.only(|id| own.binary_search(id).is_ok()),
        ];
        let strata = strata(&own.runs[0]);
        let compare = |metric: &Metric| {
            let (a, b) = (control.scores(*metric)?, own.scores(*metric)?);
            paired(&a, &b, &strata, bootstrap)
        };
        metrics.iter().map(compare).collect()
    }

    fn only(&self, is_wanted: impl Fn(&ProblemId) -> bool) -> Self {
        let of = |run: &Vec<ProblemTally>| {
            let run = run.iter().filter(|tally| is_wanted(&tally.problem));
            run.cloned().collect()
        };
        Self {
            runs: self.runs.iter().map(of).collect(),
            n_uncommon: self.n_uncommon,
        }
    }

    /// Shares of outcomes, the mean over the repetitions; counts are added up.
    pub fn outcome_shares(&self) -> Vec<OutcomeShares> {
        let by_run: Vec<Vec<OutcomeShares>> =
            self.runs.iter().map(|run| outcome_shares(run)).collect();
        let pool = |at: usize| {
            let each = || by_run.iter().map(|shares| &shares[at]);
            let sum = |count: fn(&OutcomeShares) -> u64| each().map(count).sum();
            let mut pooled = by_run[0][at].clone();
            for outcome in 0..Outcome::ALL.len() {
                pooled.shares[outcome] = mean(by_run.iter().map(|it| it[at].shares[outcome]));
                pooled.counts[outcome] = each().map(|it| it.counts[outcome]).sum();
            }
            pooled.n_unjudged = sum(|it| it.n_unjudged);
            pooled
        };
        (0..by_run[0].len()).map(pool).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, problem};

    const PASS_1: [Metric; 1] = [Metric::PassAtK(1)];

    fn bootstrap() -> Bootstrap {
        Bootstrap {
            n_resamples: 2000,
            ..Bootstrap::default()
        }
    }

    /// Problems with this share of passing candidates among ten.
    fn run(passed: &[usize]) -> Vec<ProblemTally> {
        let of = |(at, &n): (usize, &usize)| {
            let outcomes: Vec<_> = (0..10)
                .map(|i| if i < n { PASSED } else { FAILED })
                .collect();
            problem(&format!("p{at}"), &outcomes)
        };
        passed.iter().enumerate().map(of).collect()
    }

    #[test]
    fn seeds_are_averaged_before_problems_are_resampled() {
        // The repetitions differ wildly, their means over each problem do not at all.
        let pooled = Pooled::new(&[run(&[0, 10, 0, 10]), run(&[10, 0, 10, 0])]).unwrap();
        let estimate = pooled.estimates(&PASS_1, &bootstrap())[0].clone().unwrap();
        assert_eq!(estimate.mean, 0.5);
        let interval = estimate.interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.5, 0.5));
        let means: Vec<f64> = pooled.means(PASS_1[0]).into_iter().flatten().collect();
        assert_eq!(means, [0.5, 0.5]);
        assert_eq!(pooled.n_runs(), 2);
    }

    /// A gain that is the same on every problem has no spread, however much problems differ.
    #[test]
    fn differences_are_paired_by_problem() {
        let control = Pooled::new(&[run(&[0, 2, 5, 8]), run(&[0, 4, 5, 8])]).unwrap();
        let better = Pooled::new(&[run(&[1, 4, 6, 9])]).unwrap();
        let row = better.against(&control, &PASS_1, &bootstrap())[0]
            .clone()
            .unwrap();
        assert!((row.difference - 0.1).abs() < 1e-12, "{row:?}");
        let interval = row.interval.unwrap();
        assert!((interval.low - 0.1).abs() < 1e-12 && (interval.high - 0.1).abs() < 1e-12);
        assert_eq!((row.wins, row.losses, row.ties), (4, 0, 0));
        // Two problems that differ in opposite ways: -1, 0 and 1 with 1/4, 1/2, 1/4.
        let [a, b] = [[0, 10], [10, 0]].map(|it| Pooled::new(&[run(&it)]).unwrap());
        let row = b.against(&a, &PASS_1, &bootstrap())[0].clone().unwrap();
        let interval = row.interval.unwrap();
        assert_eq!(
            (row.difference, interval.low, interval.high),
            (0.0, -1.0, 1.0)
        );
    }

    #[test]
    fn only_common_problems_count() {
        let shorter = Pooled::new(&[run(&[10, 10]), run(&[10])]).unwrap();
        assert_eq!((shorter.n_problems(), shorter.n_uncommon), (1, 1));
        let row = Pooled::new(&[run(&[0, 0, 0])]).unwrap();
        let row = row.against(&shorter, &PASS_1, &bootstrap())[0]
            .clone()
            .unwrap();
        assert_eq!((row.difference, row.losses), (-1.0, 1));
        assert!(Pooled::new(&[]).is_none());
    }

    #[test]
    fn shares_of_outcomes_are_means_over_seeds() {
        let pooled = Pooled::new(&[run(&[10, 0]), run(&[0, 0])]).unwrap();
        let shares = pooled.outcome_shares();
        let all = shares.last().unwrap();
        let passed = Outcome::ALL
            .iter()
            .position(|it| *it == Outcome::PassedTests)
            .unwrap();
        assert_eq!((all.shares[passed], all.counts[passed]), (0.25, 10));
    }
}
