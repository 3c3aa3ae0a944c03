//! Value of a metric on one problem, and why a metric may have none.

use serde::{Deserialize, Serialize};

use crate::metric::n_at_k::NAtK;
use crate::problem::{ProblemId, display_as_serialized};

/// What a candidate without an outcome counts as.
///
/// A program decides by itself whether it needs something that the guest lacks, so one that
/// knows it will fail could leave the denominator that way. Hence the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnjudgedPolicy {
    /// As failed: the value is the lower bound of what it could be.
    #[default]
    Failed,
    /// As if it had never been drawn: the value is over judged candidates alone.
    Excluded,
}

display_as_serialized! {
    UnjudgedPolicy { Failed => "failed", Excluded => "excluded" }
}

/// Value of a metric on one problem.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// As [`UnjudgedPolicy`] has it. `None` when unjudged candidates are excluded and the
    /// judged ones are too few, in which case the problem is left out of means.
    pub value: Option<f64>,
    /// What the value would be if every unjudged candidate had failed …
    pub lower: f64,
    /// … and if every one had passed. Equal to `lower` when all were judged.
    pub upper: f64,
}

impl Score {
    /// A score with the value that `policy` chooses: `lower`, or `judged_alone`.
    pub(super) fn new(
        policy: UnjudgedPolicy,
        judged_alone: Option<f64>,
        lower: f64,
        upper: f64,
    ) -> Self {
        let value = match policy {
            UnjudgedPolicy::Failed => Some(lower),
            UnjudgedPolicy::Excluded => judged_alone,
        };
        Self {
            value,
            lower,
            upper,
        }
    }

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
        "it needs {} a problem, and {n_problems} of {n_total} problems have \
         fewer (`{problem}` has {n_recorded}); generate more or ask for a smaller k",
        candidates(*needed, "")
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
    #[error("no problem has {}", candidates(*needed, "judged "))]
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

fn candidates(n: u32, kind: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {kind}candidate{s}")
}
