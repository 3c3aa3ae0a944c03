//! Means over groups of problems: by difficulty and overall.
//!
//! Every problem weighs the same. On the APPS test split "all" is therefore
//! `(1000 · introductory + 3000 · interview + 1000 · competition) / 5000`, the weighting
//! with which CodeRL's tables agree, and not the mean of the three levels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::metric::accuracy::{strict_accuracy_scores, test_case_average_scores};
use crate::metric::bootstrap::{Bootstrap, Interval, ValueTable};
use crate::metric::n_at_k::{NAtK, n_at_k_scores};
use crate::metric::pass_at_k::pass_at_k_scores;
use crate::metric::score::{Refusal, Score, UnjudgedPolicy};
use crate::metric::tally::ProblemTally;
use crate::problem::Difficulty;

/// A number that a set of problems can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    PassAtK(u32),
    NAtK(NAtK),
    StrictAccuracy,
    TestCaseAverage,
}

impl Metric {
    /// The value for each problem, in the order of `tallies`.
    ///
    /// # Errors
    /// When the records cannot support the metric.
    pub fn scores(&self, tallies: &[ProblemTally]) -> Result<Vec<Score>, Refusal> {
        match *self {
            Self::PassAtK(k) => pass_at_k_scores(tallies, k),
            Self::NAtK(spec) => n_at_k_scores(tallies, spec),
            Self::StrictAccuracy => strict_accuracy_scores(tallies),
            Self::TestCaseAverage => test_case_average_scores(tallies),
        }
    }

    /// Judged candidates without which a problem is left out of the mean.
    pub(super) fn n_needed(&self) -> u32 {
        match *self {
            Self::PassAtK(k) | Self::NAtK(NAtK { k, .. }) => k,
            Self::StrictAccuracy | Self::TestCaseAverage => 1,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PassAtK(k) => f.pad(&format!("pass@{k}")),
            Self::NAtK(spec) => spec.fmt(f),
            Self::StrictAccuracy => f.pad("strict accuracy"),
            Self::TestCaseAverage => f.pad("test-case average"),
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let metric = match text {
            "strict-accuracy" => Some(Self::StrictAccuracy),
            "test-case-average" => Some(Self::TestCaseAverage),
            _ => match text.strip_prefix("pass@") {
                Some(k) => k.parse().ok().filter(|k| *k > 0).map(Self::PassAtK),
                None => text.parse().ok().map(Self::NAtK),
            },
        };
        metric.ok_or_else(|| {
            format!(
                "`{text}` is no metric; there are `pass@K`, `N@K`, `strict-accuracy` and \
                 `test-case-average`"
            )
        })
    }
}

/// Which problems a row of a table is about. Orders as tables do: levels, rest, all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Difficulty(Difficulty),
    /// Problems without a difficulty, where others have one.
    Unrated,
    All,
}

impl Group {
    /// The groups that exist among these problems. A dataset without difficulties has
    /// [`Group::All`] alone.
    pub fn of(tallies: &[ProblemTally]) -> Vec<Self> {
        let has = |group: Self| tallies.iter().any(|tally| group.contains(tally));
        let rated = Difficulty::ALL.map(Self::Difficulty).into_iter();
        let mut groups: Vec<Self> = rated.filter(|&group| has(group)).collect();
        if !groups.is_empty() && has(Self::Unrated) {
            groups.push(Self::Unrated);
        }
        groups.push(Self::All);
        groups
    }

    pub fn contains(self, tally: &ProblemTally) -> bool {
        match self {
            Self::Difficulty(difficulty) => tally.difficulty == Some(difficulty),
            Self::Unrated => tally.difficulty.is_none(),
            Self::All => true,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Difficulty(difficulty) => difficulty.name(),
            Self::Unrated => "unrated",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A metric's mean over a group of problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean over the problems that have a value: all, or where unjudged candidates are
    /// excluded those that have enough others.
    pub mean: f64,
    /// Confidence interval; `None` where a single problem counts, or when none was asked for.
    pub interval: Option<Interval>,
    /// Range of the mean over *all* problems of the group, from all unjudged candidates
    /// failing to all passing; `None` when all were judged. `mean` is the lower end, or where
    /// unjudged candidates are excluded anything: the problems left out may be easier or
    /// harder than the rest.
    pub bounds: Option<Interval>,
    /// Problems that `mean` is over.
    pub n_problems: usize,
    /// Problems left out for want of judged candidates.
    pub n_left_out: usize,
}

impl Estimate {
    pub(super) fn of(metric: Metric, scores: &[Score]) -> Result<Self, Refusal> {
        if scores.is_empty() {
            return Err(Refusal::NoProblems);
        }
        let values: Vec<f64> = scores.iter().filter_map(|score| score.value).collect();
        if values.is_empty() {
            return Err(Refusal::NothingJudged {
                needed: metric.n_needed(),
            });
        }
        let bounds = scores
            .iter()
            .any(|s| s.value.is_none() || s.lower < s.upper)
            .then(|| Interval {
                low: mean(scores.iter().map(|score| score.lower)),
                high: mean(scores.iter().map(|score| score.upper)),
            });
        Ok(Self {
            mean: mean(values.iter().copied()),
            interval: None,
            bounds,
            n_problems: values.len(),
            n_left_out: scores.len() - values.len(),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of problems")]
pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// Metrics of one group of problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    pub group: Group,
    pub n_problems: usize,
    /// Recorded candidates, judged or not.
    pub n_candidates: u64,
    pub n_unjudged: u64,
    /// Fewest and most recorded candidates of a problem.
    pub candidates_per_problem: (u32, u32),
    /// In the order of [`Aggregate::metrics`].
    pub values: Vec<Result<Estimate, Refusal>>,
}

/// Metrics by group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    pub metrics: Vec<Metric>,
    /// In the order of [`Group::of`]; the last one is [`Group::All`].
    pub rows: Vec<GroupRow>,
    pub bootstrap: Bootstrap,
    /// What unjudged candidates count as in all of it.
    pub unjudged: UnjudgedPolicy,
}

impl Aggregate {
    pub fn row(&self, group: Group) -> Option<&GroupRow> {
        self.rows.iter().find(|row| row.group == group)
    }
}

/// Computes metrics by difficulty and overall.
pub fn aggregate(tallies: &[ProblemTally], metrics: &[Metric], bootstrap: &Bootstrap) -> Aggregate {
    let row = |group: Group| {
        let members: Vec<ProblemTally> = tallies
            .iter()
            .filter(|t| group.contains(t))
            .cloned()
            .collect();
        GroupRow {
            group,
            n_problems: members.len(),
            n_candidates: members.iter().map(|t| u64::from(t.n_recorded())).sum(),
            n_unjudged: members.iter().map(|t| u64::from(t.n_unjudged())).sum(),
            candidates_per_problem: (
                members
                    .iter()
                    .map(ProblemTally::n_recorded)
                    .min()
                    .unwrap_or(0),
                members
                    .iter()
                    .map(ProblemTally::n_recorded)
                    .max()
                    .unwrap_or(0),
            ),
            values: estimates(&members, metrics, bootstrap),
        }
    };
    Aggregate {
        metrics: metrics.to_vec(),
        rows: Group::of(tallies).into_iter().map(row).collect(),
        bootstrap: *bootstrap,
        unjudged: tallies
            .first()
            .map_or_else(UnjudgedPolicy::default, |tally| tally.unjudged),
    }
}

fn estimates(
    members: &[ProblemTally],
    metrics: &[Metric],
    bootstrap: &Bootstrap,
) -> Vec<Result<Estimate, Refusal>> {
    let scores: Vec<Result<Vec<Score>, Refusal>> = metrics
        .iter()
        .map(|metric| metric.scores(members))
        .collect();
    let mut estimates: Vec<Result<Estimate, Refusal>> = metrics
        .iter()
        .zip(&scores)
        .map(|(metric, scores)| Estimate::of(*metric, scores.as_ref().map_err(Clone::clone)?))
        .collect();

    let columns: Vec<Vec<Option<f64>>> = scores
        .iter()
        .flatten()
        .map(|scores| scores.iter().map(|score| score.value).collect())
        .collect();
    let mut intervals = ValueTable::new(&columns, strata(members))
        .intervals(bootstrap)
        .into_iter();
    for (estimate, scores) in estimates.iter_mut().zip(&scores) {
        // One column for each metric that has scores, also where no problem has a value.
        let interval = scores
            .as_ref()
            .ok()
            .and_then(|_| intervals.next())
            .flatten();
        if let Ok(estimate) = estimate {
            estimate.interval = interval;
        }
    }
    estimates
}

/// Rows by difficulty, in a fixed order.
pub(super) fn strata(tallies: &[ProblemTally]) -> Vec<Vec<usize>> {
    let rows = |difficulty: Option<Difficulty>| {
        let rows = tallies.iter().enumerate();
        rows.filter(move |(_, tally)| tally.difficulty == difficulty)
            .map(|(row, _)| row)
            .collect::<Vec<usize>>()
    };
    Difficulty::ALL
        .into_iter()
        .map(Some)
        .chain([None])
        .map(rows)
        .filter(|rows| !rows.is_empty())
        .collect()
}

/// Values of k for a curve: each one up to 20, then about eight a decade, up to the number
/// of candidates that every problem has.
pub fn curve_ks(tallies: &[ProblemTally]) -> Vec<u32> {
    let most = tallies
        .iter()
        .map(ProblemTally::n_recorded)
        .min()
        .unwrap_or(0);
    let steps = [10_u32, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100];
    let mut ks: Vec<u32> = (1..=most.min(20)).collect();
    let mut scale = 1_u32;
    while scale <= most {
        ks.extend(
            steps
                .iter()
                .filter_map(|step| step.checked_mul(scale))
                .filter(|&k| k > 20 && k < most),
        );
        let Some(next) = scale.checked_mul(10) else {
            break;
        };
        scale = next;
    }
    ks.extend((most > 0).then_some(most));
    ks.sort_unstable();
    ks.dedup();
    ks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem, problem_at};
    use crate::metric::pass_at_k::pass_at_k;
    use Difficulty::{Competition, Interview, Introductory};

    fn quick() -> Bootstrap {
        Bootstrap {
            n_resamples: 50,
            ..Bootstrap::default()
        }
    }

    fn mean_of(aggregate: &Aggregate, group: Group) -> f64 {
        aggregate.row(group).unwrap().values[0]
            .as_ref()
            .unwrap()
            .mean
    }

    /// Rows of Table 1a that were counted on one set of outputs a problem, so that each cell
    /// is a whole number of problems: problems solved of 1000, 3000 and 1000, and the four
    /// printed percentages.
    #[test]
    fn overall_is_weighted_as_in_the_paper() {
        let check = |solved: [usize; 3], printed: [f64; 4]| {
            let mut tallies = Vec::new();
            for ((difficulty, solved), size) in Difficulty::ALL
                .into_iter()
                .zip(solved)
                .zip([1000, 3000, 1000])
            {
                tallies.extend((0..size).map(|i| {
                    let outcome = if i < solved { PASSED } else { FAILED };
                    problem_at(difficulty, &format!("{difficulty}/{i}"), &[outcome])
                }));
            }
            let aggregate = aggregate(&tallies, &[Metric::PassAtK(1)], &quick());
            let groups = [
                Group::Difficulty(Introductory),
                Group::Difficulty(Interview),
                Group::Difficulty(Competition),
                Group::All,
            ];
            for (group, printed) in groups.into_iter().zip(printed) {
                let ours = format!("{:.2}", 100.0 * mean_of(&aggregate, group));
                assert_eq!(ours, format!("{printed:.2}"), "{group} of {solved:?}");
            }
        };
        check([56, 30, 5], [5.60, 1.00, 0.50, 1.82]); // GPT-J, pass@1
        check([39, 17, 0], [3.90, 0.57, 0.00, 1.12]); // GPT-Neo, pass@1
        check([92, 52, 10], [9.20, 1.73, 1.00, 3.08]); // GPT-J, pass@5
        check([250, 278, 88], [25.00, 9.27, 8.80, 12.32]); // GPT2 1.5B, pass@1000
        check([400, 470, 179], [40.00, 15.67, 17.90, 20.98]); // CodeRL, pass@1000
    }

    /// The rest of Table 1 comes from estimators, so only the weighting can be checked.
    #[test]
    fn weights_agree_with_the_other_rows_of_table_1() {
        let check = |[intro, interview, competition, all]: [f64; 4]| {
            let ours = (1000.0 * intro + 3000.0 * interview + 1000.0 * competition) / 5000.0;
            assert!((ours - all).abs() < 0.0101, "{ours} against {all}");
        };
        check([4.14, 0.14, 0.02, 0.92]); // Codex pass@1
        check([7.08, 1.86, 0.75, 2.69]); // CodeRL pass@1
        check([16.37, 4.95, 2.84, 6.81]); // CodeRL pass@5
        check([17.17, 6.78, 4.88, 8.48]); // CodeRL 1@1000
        check([25.61, 9.53, 8.91, 12.62]); // CodeRL 5@1000
    }

    #[test]
    fn left_out_is_counted_and_bounded() {
        let tallies = [
            problem("a", &[PASSED, FAILED]),
            problem("b", &[FAILED, UNJUDGED]),
            problem("c", &[UNJUDGED, UNJUDGED]),
        ];
        let metrics = [Metric::PassAtK(1), Metric::PassAtK(2), Metric::PassAtK(3)];
        let aggregate = aggregate(&tallies, &metrics, &quick());
        assert_eq!(aggregate.rows.len(), 1, "no difficulties, no levels");
        let row = aggregate.row(Group::All).unwrap();
        assert_eq!(
            (row.n_problems, row.n_candidates, row.n_unjudged),
            (3, 6, 3)
        );

        let one = row.values[0].as_ref().unwrap();
        assert_eq!((one.n_problems, one.n_left_out), (2, 1));
        assert_eq!(one.mean, 0.25);
        let bounds = one.bounds.unwrap();
        assert!((bounds.low - 0.5 / 3.0).abs() < 1e-12);
        assert!((bounds.high - (0.5 + 0.5 + 1.0) / 3.0).abs() < 1e-12);

        let two = row.values[1].as_ref().unwrap();
        assert_eq!((two.mean, two.n_problems, two.n_left_out), (1.0, 1, 2));
        assert_eq!(two.interval, None, "one problem has no spread");

        assert!(matches!(
            row.values[2],
            Err(Refusal::TooFewCandidates { n_problems: 3, .. })
        ));
    }

    /// A program that cannot pass gains nothing by asking for what the guest lacks.
    #[test]
    fn becoming_unjudged_does_not_raise_a_value() {
        let honest = problem("p", &[PASSED, FAILED, FAILED, FAILED]);
        let evasive = problem("p", &[PASSED, UNJUDGED, UNJUDGED, FAILED]);
        let value = |tally: &ProblemTally, unjudged: UnjudgedPolicy, metric: Metric| {
            let tally = ProblemTally {
                unjudged,
                ..tally.clone()
            };
            let aggregate = aggregate(&[tally], &[metric], &quick());
            assert_eq!(aggregate.unjudged, unjudged);
            *aggregate.rows[0].values[0].as_ref().unwrap()
        };
        for metric in [Metric::PassAtK(1), Metric::PassAtK(2)] {
            let fair = value(&honest, UnjudgedPolicy::Failed, metric);
            let failed = value(&evasive, UnjudgedPolicy::Failed, metric);
            let excluded = value(&evasive, UnjudgedPolicy::Excluded, metric);
            assert_eq!(failed.mean, fair.mean, "{metric}");
            assert_eq!(failed.n_left_out, 0, "{metric}");
            assert_eq!(failed.bounds.unwrap().low, fair.mean, "{metric}");
            assert!(excluded.mean > fair.mean, "{metric}: what it is all about");
            assert_eq!(excluded.bounds, failed.bounds, "{metric}");
        }
    }

    #[test]
    fn a_refusal_stays_in_its_groups() {
        let tallies = [
            problem_at(Introductory, "a", &[PASSED, FAILED]),
            problem_at(Competition, "b", &[PASSED]),
            problem("c", &[FAILED, FAILED]),
        ];
        let aggregate = aggregate(&tallies, &[Metric::PassAtK(2)], &quick());
        let known: Vec<(&str, bool)> = aggregate
            .rows
            .iter()
            .map(|row| (row.group.name(), row.values[0].is_ok()))
            .collect();
        assert_eq!(
            known,
            [
                ("introductory", true),
                ("competition", false),
                ("unrated", true),
                ("all", false)
            ]
        );
    }

    #[test]
    fn intervals_belong_to_their_metrics() {
        let tallies: Vec<ProblemTally> = (0..40)
            .map(|i| {
                let first = if i % 4 == 0 { PASSED } else { FAILED };
                problem(&format!("p{i}"), &[first, FAILED])
            })
            .collect();
        // The refused one in the middle must not shift the others.
        let metrics = [Metric::PassAtK(1), Metric::PassAtK(9), Metric::PassAtK(2)];
        let aggregate = aggregate(&tallies, &metrics, &Bootstrap::default());
        let values = &aggregate.rows[0].values;
        assert!(values[1].is_err());
        for (value, k) in [(&values[0], 1), (&values[2], 2)] {
            let estimate = value.as_ref().unwrap();
            let interval = estimate.interval.unwrap();
            assert!((estimate.mean - pass_at_k(2, 1, k) / 4.0).abs() < 1e-12);
            assert!(interval.low < estimate.mean && estimate.mean < interval.high);
        }
    }

    #[test]
    fn nothing_to_average_is_refused() {
        let one_metric = |tallies: &[ProblemTally]| {
            aggregate(tallies, &[Metric::PassAtK(1)], &quick()).rows[0].values[0].clone()
        };
        assert_eq!(one_metric(&[]), Err(Refusal::NoProblems));
        assert_eq!(
            one_metric(&[problem("a", &[UNJUDGED])]),
            Err(Refusal::NothingJudged { needed: 1 })
        );
    }

    #[test]
    fn curves_reach_as_far_as_every_problem_does() {
        let with = |n: usize| {
            curve_ks(&[
                problem("a", &vec![FAILED; n]),
                problem("b", &[FAILED; 1200]),
            ])
        };
        assert_eq!(with(0), [0; 0]);
        assert_eq!(with(1), [1]);
        assert_eq!(with(7), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(with(35)[18..], [19, 20, 25, 30, 35]);
        assert_eq!(with(1000).last(), Some(&1000));
        assert_eq!(with(1000).len(), 37);
    }
}
