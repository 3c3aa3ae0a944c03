//! The tables of a report, from aggregates and records.

mod audit;
mod changes;
mod classifier;
mod compare;
mod flips;
mod listing;
mod metrics;
mod outcomes;
mod overlap;
mod strategy;
mod training;
mod verification;

pub use audit::audit_table;
pub use changes::{
    outcome_changes_table, outcome_shifts_table, problem_changes_table, problem_scores_table,
    rule_shifts_table, transitions_table,
};
pub use classifier::confusion_table;
pub use compare::{compare_table, runs_table, solved_table};
pub use flips::{flip_counts_table, flips_table};
pub use listing::{problems_table, skipped_table, unjudged_table};
pub use metrics::{accuracy_table, metrics_table, n_at_k_table, pass_at_k_table};
pub use outcomes::{causes_table, outcomes_table};
pub use overlap::{
    OverlapInput, TransferInput, duplicated_lines_table, duplicated_share_table,
    overlap_pairs_table, overlap_problems_table, overlap_table, transfer_table,
};
pub use strategy::{strategy_budget_table, strategy_table};
pub use training::training_table;
pub use verification::verification_table;

pub(crate) use flips::NO_RULE;
pub(crate) use metrics::interval_note;
pub(crate) use overlap::{counts as line_counts, lines as line_overlaps, shares as line_shares};
