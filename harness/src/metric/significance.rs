//! Tests of "no difference" between two sides on the same problems.
//!
//! All are exact where that can be computed, and need no assumption on how scores are
//! distributed:
//! - McNemar's test asks whether problems are gained as often as they are lost;
//! - the sign test asks whether one side scores higher as often as the other;
//! - the permutation test asks how often a difference this large comes about if on each
//!   problem it is up to a coin which side is which.
//!
//! Each p-value is two-sided. Several of them are no longer what they seem: [`holm`] adjusts.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metric::bootstrap::Bootstrap;

/// Up to this many problems that differ, all 2^n assignments of signs are enumerated.
const MOST_ENUMERATED: usize = 18;
/// Sums of differences closer than this part of the largest sum are the same: rounding alone.
const SAME: f64 = 1e-9;

/// Chance that of `n` tosses of a fair coin the rarer side comes up `fewer` times or less,
/// either way round.
///
/// # Panics
/// When `fewer` is more than half of `n`.
pub fn fair_coin_p_value(fewer: usize, n: usize) -> f64 {
    assert!(2 * fewer <= n, "{fewer} is the larger part of {n}");
    // Beginning with the largest term keeps all others from underflowing to nothing.
    let mut term = log_binomial(n, fewer).exp2();
    let mut tail = 0.0;
    for k in (0..=fewer).rev() {
        tail += term;
        term *= as_f64(k) / as_f64(n - k + 1);
    }
    (2.0 * tail).min(1.0)
}

/// log2 of C(n, k) / 2^n.
fn log_binomial(n: usize, k: usize) -> f64 {
    let factors = (1..=k).map(|i| as_f64(n - k + i).log2() - as_f64(i).log2());
    factors.sum::<f64>() - as_f64(n)
}

/// Problems solved by both sides, by one, by none, and how likely so uneven a split of those
/// that only one solves is (McNemar 1947, by the exact binomial distribution).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    pub both: usize,
    pub only_a: usize,
    pub only_b: usize,
    pub neither: usize,
    pub p_value: f64,
}

impl McNemar {
    /// Of what A and B solved, problem by problem.
    pub fn of(solved: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = [[0; 2]; 2];
        for (a, b) in solved {
            counts[usize::from(a)][usize::from(b)] += 1;
        }
        let [[neither, only_b], [only_a, both]] = counts;
        Self {
            both,
            only_a,
            only_b,
            neither,
            p_value: fair_coin_p_value(only_a.min(only_b), only_a + only_b),
        }
    }
}

/// How likely so uneven a split into wins and losses is; ties say nothing.
pub fn sign_test(wins: usize, losses: usize) -> f64 {
    fair_coin_p_value(wins.min(losses), wins + losses)
}

/// Result of the permutation test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Permutation {
    pub p_value: f64,
    /// Signs drawn at random; `None` when all assignments were enumerated. With draws the
    /// smallest possible value is `1 / (n + 1)`.
    pub n_drawn: Option<u32>,
}

/// Share of the assignments of signs to `differences` under which their mean is at least as
/// far from zero as it is.
///
/// Draws come from the settings of the bootstrap: their number and seed.
pub fn permutation_test(differences: &[f64], settings: &Bootstrap) -> Permutation {
    let moving: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let largest: f64 = moving.iter().map(|d| d.abs()).sum();
    let observed = moving.iter().sum::<f64>().abs() - SAME * largest;
    let Some((first, rest)) = moving.split_first() else {
        return Permutation {
            p_value: 1.0,
            n_drawn: None,
        };
    };
    if moving.len() <= MOST_ENUMERATED {
        // Turning all signs round changes nothing, so the first one may keep its own.
        let n = 1_usize << rest.len();
        let sum = |signs: usize| {
            let signed = rest.iter().enumerate();
            signed.fold(*first, |sum, (i, d)| {
                if signs >> i & 1 == 1 {
                    sum - d
                } else {
                    sum + d
                }
            })
        };
        let n_as_far = (0..n).filter(|&signs| sum(signs).abs() >= observed).count();
        return Permutation {
            p_value: as_f64(n_as_far) / as_f64(n),
            n_drawn: None,
        };
    }
    let n_as_far = settings
        .seeds()
        .into_par_iter()
        .filter(|&seed| random_sum(&moving, seed).abs() >= observed)
        .count();
    Permutation {
        p_value: as_f64(n_as_far + 1) / (f64::from(settings.n_resamples) + 1.0),
        n_drawn: Some(settings.n_resamples),
    }
}

/// The sum with signs that are up to `seed`.
fn random_sum(differences: &[f64], seed: u64) -> f64 {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let signed = |chunk: &[f64], bits: u64| -> f64 {
        let signed = chunk.iter().enumerate();
        signed
            .map(|(i, d)| if bits >> i & 1 == 1 { -d } else { *d })
            .sum()
    };
    differences
        .chunks(64)
        .map(|chunk| signed(chunk, random.next_u64()))
        .sum()
}

/// p-values of a family of tests adjusted so that the chance of one or more false alarms stays
/// below any level to which they are held (Holm 1979), in the same order.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        let factor = as_f64(p_values.len() - rank);
        largest = largest.max((factor * p_values[i]).min(1.0));
        adjusted[i] = largest;
    }
    adjusted
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of problems and of draws"
)]
fn as_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(actual: f64, expected: f64) {
        let error = (actual - expected).abs();
        assert!(
            error <= 1e-12 * expected.max(1e-12),
            "{actual} != {expected}"
        );
    }

    #[test]
    fn tails_of_the_binomial_by_hand() {
        let check = |fewer, n, expected| close(fair_coin_p_value(fewer, n), expected);
        check(0, 0, 1.0);
        check(0, 1, 1.0);
        check(0, 5, 2.0 / 32.0);
        check(1, 10, 2.0 * (1.0 + 10.0) / 1024.0);
        check(3, 12, 2.0 * (1.0 + 12.0 + 66.0 + 220.0) / 4096.0);
        check(6, 12, 1.0);
        // Underflows unless the largest term is the first: C(2000, 900) / 2^2000 is about 1e-6.
        // Expected: exact fractions of whole numbers, in Python.
        let p = fair_coin_p_value(900, 2000);
        assert!((p - 8.457_089_535_503_927e-6).abs() < 1e-15, "{p:e}");
        assert!(fair_coin_p_value(0, 5000) == 0.0, "smaller than any double");
    }

    #[test]
    fn mcnemar_counts_and_tests_the_discordant_pairs() {
        let mut solved = vec![(true, true); 40];
        solved.extend([(true, false); 2]);
        solved.extend([(false, true); 9]);
        solved.extend([(false, false); 7]);
        let test = McNemar::of(solved);
        assert_eq!(
            (test.both, test.only_a, test.only_b, test.neither),
            (40, 2, 9, 7)
        );
        close(test.p_value, 2.0 * (1.0 + 11.0 + 55.0) / 2048.0);
        close(sign_test(9, 2), test.p_value);
        close(McNemar::of([(true, true)]).p_value, 1.0);
    }

    fn exact(differences: &[f64]) -> f64 {
        let test = permutation_test(differences, &Bootstrap::default());
        assert_eq!(test.n_drawn, None);
        test.p_value
    }

    #[test]
    fn permutations_of_equal_differences_are_the_sign_test() {
        // Five differences of one size: only all alike are as far, two of 32 assignments.
        close(exact(&[0.5; 5]), 2.0 / 32.0);
        close(exact(&[0.5, -0.5, 0.0, 0.0]), 1.0);
        close(exact(&[0.0; 4]), 1.0);
        let mut eleven = vec![0.2; 9];
        eleven.extend([-0.2, -0.2]);
        close(exact(&eleven), sign_test(9, 2));
    }

    #[test]
    fn drawn_signs_come_near_the_exact_value() {
        // 14 wins and 6 losses of one size, too many to enumerate: the sign test is exact.
        let mut differences = vec![0.1; 14];
        differences.extend([-0.1; 6]);
        let settings = Bootstrap {
            n_resamples: 40_000,
            ..Bootstrap::default()
        };
        let test = permutation_test(&differences, &settings);
        assert_eq!(test.n_drawn, Some(40_000));
        let expected = sign_test(14, 6);
        let deviation = (expected * (1.0 - expected) / 40_000.0).sqrt();
        assert!(
            (test.p_value - expected).abs() < 4.0 * deviation,
            "{} against {expected}",
            test.p_value
        );
        assert_eq!(permutation_test(&differences, &settings), test);
        // No draw is as far as sixty wins: the value says how many were drawn, and no more.
        close(
            permutation_test(&[0.1; 60], &settings).p_value,
            1.0 / 40_001.0,
        );
    }

    #[test]
    fn holm_by_hand() {
        let adjusted = holm(&[0.04, 0.01, 0.03, 0.8]);
        for (actual, expected) in adjusted.into_iter().zip([0.09, 0.04, 0.09, 0.8]) {
            close(actual, expected);
        }
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    proptest! {
        /// By recursion over the problems instead of over the bits of a number.
        #[test]
        fn enumeration_is_complete(differences in prop::collection::vec(-4_i32..=4, 1..9)) {
            fn sums(differences: &[i32]) -> Vec<i32> {
                let Some((first, rest)) = differences.split_first() else {
                    return vec![0];
                };
                sums(rest).into_iter().flat_map(|sum| [sum + first, sum - first]).collect()
            }
            let observed = differences.iter().sum::<i32>().abs();
            let all = sums(&differences);
            let as_far = all.iter().filter(|sum| sum.abs() >= observed).count();
            let fractions: Vec<f64> = differences.iter().map(|d| f64::from(*d) / 10.0).collect();
            prop_assert!((exact(&fractions) - as_f64(as_far) / as_f64(all.len())).abs() < 1e-12);
        }
    }
}
