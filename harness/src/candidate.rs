//! Generated programs and where they came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::problem::{Problem, ProblemId};
use crate::strategy::RoundKind;

/// Which candidate of which problem. Orders by problem, then by index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CandidateId {
    pub problem: ProblemId,
    /// Position among the candidates of this problem, from 0.
    pub index: u32,
}

impl fmt::Display for CandidateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.problem, self.index)
    }
}

/// What a generator returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", content = "text", rename_all = "kebab-case")]
pub enum Code {
    /// A complete program.
    Program(String),
    /// Text that continues the problem's prompt (HumanEval).
    Completion(String),
}

/// One generated program for one problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub id: CandidateId,
    pub code: Code,
    pub provenance: Provenance,
}

impl Candidate {
    /// The complete program to judge.
    pub fn program(&self, problem: &Problem) -> String {
        match &self.code {
            Code::Program(program) => program.clone(),
            Code::Completion(completion) => problem.program_from_completion(completion),
        }
    }
}

/// How a candidate was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name of the backend: `replay`, `reference`, …
    pub backend: String,
    /// File or checkpoint it came from, as the user named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Tokens that a model wrote for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_tokens: Option<u32>,
    /// Why a model ended it: `end`, `stop` or `length`, or what a server calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// How a strategy came to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyProvenance>,
}

/// Which program of a strategy a candidate is (`strategy.jsonl` has the others).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyProvenance {
    /// Name of the strategy.
    pub name: String,
    pub round: RoundKind,
    /// In its round, from 0.
    pub index: u32,
    /// Index in the round before of what it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Tokens with which it had to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_tokens: Option<u32>,
}
