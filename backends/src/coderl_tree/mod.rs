//! CodeRL's own folders, one for each problem of APPS: sampled programs with their outcomes
//! (`gen_solutions.json`), the greedy program (`baseline_solutions.json`), and what the critic
//! made of the samples (`gen_solutions_critic_scores.pkl`). Source: `datasets/apps_dataset.py`
//! and `generate.py` of `salesforce/CodeRL`, and the folders that it ships.

mod problem;
mod scores;
mod solutions;

pub use problem::problem_files;
pub use scores::{TreeScores, read_scores, write_scores};
pub use solutions::{TreeSolution, cause_of, read_solutions, write_solutions};

pub const GEN_SOLUTIONS: &str = "gen_solutions.json";
pub const BASELINE_SOLUTIONS: &str = "baseline_solutions.json";
pub const CRITIC_SCORES: &str = "gen_solutions_critic_scores.pkl";
