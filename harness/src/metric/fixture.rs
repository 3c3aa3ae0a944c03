//! Tallies for the tests of this module.

use crate::metric::score::UnjudgedPolicy;
use crate::metric::tally::{CandidateTally, ProblemTally, count};
use crate::problem::{Difficulty, ProblemId};
use crate::verdict::Outcome;

pub(super) const PASSED: Option<Outcome> = Some(Outcome::PassedTests);
pub(super) const FAILED: Option<Outcome> = Some(Outcome::FailedTests);
pub(super) const UNJUDGED: Option<Outcome> = None;

/// A problem without difficulty whose candidates had these outcomes; unjudged ones are
/// excluded, the harder case.
pub(super) fn problem(id: &str, outcomes: &[Option<Outcome>]) -> ProblemTally {
    let candidate = |(index, outcome): (usize, &Option<Outcome>)| CandidateTally {
        index: count(index),
        outcome: *outcome,
        cause_label: None,
        passed_examples: None,
        tests_passed: None,
        passed_in_place: false,
    };
    ProblemTally {
        problem: ProblemId::new(id),
        difficulty: None,
        split: None,
        unjudged: UnjudgedPolicy::Excluded,
        candidates: outcomes.iter().enumerate().map(candidate).collect(),
    }
}

/// The same with a difficulty.
pub(super) fn problem_at(
    difficulty: Difficulty,
    id: &str,
    outcomes: &[Option<Outcome>],
) -> ProblemTally {
    ProblemTally {
        difficulty: Some(difficulty),
        ..problem(id, outcomes)
    }
}
