//! n@k: the chance of solving a problem with n submissions chosen from k candidates.
//!
//! CodeRL §4.1: of k candidates keep those that pass the tests shown in the statement (the
//! *survivors*), submit n of them, and solve the problem if one passes the hidden tests.
//! The paper gives no estimator and its code none either. Ours is the exact expectation
//! over everything that the description leaves to chance:
//!
//! - the k candidates are drawn without replacement from the N judged ones, so that the
//!   value does not depend on which k happened to come first (as pass@k does not);
//! - the n submissions are drawn without replacement from the survivors among those k, for
//!   nothing ranks them;
//! - with at most n survivors all of them are submitted;
//! - without survivors nothing is submitted, and the problem counts as not solved. Falling
//!   back to candidates known to fail the examples would reward them, and "from that subset"
//!   in the paper leaves no room for it.
//!
//! With j survivors among the k, the submissions are a uniform draw of min(n, j) from all S
//! survivors, C of which pass. So the expectation is a hypergeometric sum over pass@k:
//! `Σ_j P(j of the S survivors are among the k) · pass@min(n, j)(S, C)`.
//!
//! Two sanity checks hold by construction: n = k gives pass@k of the survivors' passes, and
//! where no examples are shown (everything survives) n@k is pass@n.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::metric::pass_at_k::{pass_at_k, require_recorded};
use crate::metric::score::{Refusal, Score};
use crate::metric::tally::{CandidateTally, ProblemTally, count};

/// Which n@k: `1@1000` is one submission chosen from a thousand candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NAtK {
    /// Submissions, at least 1 and at most `k`.
    pub n: u32,
    /// Candidates they are chosen from.
    pub k: u32,
}

impl fmt::Display for NAtK {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.n, self.k))
    }
}

impl FromStr for NAtK {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('@')
            .and_then(|(n, k)| {
                let (n, k) = (n.parse().ok()?, k.parse().ok()?);
                (1 <= n && n <= k).then_some(Self { n, k })
            })
            .ok_or_else(|| {
                format!("`{text}` is not of the form `1@100`: submissions `@` candidates")
            })
    }
}

/// What the candidates of a problem come to once the shown tests have filtered them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurvivorCounts {
    /// Judged candidates.
    pub n_candidates: u32,
    /// Of these, the ones that pass the tests shown in the statement.
    pub n_survivors: u32,
    /// Of these, the ones that pass the hidden tests.
    pub n_passing: u32,
}

/// Chance of solving a problem by `n` submissions from `k` candidates.
///
/// # Panics
/// Unless `n_passing <= n_survivors <= n_candidates` and `1 <= n <= k <= n_candidates`.
pub fn n_at_k(NAtK { n, k }: NAtK, counts: SurvivorCounts) -> f64 {
    let SurvivorCounts {
        n_candidates,
        n_survivors,
        n_passing,
    } = counts;
    assert!(
        n_passing <= n_survivors && n_survivors <= n_candidates && 1 <= n && n <= k,
        "{n}@{k} of {counts:?}"
    );
    assert!(k <= n_candidates, "{n}@{k} of {counts:?}");
    if n_passing == 0 {
        return 0.0;
    }
    // From n survivors on, the chance no longer depends on how many there are.
    let enough = pass_at_k(n_survivors, n_passing, n.min(n_survivors));
    survivor_distribution(n_candidates, n_survivors, k)
        .map(|(j, probability)| match j {
            0 => 0.0,
            j if j >= n => probability * enough,
            j => probability * pass_at_k(n_survivors, n_passing, j),
        })
        .sum::<f64>()
        .min(1.0)
}

/// How many of `marked` among `total` come into a draw of `drawn`, with its probability.
///
/// Weights are built outwards from the mode by the ratio of neighbors and then normalized:
/// no factorials, nothing overflows, and what underflows is negligible.
fn survivor_distribution(total: u32, marked: u32, drawn: u32) -> impl Iterator<Item = (u32, f64)> {
    let least = (marked + drawn).saturating_sub(total);
    let most = marked.min(drawn);
    let [total, marked, drawn] = [total, marked, drawn].map(f64::from);
    // P(j + 1) / P(j)
    let ratio = |j: u32| {
        let j = f64::from(j);
        (marked - j) * (drawn - j) / ((j + 1.0) * (total - marked - drawn + j + 1.0))
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between `least` and `most`"
    )]
    let mode = (((marked + 1.0) * (drawn + 1.0) / (total + 2.0)) as u32).clamp(least, most);
    let at = |j: u32| (j - least) as usize;
    let mut weights = vec![1.0; at(most) + 1];
    for j in (least..mode).rev() {
        weights[at(j)] = weights[at(j + 1)] / ratio(j);
    }
    for j in mode..most {
        weights[at(j + 1)] = weights[at(j)] * ratio(j);
    }
    let sum: f64 = weights.iter().sum();
    (least..).zip(weights.into_iter().map(move |weight| weight / sum))
}

/// n@k of each problem.
///
/// A candidate known to fail the shown tests is never submitted, so its outcome does not
/// matter and it counts as judged. Bounds: at worst an unjudged candidate survives and
/// fails, which takes up submissions; at best it survives and passes.
///
/// # Errors
/// Refused when `spec` makes no sense, when a problem has fewer than `k` recorded
/// candidates, or when judged candidates were not run on the shown tests.
pub fn n_at_k_scores(tallies: &[ProblemTally], spec: NAtK) -> Result<Vec<Score>, Refusal> {
    if spec.n == 0 || spec.n > spec.k {
        return Err(Refusal::BadNAtK(spec));
    }
    require_recorded(tallies, spec.k)?;
    let mut not_run = tallies
        .iter()
        .flat_map(|tally| tally.judged().map(move |candidate| (tally, candidate)))
        .filter(|(_, candidate)| candidate.passed_examples.is_none())
        .peekable();
    if let Some(&(first, _)) = not_run.peek() {
        return Err(Refusal::ExamplesNotRun {
            problem: first.problem.clone(),
            n_candidates: not_run.count(),
        });
    }
    Ok(tallies.iter().map(|tally| score(tally, spec)).collect())
}

fn score(tally: &ProblemTally, spec: NAtK) -> Score {
    let n_where = |keep: fn(&CandidateTally) -> bool| {
        count(tally.candidates.iter().filter(|c| keep(c)).count())
    };
    // Without an outcome, and possibly submitted.
    let undecided = n_where(|c| c.outcome.is_none() && c.passed_examples != Some(false));
    let decided = SurvivorCounts {
        n_candidates: tally.n_recorded() - undecided,
        n_survivors: n_where(|c| c.outcome.is_some() && c.passed_examples == Some(true)),
        n_passing: n_where(|c| c.passed() && c.passed_examples == Some(true)),
    };
    let worst = SurvivorCounts {
        n_candidates: tally.n_recorded(),
        n_survivors: decided.n_survivors + undecided,
        n_passing: decided.n_passing,
    };
    let best = SurvivorCounts {
        n_passing: decided.n_passing + undecided,
        ..worst
    };
    Score::new(
        tally.unjudged,
        (decided.n_candidates >= spec.k).then(|| n_at_k(spec, decided)),
        n_at_k(spec, worst),
        n_at_k(spec, best),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::fixture::{FAILED, PASSED, UNJUDGED, problem};
    use crate::verdict::Outcome;

    fn counts(n_candidates: u32, n_survivors: u32, n_passing: u32) -> SurvivorCounts {
        SurvivorCounts {
            n_candidates,
            n_survivors,
            n_passing,
        }
    }

    /// Plays the procedure for every k-subset, and in each for every choice of submissions.
    fn by_enumeration(NAtK { n, k }: NAtK, counts: SurvivorCounts) -> f64 {
        let subsets = |of: u32, size: u32| {
            (0..=of).filter(move |set| set & !of == 0 && set.count_ones() == size)
        };
        let everything = (1u32 << counts.n_candidates) - 1;
        let survivors = (1u32 << counts.n_survivors) - 1;
        let passing = (1u32 << counts.n_passing) - 1;
        let (mut sum, mut n_draws) = (0.0, 0.0);
        for drawn in subsets(everything, k) {
            let pool = drawn & survivors;
            let size = n.min(pool.count_ones());
            let choices: Vec<u32> = subsets(pool, size).collect();
            let solved = choices.iter().filter(|&set| set & passing != 0).count();
            sum += solved as f64 / choices.len() as f64;
            n_draws += 1.0;
        }
        sum / n_draws
    }

    #[test]
    fn equals_enumeration() {
        for n_candidates in 1..=7 {
            for n_survivors in 0..=n_candidates {
                for n_passing in 0..=n_survivors {
                    for k in 1..=n_candidates {
                        for n in 1..=k {
                            let (spec, counts) =
                                (NAtK { n, k }, counts(n_candidates, n_survivors, n_passing));
                            let (ours, expected) =
                                (n_at_k(spec, counts), by_enumeration(spec, counts));
                            assert!(
                                (ours - expected).abs() < 1e-12,
                                "{spec} of {counts:?}: {ours} != {expected}"
                            );
                        }
                    }
                }
            }
        }
    }

    /// Reference: the sum above with Python's exact fractions.
    #[test]
    fn equals_exact_fractions_where_n_is_large() {
        let check = |n, k, counts, expected: f64| {
            let ours = n_at_k(NAtK { n, k }, counts);
            assert!(
                (ours / expected - 1.0).abs() < 1e-10,
                "{n}@{k} of {counts:?}: {ours} != {expected}"
            );
        };
        check(1, 200, counts(1000, 37, 5), 0.135_105_572_374_974_28);
        check(5, 200, counts(1000, 37, 5), 0.523_576_659_154_926);
        check(5, 1000, counts(50_000, 90, 30), 0.454_123_240_680_234_8);
        // All k are drawn: one of 37 survivors is picked.
        check(1, 1000, counts(1000, 37, 5), 5.0 / 37.0);
    }

    #[test]
    fn no_survivors_no_submission() {
        assert_eq!(n_at_k(NAtK { n: 5, k: 10 }, counts(10, 0, 0)), 0.0);
    }

    #[test]
    fn needs_the_shown_tests() {
        let mut tally = problem("p", &[PASSED, FAILED, UNJUDGED]);
        let spec = NAtK { n: 1, k: 2 };
        assert!(matches!(
            n_at_k_scores(std::slice::from_ref(&tally), spec),
            Err(Refusal::ExamplesNotRun {
                n_candidates: 2,
                ..
            })
        ));
        tally.candidates[0].passed_examples = Some(true);
        tally.candidates[1].passed_examples = Some(false);
        let scores = n_at_k_scores(std::slice::from_ref(&tally), spec).unwrap();
        let [score] = scores.as_slice() else {
            panic!("one problem")
        };
        // Both judged ones are drawn and the survivor passes.
        assert_eq!(score.value, Some(1.0));
        // Three pairs: {pass, fail} solves, {pass, unjudged} half the time, {fail, unjudged} never.
        assert!((score.lower - 0.5).abs() < 1e-12, "{score:?}");
        // A candidate that passes is in each pair, and it alone survives or both pass.
        assert!((score.upper - 1.0).abs() < 1e-12, "{score:?}");

        assert!(matches!(
            n_at_k_scores(std::slice::from_ref(&tally), NAtK { n: 1, k: 4 }),
            Err(Refusal::TooFewCandidates {
                n_recorded: 3,
                needed: 4,
                ..
            })
        ));
        assert_eq!(
            n_at_k_scores(&[tally], NAtK { n: 3, k: 2 }),
            Err(Refusal::BadNAtK(NAtK { n: 3, k: 2 }))
        );
    }

    #[test]
    fn reads_its_own_name() {
        assert_eq!("5@1000".parse(), Ok(NAtK { n: 5, k: 1000 }));
        assert_eq!(NAtK { n: 5, k: 1000 }.to_string(), "5@1000");
        for bad in ["", "5", "0@3", "4@3", "1@", "1@2@3", "-1@3"] {
            assert!(bad.parse::<NAtK>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_pass_at_k_at_the_edges(
            n_candidates in 1u32..300, survivors in 0.0..=1.0f64, passing in 0.0..=1.0f64,
            k in 0.0..=1.0f64, n in 0.0..=1.0f64,
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss,
                reason = "a share of a count")]
            let part = |share: f64, of: u32| (share * f64::from(of)) as u32;
            let n_survivors = part(survivors, n_candidates);
            let n_passing = part(passing, n_survivors);
            let k = part(k, n_candidates).max(1);
            let n = part(n, k).max(1);
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;

            // Submitting everything that survives is pass@k of those that survive and pass.
            let all = n_at_k(NAtK { n: k, k }, counts(n_candidates, n_survivors, n_passing));
            prop_assert!(close(all, pass_at_k(n_candidates, n_passing, k)));
            // A filter that keeps everything leaves a random choice.
            let any = n_at_k(NAtK { n, k }, counts(n_candidates, n_candidates, n_passing));
            prop_assert!(close(any, pass_at_k(n_candidates, n_passing, n)));
            // More submissions never hurt.
            if n > 1 {
                let at = |n| n_at_k(NAtK { n, k }, counts(n_candidates, n_survivors, n_passing));
                prop_assert!(at(n - 1) <= at(n) + 1e-12);
            }
        }

        #[test]
        fn lies_within_its_bounds(
            marks in prop::collection::vec((0usize..4, any::<bool>()), 1..10),
            n in 1u32..10, k in 1u32..10,
        ) {
            let outcomes: Vec<_> = marks
                .iter()
                .map(|&(mark, _)| [PASSED, FAILED, Some(Outcome::RuntimeError), UNJUDGED][mark])
                .collect();
            let mut tally = problem("p", &outcomes);
            for (candidate, &(_, survives)) in tally.candidates.iter_mut().zip(&marks) {
                candidate.passed_examples = Some(survives);
            }
            if let Ok(scores) = n_at_k_scores(&[tally], NAtK { n, k }) {
                let Score { value, lower, upper } = scores[0];
                prop_assert!(lower <= upper + 1e-12);
                if let Some(value) = value {
                    prop_assert!(lower <= value + 1e-12 && value <= upper + 1e-12);
                }
            }
        }
    }
}
