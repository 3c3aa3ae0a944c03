//! From facts to verdicts: what a problem asks of the sandbox, and what the answers mean.

mod apart;
mod apps_2021;
mod asserts;
mod evalplus;
mod judging;
mod lint;
mod packages;
mod python;
mod reference;
pub(crate) mod results_differ;
mod strict;
mod trial;
mod unsupported;

pub use judging::{Judge, JudgeOptions, Way, ways};
pub use lint::n_lint_findings;
pub(crate) use packages::TestCode;

pub use crate::problem::WhichTests;
pub use crate::verdict::Judged;
