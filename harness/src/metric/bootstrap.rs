//! Confidence intervals by resampling problems.
//!
//! Problems are drawn with replacement, their candidates kept together: the interval says
//! how much a mean would move with other problems of the same kind. Draws are stratified by
//! difficulty, because a benchmark fixes how many problems of each level it has; unstratified
//! draws would add the variation of a mix that cannot vary.
//!
//! Known limits of the percentile method: with few problems intervals are too narrow, and
//! where every problem scores alike (all zero, say) the interval has no width.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How intervals are made. The same settings give the same intervals on any machine and
/// with any number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    pub seed: u64,
    /// Number of resamples, at least 1.
    pub n_resamples: u32,
    /// Share of resamples inside the interval, between 0 and 1.
    pub confidence: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            seed: 0,
            n_resamples: 10_000,
            confidence: 0.95,
        }
    }
}

impl Bootstrap {
    /// The seed of each resample.
    pub(super) fn seeds(&self) -> Vec<u64> {
        let mut seeds = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        (0..self.n_resamples).map(|_| seeds.next_u64()).collect()
    }
}

/// A closed range of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Values of several metrics on the same problems.
///
/// Metrics share their draws, so curves over k move together and cost little more than
/// one point.
pub(super) struct ValueTable {
    n_metrics: usize,
    /// Row by row; `(value, 1)`, or `(0, 0)` where a problem is left out.
    cells: Vec<(f64, f64)>,
    /// Rows of each stratum.
    strata: Vec<Vec<usize>>,
}

impl ValueTable {
    /// `columns` holds the values of a metric each, all over the same problems; `strata`
    /// the rows that are resampled among themselves.
    pub(super) fn new(columns: &[Vec<Option<f64>>], strata: Vec<Vec<usize>>) -> Self {
        let n_rows = columns.first().map_or(0, Vec::len);
        let cells = (0..n_rows)
            .flat_map(|row| columns.iter().map(move |column| column[row]))
            .map(|value| value.map_or((0.0, 0.0), |value| (value, 1.0)))
            .collect();
        Self {
            n_metrics: columns.len(),
            cells,
            strata,
        }
    }

    /// The interval of each metric's mean; `None` where fewer than two problems have a value.
    pub(super) fn intervals(&self, bootstrap: &Bootstrap) -> Vec<Option<Interval>> {
        let n_values = |metric: usize| {
            let column = self.cells.iter().skip(metric).step_by(self.n_metrics);
            column.filter(|cell| cell.1 > 0.0).count()
        };
        let seeds = bootstrap.seeds();
        let resamples: Vec<Vec<f64>> = seeds.par_iter().map(|&seed| self.resample(seed)).collect();
        (0..self.n_metrics)
            .map(|metric| {
                if n_values(metric) < 2 {
                    return None;
                }
                percentiles(resamples.iter().map(|means| means[metric]), bootstrap)
            })
            .collect()
    }

    /// Mean of each metric over one draw.
    fn resample(&self, seed: u64) -> Vec<f64> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut sums = vec![(0.0, 0.0); self.n_metrics];
        for rows in &self.strata {
            for _ in 0..rows.len() {
                let row = rows[below(rows.len(), random.next_u64())];
                let cells = &self.cells[row * self.n_metrics..][..self.n_metrics];
                for (sum, cell) in sums.iter_mut().zip(cells) {
                    sum.0 += cell.0;
                    sum.1 += cell.1;
                }
            }
        }
        sums.into_iter().map(|(sum, weight)| sum / weight).collect()
    }
}

/// Scores of two sides on the same problems, where each side has been run several times.
///
/// What is resampled are problems and, on each side, runs: another training with another seed
/// would have given other scores on all problems at once, which resampling problems alone
/// cannot know.
pub(super) struct RunTable {
    /// Scores by run and problem.
    sides: [Vec<Vec<f64>>; 2],
    strata: Vec<Vec<usize>>,
}

impl RunTable {
    /// Scores of A and of B by run, all over the same problems; `strata` as in [`ValueTable`].
    pub(super) fn new(sides: [Vec<Vec<f64>>; 2], strata: Vec<Vec<usize>>) -> Self {
        Self { sides, strata }
    }

    /// The interval of the mean of B less that of A; `None` with fewer than two problems.
    pub(super) fn interval(&self, bootstrap: &Bootstrap) -> Option<Interval> {
        let n_problems: usize = self.strata.iter().map(Vec::len).sum();
        if n_problems < 2 {
            return None;
        }
        let seeds = bootstrap.seeds();
        let resamples: Vec<f64> = seeds.par_iter().map(|&seed| self.resample(seed)).collect();
        percentiles(resamples.into_iter(), bootstrap)
    }

    fn resample(&self, seed: u64) -> f64 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let sides = self.sides.each_ref().map(|runs| {
            let drawn: Vec<&Vec<f64>> = runs
                .iter()
                .map(|_| &runs[below(runs.len(), random.next_u64())])
                .collect();
            drawn
        });
        let mut sums = [0.0; 2];
        let mut n_drawn = 0.0;
        for rows in &self.strata {
            for _ in 0..rows.len() {
                let row = rows[below(rows.len(), random.next_u64())];
                n_drawn += 1.0;
                for (sum, runs) in sums.iter_mut().zip(&sides) {
                    *sum += runs.iter().map(|run| run[row]).sum::<f64>();
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of runs")]
        let mean = |side: usize| sums[side] / (n_drawn * sides[side].len() as f64);
        mean(1) - mean(0)
    }
}

/// The range that holds the middle part of the means; a resample made only of left-out
/// problems has no mean.
fn percentiles(means: impl Iterator<Item = f64>, bootstrap: &Bootstrap) -> Option<Interval> {
    let mut means: Vec<f64> = means.filter(|mean| mean.is_finite()).collect();
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - bootstrap.confidence) / 2.0;
    Some(Interval {
        low: quantile(&means, tail)?,
        high: quantile(&means, 1.0 - tail)?,
    })
}

/// A number in `0..n` from 64 random bits; for n up to 2^32 the bias is below 2^-32.
fn below(n: usize, bits: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "smaller than n")]
    let index = ((u128::from(bits) * n as u128) >> 64) as usize;
    index
}

/// Linear interpolation between order statistics, as numpy's default.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 resamples")]
    let position = q.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = position as usize;
    let above = (below + 1).min(last);
    let part = position.fract();
    Some(sorted[below] * (1.0 - part) + sorted[above] * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(values: &[f64], bootstrap: &Bootstrap) -> Option<Interval> {
        let column = values.iter().copied().map(Some).collect();
        let strata = vec![(0..values.len()).collect()];
        ValueTable::new(&[column], strata).intervals(bootstrap)[0]
    }

    #[test]
    fn runs_are_resampled_too() {
        let settings = Bootstrap::default();
        let strata = || vec![(0..10).collect::<Vec<usize>>()];
        // One run on each side and the same difference everywhere: nothing varies.
        let flat = |value: f64| vec![value; 10];
        let table = RunTable::new([vec![flat(0.25)], vec![flat(0.75)]], strata());
        let none = table.interval(&settings).unwrap();
        assert!((none.low - 0.5).abs() < 1e-12 && (none.high - 0.5).abs() < 1e-12);
        // Two runs of B, 0.4 apart on every problem: the mean of two draws is low, middle or high
        // with probability 1/4, 1/2, 1/4, so the middle 95 % reach from the lowest to the highest.
        let table = RunTable::new([vec![flat(0.25)], vec![flat(0.55), flat(0.95)]], strata());
        let both = table.interval(&settings).unwrap();
        assert!((both.low - 0.3).abs() < 1e-12 && (both.high - 0.7).abs() < 1e-12);
        let middle = Bootstrap {
            confidence: 0.4,
            ..settings
        };
        let middle = table.interval(&middle).unwrap();
        assert!((middle.low - 0.5).abs() < 1e-12 && (middle.high - 0.5).abs() < 1e-12);
    }

    #[test]
    fn same_result_with_any_number_of_threads() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i % 7) / 7.0).collect();
        let bootstrap = Bootstrap {
            n_resamples: 500,
            ..Bootstrap::default()
        };
        let with_threads = |n| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .unwrap()
                .install(|| interval(&values, &bootstrap).unwrap())
        };
        let one = with_threads(1);
        assert_eq!(one, with_threads(3));
        let other_seed = Bootstrap {
            seed: 1,
            ..bootstrap
        };
        assert_ne!(Some(one), interval(&values, &other_seed));
    }

    /// Guards the promise that a seed means the same for good: a change of generator or of
    /// the order of draws shows here.
    #[test]
    fn same_result_as_ever() {
        let values = [0.0, 0.11, 0.23, 0.57, 1.0];
        let bootstrap = Bootstrap {
            seed: 7,
            n_resamples: 200,
            confidence: 0.9,
        };
        assert_eq!(
            interval(&values, &bootstrap),
            Some(Interval {
                low: 0.1359,
                high: 0.6503
            })
        );
    }

    #[test]
    fn covers_as_much_as_the_normal_approximation_says() {
        // 400 problems, a quarter solved: standard error sqrt(p(1-p)/400) = 0.02165.
        let values: Vec<f64> = (0..400).map(|i| f64::from(u8::from(i % 4 == 0))).collect();
        let Interval { low, high } = interval(&values, &Bootstrap::default()).unwrap();
        assert!((low - (0.25 - 1.96 * 0.02165)).abs() < 0.004, "{low}");
        assert!((high - (0.25 + 1.96 * 0.02165)).abs() < 0.004, "{high}");
    }

    #[test]
    fn strata_keep_their_sizes() {
        // Within a stratum all problems score alike, so nothing is left to vary.
        let column = vec![Some(0.0), Some(0.0), Some(1.0), Some(1.0)];
        let strata = vec![vec![0, 1], vec![2, 3]];
        let Interval { low, high } =
            ValueTable::new(&[column], strata).intervals(&Bootstrap::default())[0].unwrap();
        assert_eq!((low, high), (0.5, 0.5));
    }

    #[test]
    fn left_out_problems_have_no_weight() {
        let with_gap = vec![Some(0.5), None, Some(0.5), None];
        let too_few = vec![None, None, None, Some(1.0)];
        let strata = vec![vec![0, 1, 2, 3]];
        let intervals =
            ValueTable::new(&[with_gap, too_few], strata).intervals(&Bootstrap::default());
        assert_eq!(
            intervals,
            [
                Some(Interval {
                    low: 0.5,
                    high: 0.5
                }),
                None
            ]
        );
    }
}
