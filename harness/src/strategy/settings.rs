//! What can be chosen about strategies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decoding::Guidance;
use crate::problem::{ProblemId, display_as_serialized};

/// A strategy with its settings, as manifests record it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum StrategySettings {
    CriticSampling(CriticSampling),
    BestOfN(BestOfN),
    Guided(Guidance),
    /// Sampling, with as many tokens as another run used.
    Plain,
}

impl StrategySettings {
    pub fn name(&self) -> &'static str {
        match self {
            Self::CriticSampling(_) => "critic-sampling",
            Self::BestOfN(_) => "best-of-n",
            Self::Guided(_) => "guided",
            Self::Plain => "plain",
        }
    }
}

/// Settings of [`super::critic_sampling()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriticSampling {
    /// Rounds of refining at most.
    pub refine_rounds: u32,
    /// Rounds of repairing at most.
    pub repair_rounds: u32,
    /// M: failing programs that are repaired, at least 1.
    pub repair_top: u32,
    pub repair_by: RepairBy,
    /// Where a program that passes the example tests is cut.
    #[serde(default)]
    pub cut: Cut,
    /// Whether programs that pass the example tests are final candidates also where they were
    /// refined.
    #[serde(default)]
    pub keep_passing: bool,
}

/// Which tokens the critic thinks to go wrong, so that a program is cut before the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// Those with p(failed) > p(passed): the paper's.
    #[default]
    Absolute,
    /// Those at which the odds of passing are less than half of what they are at the program's
    /// first token, as far as which the program says next to nothing: what it says since is
    /// evidence of 2 to 1 against it. Beyond the paper.
    Relative,
    /// A token that the program's text picks, each with the same probability, and the critic has no
    /// say in: what the other rules have to be better than.
    Random,
}

/// Who repairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepairBy {
    Nobody,
    /// The actor, asked to correct itself: beyond the paper.
    Actor,
    Model,
}

/// Settings of [`super::best_of_n()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestOfN {
    pub rank: Rank,
    /// Candidates that are kept of those that were drawn.
    pub keep: u32,
}

/// What makes a candidate better than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// The critic's p(passed | W, D).
    Critic,
    /// The mean log-probability of its tokens.
    LogProb,
    /// Passing the example tests.
    Examples,
}

display_as_serialized! {
    Rank { Critic => "critic", LogProb => "log-prob", Examples => "examples" }
    Cut { Absolute => "absolute", Relative => "relative", Random => "random" }
    RepairBy { Nobody => "nobody", Actor => "actor", Model => "model" }
}

/// Tokens that another run generated for each problem.
pub type TokenBudgets = BTreeMap<ProblemId, u64>;

/// How many candidates are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Draws {
    /// The same number for each problem.
    Fixed(u32),
    /// As many as cost no more tokens than this, and at least one.
    Budget(TokenBudgets),
}
