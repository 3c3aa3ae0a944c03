//! What a trainer reads, one record a line, between the stages.

use serde::{Deserialize, Serialize};

use crate::candidate::CandidateId;
use crate::problem::ProblemId;
use crate::prompt::Prompt;
use crate::store::Record;
use crate::verdict::Outcome;

/// A text to learn from without a task (`train pretrain`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusText {
    /// Unique within a corpus: the file's path below the folder that it was found in.
    pub id: String,
    pub text: String,
}

/// A program to imitate (`train sft`, `train repair`, and the L_ce part of `train rl`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingExample {
    /// The problem, and which of its programs.
    pub id: CandidateId,
    pub prompt: Prompt,
    pub program: String,
}

/// A program with what became of it (`train critic`, `train rl`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSample {
    pub id: CandidateId,
    pub prompt: Prompt,
    pub program: String,
    pub feedback: Feedback,
    pub origin: Origin,
    /// Outcome of the greedy program W_b for the same problem; absent where none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Outcome>,
    /// q̂ of Eq. 10 for each token of the program, the end-of-text token included, in the
    /// tokens of the actor. Written by `critic-score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_values: Option<Vec<f32>>,
}

/// Who wrote the program of a [`TrainingSample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The actor.
    Sampled,
    /// The dataset; its outcome is always [`Outcome::PassedTests`] (paper §3.4).
    Reference,
}

/// What the judge says of a program, as far as training uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    pub outcome: Outcome,
    #[serde(default)]
    pub n_passed: u32,
    /// Tests that were judged; 0 where this is not known.
    #[serde(default)]
    pub n_tests: u32,
    /// Error subtype as [`crate::verdict::Cause::label`] has it, such as `IndexError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Line of the program that the error names, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_line: Option<u32>,
    /// What a static analyser finds fault with; absent where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_lint_findings: Option<u32>,
}

impl TrainingExample {
    pub fn problem(&self) -> &ProblemId {
        &self.id.problem
    }
}

impl Record for TrainingExample {
    type Id = CandidateId;

    fn id(&self) -> CandidateId {
        self.id.clone()
    }
}

impl Record for TrainingSample {
    /// Samples and reference programs count apart.
    type Id = (CandidateId, Origin);

    fn id(&self) -> Self::Id {
        (self.id.clone(), self.origin)
    }
}

impl Record for CorpusText {
    type Id = String;

    fn id(&self) -> String {
        self.id.clone()
    }
}
