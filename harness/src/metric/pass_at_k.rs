//! pass@k: the chance that at least one of k candidates passes.
//!
//! The unbiased estimator of Chen et al. (2021), which CodeRL uses as well: with n judged
//! candidates of which c passed, `1 - C(n-c, k) / C(n, k)`, the chance that k candidates
//! drawn without replacement include a passing one.
//!
//! n counts recorded candidates, of which the unjudged ones failed, or judged candidates
//! alone: [`UnjudgedPolicy`] says which. A problem with fewer than k recorded candidates
//! refuses the metric for the whole set; one that has k but too few of them judged is left
//! out of the mean where unjudged ones are excluded, and shows in the bounds.
//!
//! [`UnjudgedPolicy`]: crate::metric::UnjudgedPolicy

use crate::metric::score::{Refusal, Score};
use crate::metric::tally::ProblemTally;

/// Chance that k of n candidates, c of which passed, include a passing one.
///
/// Summed over the draw at which the first passing candidate appears. All terms are
/// positive, so nothing cancels: pass@1 is exactly c/n, and small chances keep their digits.
///
/// # Panics
/// Unless `c <= n` and `1 <= k <= n`.
pub fn pass_at_k(n: u32, c: u32, k: u32) -> f64 {
    assert!(c <= n && 1 <= k && k <= n, "pass@{k} of {c} in {n}");
    let (n, c) = (f64::from(n), f64::from(c));
    let mut none_so_far = 1.0;
    let mut chance = 0.0;
    for drawn in (0..k).map(f64::from) {
        let left = n - drawn;
        chance += none_so_far * (c / left);
        none_so_far *= (left - c) / left;
        // Exactly zero once more were drawn than there are failing candidates.
        if none_so_far <= 0.0 {
            return 1.0;
        }
    }
    chance.min(1.0)
}

/// pass@k of each problem.
///
/// # Errors
/// Refused when `k` is 0 or when a problem has fewer than `k` recorded candidates.
pub fn pass_at_k_scores(tallies: &[ProblemTally], k: u32) -> Result<Vec<Score>, Refusal> {
    if k == 0 {
        return Err(Refusal::ZeroK);
    }
    require_recorded(tallies, k)?;
    let score = |tally: &ProblemTally| {
        let (n, judged, passed) = (tally.n_recorded(), tally.n_judged(), tally.n_passed());
        Score::new(
            tally.unjudged,
            (judged >= k).then(|| pass_at_k(judged, passed, k)),
            pass_at_k(n, passed, k),
            pass_at_k(n, passed + tally.n_unjudged(), k),
        )
    };
    Ok(tallies.iter().map(score).collect())
}

/// Refuses unless every problem has `needed` recorded candidates.
pub(super) fn require_recorded(tallies: &[ProblemTally], needed: u32) -> Result<(), Refusal> {
    let too_few = || tallies.iter().filter(|t| t.n_recorded() < needed);
    match too_few().min_by_key(|t| t.n_recorded()) {
        None => Ok(()),
        Some(worst) => Err(Refusal::TooFewCandidates {
            problem: worst.problem.clone(),
            n_recorded: worst.n_recorded(),
            needed,
            n_problems: too_few().count(),
            n_total: tallies.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem};
    use crate::problem::ProblemId;

    /// Share of all k-subsets of n candidates, the first c of which pass, with a pass in it.
    fn by_enumeration(n: u32, c: u32, k: u32) -> f64 {
        let subsets = || (0..1u32 << n).filter(|set| set.count_ones() == k);
        let passing = subsets().filter(|set| set & ((1 << c) - 1) != 0).count();
        passing as f64 / subsets().count() as f64
    }

    #[test]
    fn equals_enumeration() {
        for n in 1..=10 {
            for c in 0..=n {
                for k in 1..=n {
                    let (ours, expected) = (pass_at_k(n, c, k), by_enumeration(n, c, k));
                    assert!(
                        (ours - expected).abs() < 1e-12,
                        "n {n} c {c} k {k}: {ours} != {expected}"
                    );
                }
            }
        }
    }

    /// Reference: `1 - comb(n - c, k) / comb(n, k)` with Python's exact fractions.
    #[test]
    fn equals_exact_fractions_where_n_is_large() {
        let check = |n, c, k, expected: f64| {
            let ours = pass_at_k(n, c, k);
            assert!(
                (ours / expected - 1.0).abs() < 1e-12,
                "n {n} c {c} k {k}: {ours} != {expected}"
            );
        };
        check(200, 1, 1, 0.005);
        check(1000, 3, 200, 0.488_384_576_961_731_26);
        check(50_000, 1, 1000, 0.02);
        check(50_000, 2, 10, 0.000_399_963_999_279_985_6);
        check(1000, 999, 1, 0.999);
    }

    #[test]
    fn refuses_rather_than_truncates() {
        let tallies = [
            problem("a", &[PASSED, FAILED]),
            problem("b", &[PASSED]),
            problem("c", &[]),
        ];
        assert_eq!(
            pass_at_k_scores(&tallies, 2),
            Err(Refusal::TooFewCandidates {
                problem: ProblemId::new("c"),
                n_recorded: 0,
                needed: 2,
                n_problems: 2,
                n_total: 3,
            })
        );
        assert_eq!(pass_at_k_scores(&tallies[..1], 0), Err(Refusal::ZeroK));
        assert_eq!(
            pass_at_k_scores(&tallies[..1], 2),
            Ok(vec![Score::exact(1.0)])
        );
    }

    #[test]
    fn what_was_not_judged_is_not_wrong() {
        let tallies = [
            problem("a", &[PASSED, FAILED, UNJUDGED]),
            problem("b", &[FAILED, UNJUDGED, UNJUDGED]),
        ];
        let scores = pass_at_k_scores(&tallies, 2).unwrap();
        assert_eq!(
            scores[0],
            Score {
                value: Some(1.0),
                lower: pass_at_k(3, 1, 2),
                upper: 1.0
            }
        );
        assert_eq!(
            scores[1],
            Score {
                value: None,
                lower: 0.0,
                upper: 1.0
            }
        );
    }

    proptest! {
        #[test]
        fn grows_with_k_and_with_c(n in 1u32..2000, c in 0.0..=1.0f64, k in 0.0..=1.0f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss,
                reason = "a share of n")]
            let part = |share: f64| (share * f64::from(n)) as u32;
            let (c, k) = (part(c), part(k).max(1));
            let value = pass_at_k(n, c, k);
            prop_assert!((0.0..=1.0).contains(&value));
            prop_assert_eq!(value == 0.0, c == 0);
            prop_assert!(k <= n - c || value == 1.0);
            if k > 1 {
                prop_assert!(pass_at_k(n, c, k - 1) <= value + 1e-12);
            }
            if c > 0 {
                prop_assert!(pass_at_k(n, c - 1, k) <= value + 1e-12);
            }
            prop_assert_eq!(pass_at_k(n, c, 1), f64::from(c) / f64::from(n));
        }

        #[test]
        fn lies_within_its_bounds(
            marks in prop::collection::vec(0usize..3, 1..12), k in 1u32..12,
        ) {
            let outcomes: Vec<_> = marks.iter().map(|&m| [PASSED, FAILED, UNJUDGED][m]).collect();
            if let Ok(scores) = pass_at_k_scores(&[problem("p", &outcomes)], k) {
                let Score { value, lower, upper } = scores[0];
                prop_assert!(lower <= upper);
                if let Some(value) = value {
                    prop_assert!(lower <= value + 1e-12 && value <= upper + 1e-12);
                }
            }
        }
    }
}
