//! What reports are made from.

use harness::metric::{Bootstrap, Comparison, Flip, Metric, NAtK, OutcomeChange, ProblemTally};
use harness::problem::SkippedProblem;
use harness::strategy::StrategyRecord;
use harness::verdict::Grader;
use serde::{Deserialize, Serialize};

/// Everything that a report shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportInput {
    pub title: String,
    /// Provenance, shown in this order: dataset and its hash, guest, limits, backend, n, seed.
    pub settings: Vec<(String, String)>,
    /// Which pass@k.
    pub ks: Vec<u32>,
    /// Which n@k; none, where nobody asked.
    pub n_at_ks: Vec<NAtK>,
    pub bootstrap: Bootstrap,
    /// What each grader made of the candidates; the first one is the main one.
    pub judgings: Vec<Judging>,
    /// Where two graders differ; `None` when there was one grader.
    pub flips: Option<Vec<Flip>>,
    /// Rows of the dataset that could not be used.
    pub skipped: Vec<SkippedProblem>,
    /// What a strategy of decoding did for each problem; empty without one.
    #[serde(default)]
    pub strategy: Vec<StrategyRecord>,
}

impl ReportInput {
    /// The metrics of the main table.
    pub fn pass_at_k_metrics(&self) -> Vec<Metric> {
        self.ks.iter().map(|&k| Metric::PassAtK(k)).collect()
    }
}

/// The candidates of a run as one grader saw them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judging {
    pub grader: Grader,
    pub tallies: Vec<ProblemTally>,
}

impl Judging {
    /// What every plot says about its candidates: `24 problems, n = 10, 9 unjudged`.
    pub(crate) fn sample_size(&self) -> String {
        let recorded = || self.tallies.iter().map(ProblemTally::n_recorded);
        let n_problems = self.tallies.len();
        let problems = if n_problems == 1 {
            "problem"
        } else {
            "problems"
        };
        let n = match (recorded().min(), recorded().max()) {
            (Some(fewest), Some(most)) if fewest != most => format!("{fewest} to {most}"),
            (fewest, _) => fewest.unwrap_or(0).to_string(),
        };
        let n_unjudged: u64 = self.tallies.iter().map(|t| u64::from(t.n_unjudged())).sum();
        format!("{n_problems} {problems}, n = {n}, {n_unjudged} unjudged")
    }
}

/// Two runs to be shown side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareInput {
    pub title: String,
    pub name_a: String,
    pub name_b: String,
    pub settings_a: Vec<(String, String)>,
    pub settings_b: Vec<(String, String)>,
    pub comparison: Comparison,
    /// Candidates with different outcomes, where both runs judged the same programs;
    /// `None` where they did not.
    pub changes: Option<Vec<OutcomeChange>>,
}
