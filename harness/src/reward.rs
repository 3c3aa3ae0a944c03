//! From outcomes to rewards, baselines and advantages (paper §3.3, Eqs. 4–8).
//!
//! Numbers of a sample as a whole; what each of its tokens gets of them is decided where the
//! tokens are.

use crate::verdict::Outcome;

impl Outcome {
    /// The class that a critic predicts: 0 for a compile error up to 3 for passed tests, as in
    /// the released code.
    pub fn class(self) -> usize {
        match self {
            Self::CompileError => 0,
            Self::RuntimeError => 1,
            Self::FailedTests => 2,
            Self::PassedTests => 3,
        }
    }

    /// The class of a binary critic: 1 for passed tests, else 0 (paper §3.3.4).
    pub fn binary_class(self) -> usize {
        usize::from(self == Self::PassedTests)
    }

    /// r(W) of Eqs. 4–7.
    pub fn reward(self) -> f64 {
        match self {
            Self::CompileError => -1.0,
            Self::RuntimeError => -0.6,
            Self::FailedTests => -0.3,
            Self::PassedTests => 1.0,
        }
    }
}

/// r(W) with the part of the tests that passed in place of -0.3 for failed tests: from -0.3 with
/// none to just below 1 with almost all (RLTF, adaptive feedback). A program that did not run to
/// its end keeps the reward of its outcome.
pub fn adaptive_reward(outcome: Outcome, n_passed: u32, n_tests: u32) -> f64 {
    match outcome {
        Outcome::FailedTests if n_tests > 0 => {
            -0.3 + 1.3 * f64::from(n_passed.min(n_tests)) / f64::from(n_tests)
        }
        other => other.reward(),
    }
}

/// r(W) - r(W_b) of Eq. 8.
pub fn relative_return(sample: Outcome, baseline: Outcome) -> f64 {
    sample.reward() - baseline.reward()
}

/// Rewards of the samples of one problem minus their mean; divided by their standard deviation
/// too where `normalize` (GRPO). All zero where the rewards are equal.
pub fn group_advantages(rewards: &[f64], normalize: bool) -> Vec<f64> {
    // GRPO's own constant; keeps groups of nearly equal rewards from being blown up.
    const EPSILON: f64 = 1e-4;
    if rewards.is_empty() {
        return Vec::new();
    }
    let n = rewards.len() as f64;
    let mean = rewards.iter().sum::<f64>() / n;
    let variance = rewards.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
    let scale = if normalize {
        1.0 / (variance.sqrt() + EPSILON)
    } else {
        1.0
    };
    rewards.iter().map(|r| (r - mean) * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_to_the_baseline_are_the_eleven_of_the_paper() {
        let mut found: Vec<i64> = Vec::new();
        for sample in Outcome::ALL {
            for baseline in Outcome::ALL {
                found.push((relative_return(sample, baseline) * 10.0).round() as i64);
            }
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, [-20, -16, -13, -7, -4, -3, 0, 3, 4, 7, 13, 16, 20]);
    }

    #[test]
    fn classes_are_in_the_order_of_the_released_code() {
        assert_eq!(Outcome::ALL.map(Outcome::class), [0, 1, 2, 3]);
        assert_eq!(Outcome::ALL.map(Outcome::binary_class), [0, 0, 0, 1]);
    }

    #[test]
    fn adaptive_rewards_grow_with_the_tests_that_pass() {
        assert_eq!(adaptive_reward(Outcome::FailedTests, 0, 8), -0.3);
        let half = adaptive_reward(Outcome::FailedTests, 4, 8);
        assert!((half - 0.35).abs() < 1e-12, "{half}");
        assert_eq!(adaptive_reward(Outcome::FailedTests, 0, 0), -0.3);
        assert_eq!(adaptive_reward(Outcome::RuntimeError, 4, 8), -0.6);
        assert_eq!(adaptive_reward(Outcome::PassedTests, 8, 8), 1.0);
    }

    #[test]
    fn a_group_of_equal_rewards_has_no_advantage() {
        for normalize in [false, true] {
            assert_eq!(group_advantages(&[1.0, 1.0], normalize), [0.0, 0.0]);
        }
        assert_eq!(group_advantages(&[1.0, -1.0], false), [1.0, -1.0]);
        let normalized = group_advantages(&[3.0, -3.0], true);
        assert!((normalized[0] - 1.0).abs() < 1e-4);
        assert!(group_advantages(&[], true).is_empty());
    }
}
