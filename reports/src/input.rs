//! What reports are made from.

use harness::metric::{
    Bootstrap, Comparison, Flip, Metric, NAtK, OutcomeChange, OutcomeShift, ProblemTally,
};
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

/// Two sides to be shown beside each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareInput {
    pub title: String,
    pub a: ComparedSide,
    pub b: ComparedSide,
    pub grader: Grader,
    /// What else differs than what is compared, as sentences: guest, limits, problems.
    pub cautions: Vec<String>,
    pub comparison: Comparison,
    pub shifts: Vec<OutcomeShift>,
    /// Candidates that are pairs, with both outcomes: where both sides judged the same programs,
    /// or have one program a problem. `None` where they are not.
    pub pairs: Option<Vec<OutcomeChange>>,
    /// Where the two graders differ on either side; `None` where a side was judged by one only.
    pub flips: Option<(Vec<Flip>, Vec<Flip>)>,
}

/// One or several runs that are compared as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedSide {
    pub name: String,
    pub runs: Vec<ComparedRun>,
}

/// A run with its provenance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRun {
    pub name: String,
    pub settings: Vec<(String, String)>,
}
