//! Numbers from verdicts: pure functions, in the order verdict → [`ProblemTally`] →
//! [`Score`] (one problem) → [`Estimate`] (a group of problems).
//!
//! Three rules hold throughout, and `docs/metrics.md` argues for them:
//! - every problem weighs the same, so "all" is the paper's weighting of the APPS levels;
//! - a metric that the records cannot support is refused ([`Refusal`]), never computed from
//!   less than was asked for;
//! - what was not judged is counted and bounded, and by default taken as failed
//!   ([`UnjudgedPolicy`]): a program must not gain by making itself unjudgeable.

mod accuracy;
mod aggregate;
mod bootstrap;
mod classification;
mod comparison;
mod flips;
mod gate;
mod n_at_k;
mod paired;
mod pass_at_k;
mod pooled;
mod score;
mod shares;
mod shift;
mod significance;
mod tally;

#[cfg(test)]
mod fixture;

pub use accuracy::{strict_accuracy_scores, test_case_average_scores};
pub use aggregate::{Aggregate, Estimate, Group, GroupRow, Metric, aggregate, curve_ks};
pub use bootstrap::{Bootstrap, Interval};
pub use classification::{
    CALIBRATION_BINS, ClassifierQuality, Prediction, accuracy, classifier_quality,
    confusion_matrix, expected_calibration_error, macro_f1,
};
pub use comparison::{
    Comparison, ComparisonError, ComparisonRow, ProblemScores, RunValues, UnequalTries, compare,
};
pub use flips::{Flip, flips};
pub use gate::{Allowance, Bar, Criterion, Decision, MaxDrop, Measured, Minimum, Undecided, gate};
pub use n_at_k::{NAtK, SurvivorCounts, n_at_k, n_at_k_scores};
pub use paired::Side;
pub use pass_at_k::{pass_at_k, pass_at_k_scores};
pub use pooled::Pooled;
pub use score::{Refusal, Score, UnjudgedPolicy};
pub use shares::{CauseShare, OutcomeShares, cause_shares, outcome_shares};
pub use shift::{OutcomeChange, OutcomeShift, Transitions, outcome_pairs, outcome_shifts};
pub use significance::{
    McNemar, Permutation, fair_coin_p_value, holm, permutation_test, sign_test,
};
pub use tally::{CandidateTally, ProblemTally, TallyError, TallyInput, tally};
