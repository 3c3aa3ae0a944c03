//! Verdicts in the files of other people's tools, so that their scripts go on working.

mod evalplus;
mod human_eval;
mod scored;
pub(crate) mod value_json;

pub use evalplus::{EvalPlusHeader, write_evalplus_results};
pub use human_eval::write_human_eval_results;
pub use scored::{Scored, join};
