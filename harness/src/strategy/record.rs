//! What a strategy did for a problem, as stored (`strategy.jsonl`).

use serde::{Deserialize, Serialize};

use crate::problem::{ProblemId, display_as_serialized};
use crate::store::Record;
use crate::verdict::Outcome;

/// Everything about one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyRecord {
    pub problem: ProblemId,
    pub path: StrategyPath,
    pub budget: Budget,
    /// Plain samples that the tokens of `budget` would have bought, at the mean length of those
    /// that were drawn.
    pub plain_equivalent: f64,
    /// In their order.
    pub rounds: Vec<RoundRecord>,
}

/// How the final candidates came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyPath {
    /// Some passed the example tests and were refined.
    Refined,
    /// None passed; the repaired ones were refined.
    RepairedAndRefined,
    /// None passed; the final candidates are the repaired ones.
    Repaired,
    /// Drawn with the critic's say in each token.
    Guided,
    /// Sampled, and left as they are.
    Plain,
    /// Sampled, and left as they are since the statement shows no test.
    NoExamples,
}

display_as_serialized! {
    StrategyPath {
        Refined => "refined",
        RepairedAndRefined => "repaired-and-refined",
        Repaired => "repaired",
        Guided => "guided",
        Plain => "plain",
        NoExamples => "no-examples",
    }
    RoundKind {
        Plain => "plain",
        Repair => "repair",
        Refine => "refine",
        Guided => "guided",
    }
}

impl StrategyPath {
    pub const ALL: [Self; 6] = [
        Self::Refined,
        Self::RepairedAndRefined,
        Self::Repaired,
        Self::Guided,
        Self::Plain,
        Self::NoExamples,
    ];
}

/// Where the programs of a round come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoundKind {
    /// The actor, from the problem.
    Plain,
    /// The repair model, from a program that fails.
    Repair,
    /// The actor, from the beginning of a program that passes the example tests.
    Refine,
    /// The actor, from the problem, with the critic's say in each token.
    Guided,
}

/// What was spent on a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Tokens that the actor generated.
    pub actor_tokens: u64,
    /// Tokens that the repairer generated.
    pub repair_tokens: u64,
    /// Tokens of prompts that actor and repairer read, once for each request.
    pub prompt_tokens: u64,
    /// Tokens of seeds that the actor read, once for each continuation.
    pub seed_tokens: u64,
    /// Programs that the critic read; equal ones once, where it reads them when they are written.
    pub critic_passes: u64,
    /// Tokens that it read or tried then, those of prompts included.
    pub critic_tokens: u64,
    /// Programs that were run on the example tests; equal ones once.
    pub example_runs: u64,
}

impl Budget {
    /// Tokens that models generated: what budgets of runs are compared by.
    pub fn generated(&self) -> u64 {
        self.actor_tokens + self.repair_tokens
    }

    pub fn add(&mut self, other: &Self) {
        self.actor_tokens += other.actor_tokens;
        self.repair_tokens += other.repair_tokens;
        self.prompt_tokens += other.prompt_tokens;
        self.seed_tokens += other.seed_tokens;
        self.critic_passes += other.critic_passes;
        self.critic_tokens += other.critic_tokens;
        self.example_runs += other.example_runs;
    }
}

/// One round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    pub kind: RoundKind,
    pub programs: Vec<ProgramRecord>,
}

/// One program of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProgramRecord {
    /// In its round, from 0.
    pub index: u32,
    /// Index in the round before of what it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Length of the seed in tokens, where it had to begin with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_tokens: Option<u32>,
    pub n_tokens: u32,
    /// On the example tests, where it was run and could be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Error subtype, as [`crate::verdict::Cause::label`] has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The critic's p(passed | W, D), where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critic: Option<f64>,
    /// Mean log-probability, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_prob: Option<f64>,
    /// What the model wrote; absent for final candidates, which are in `candidates.jsonl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Record for StrategyRecord {
    type Id = ProblemId;

    fn id(&self) -> ProblemId {
        self.problem.clone()
    }
}
