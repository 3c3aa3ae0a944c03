//! Value of a metric on one problem, and why a metric may have none.

use serde::{Deserialize, Serialize};

use crate::metric::n_at_k::NAtK;
use crate::problem::ProblemId;

/// Value of a metric on one problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// From the judged candidates alone; `None` when they are too few, in which case the
    /// problem is left out of means.
    pub value: Option<f64>,
    /// What the value would be if every unjudged candidate had failed …
    pub lower: f64,
    /// … and if every one had passed. Equal to `lower` when all were judged.
    pub upper: f64,
}

impl Score {
    /// A value that does not depend on unjudged candidates.
    pub fn exact(value: f64) -> Self {
        Self {
            value: Some(value),
            lower: value,
            upper: value,
        }
    }
}

/// Why a metric has no value for a set of problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Refusal {
    #[error(
        "it needs {needed} candidates a problem, and {n_problems} of {n_total} problems have \
         fewer (`{problem}` has {n_recorded}); generate more or ask for a smaller k"
    )]
    TooFewCandidates {
        /// The first problem with the fewest.
        problem: ProblemId,
        n_recorded: u32,
        needed: u32,
        /// Problems with fewer than needed.
        n_problems: usize,
        n_total: usize,
    },
    #[error("no problem has {needed} judged candidates")]
    NothingJudged { needed: u32 },
    #[error("there are no problems")]
    NoProblems,
    #[error(
        "candidates whose judging stopped at a failed test: {n_candidates} (first: problem \
         `{problem}`), so their share of passed tests is not known; judge every test"
    )]
    StoppedEarly {
        problem: ProblemId,
        n_candidates: usize,
    },
    #[error(
        "candidates not run on the tests shown in the statement: {n_candidates} (first: problem \
         `{problem}`), so it is not known which would be submitted"
    )]
    ExamplesNotRun {
        problem: ProblemId,
        n_candidates: usize,
    },
    #[error("`{0}` is no metric: both numbers start at 1, and the first is at most the second")]
    BadNAtK(NAtK),
    #[error("pass@k needs a k of at least 1")]
    ZeroK,
}
