//! How a model is trained: complete values, as a trainer reads them. What a person writes
//! becomes this in one place; the file `settings.json` of a training directory is this type.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::problem::display_as_serialized;

/// Everything that decides what a training gives, and where things lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainingSettings {
    pub stage: Stage,
    /// Checkpoint to begin with: a directory, a GGUF file, or a fetched model's name.
    pub model: PathBuf,
    /// Where metrics, checkpoints and the trained model go.
    pub out: PathBuf,
    pub data: DataFiles,
    pub optimizer: OptimizerSettings,
    pub batch: BatchSettings,
    pub checkpoints: CheckpointSettings,
    #[serde(default)]
    pub lora: Option<LoraSettings>,
    #[serde(default)]
    pub device: Device,
    #[serde(default)]
    pub precision: Precision,
    /// Activations inside layers are computed again for gradients, and not kept: less memory, more
    /// time, the same result.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    pub seed: u64,
}

/// What is learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Stage {
    /// Paper §3.2.
    Pretrain { objective: PretrainObjective },
    /// L_ce on programs (Eq. 1). The repair model is trained by the same loss on other prompts
    /// (Eq. 13).
    Sft,
    /// Eq. 9.
    Critic(CriticSettings),
    /// Eq. 10 and its relatives.
    Rl(RlSettings),
}

/// JSON Lines files, absolute or below [`TrainingSettings::out`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataFiles {
    /// [`super::TrainingExample`]s; for pretraining, [`super::CorpusText`]s.
    #[serde(default)]
    pub examples: Option<PathBuf>,
    /// [`super::TrainingSample`]s.
    #[serde(default)]
    pub samples: Option<PathBuf>,
    /// As the file that is trained on, of problems that are not; decides when to stop. For
    /// reinforcement learning [`super::TrainingExample`]s, whose prompts are sampled for.
    #[serde(default)]
    pub validation: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PretrainObjective {
    /// Spans of 3 tokens on average, 15 % of all, each replaced by a sentinel.
    MaskedSpan,
    /// One pivot a text, uniformly between 10 % and 90 %: the left part is read, the right one
    /// written.
    NextToken,
}

/// AdamW with decoupled decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OptimizerSettings {
    /// Peak.
    pub learning_rate: f64,
    pub schedule: Schedule,
    /// Updates during which the learning rate grows from 0 to its peak.
    pub warmup_steps: u32,
    pub weight_decay: f64,
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    /// Gradients with a larger norm are scaled to it; `None` for no bound.
    pub max_gradient_norm: Option<f64>,
}

/// The learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Schedule {
    Constant,
    /// From the peak to `end` at the last update: `(peak - end) (1 - progress)^power + end`.
    Polynomial {
        power: f64,
        end: f64,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BatchSettings {
    /// Examples an update.
    pub size: u32,
    /// Most tokens of a padded forward pass, prompts and programs together; a batch is cut
    /// into as many passes as that takes. Changes memory and speed, and nothing else.
    pub max_tokens: u32,
    /// Passes over the data. Ignored with `steps`.
    pub epochs: f64,
    /// Updates, in place of `epochs`.
    #[serde(default)]
    pub steps: Option<u32>,
    pub max_source_tokens: u32,
    /// The end-of-text token included.
    pub max_target_tokens: u32,
    /// Pad every example to the longest allowed, with the end-of-text token and unmasked, and
    /// slice prompts instead of keeping their last token: the released training inputs.
    #[serde(default)]
    pub as_released: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CheckpointSettings {
    /// Updates between two checkpoints, each of which is validated where there is data for it.
    pub every: u32,
    /// Number of them that are kept.
    pub keep_last: u32,
    /// Checkpoints that are no better in validation after which training ends; `None` for
    /// never. The best model is exported, else the last.
    #[serde(default)]
    pub patience: Option<u32>,
}

/// Low-rank updates of the linear layers of a decoder-only model, in the layout of PEFT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoraSettings {
    pub rank: u32,
    pub alpha: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    #[default]
    Cpu,
    /// The first.
    Cuda,
}

display_as_serialized! {
    Device { Cpu => "cpu", Cuda => "cuda" }
    Precision { Float32 => "float32", Bfloat16 => "bfloat16" }
}

/// What matrix products are computed in. Weights, gradients, norms, losses and the state of the
/// optimizer are float32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    #[default]
    Float32,
    /// Mixed precision, as `autocast` of PyTorch has it.
    Bfloat16,
}

/// A classifier of programs on the states of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CriticSettings {
    pub classes: ClassSet,
    pub pooling: Pooling,
    pub alignment: CriticAlignment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassSet {
    /// The four outcomes (§3.3.2).
    Outcomes,
    /// Failed, passed: the critic of critic sampling (§3.3.4).
    Binary,
}

impl ClassSet {
    /// C.
    pub fn len(self) -> usize {
        match self {
            Self::Outcomes => 4,
            Self::Binary => 2,
        }
    }

    pub fn is_empty(self) -> bool {
        false
    }

    pub fn class_of(self, outcome: crate::verdict::Outcome) -> usize {
        match self {
            Self::Outcomes => outcome.class(),
            Self::Binary => outcome.binary_class(),
        }
    }
}

/// What the maximum over the tokens of a program is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Class logits of the program's tokens.
    Logits,
    /// Class logits of all positions up to the longest program allowed, padding included: the
    /// released code.
    LogitsWithPadding,
    /// Hidden states, before the head: the text of the paper (§3.3.2).
    States,
}

/// Which state the value of a token is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CriticAlignment {
    /// That which has read the token: p(u | w_1 … w_t), Eq. 11.
    AfterToken,
    /// That which is about to predict it, as the released code has it.
    BeforeToken,
}

/// How samples change the actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RlSettings {
    pub algorithm: Algorithm,
    /// Weight of L_rl.
    pub rl_weight: f64,
    /// Weight of L_ce on reference programs.
    pub ce_weight: f64,
    /// L_ce on the samples too, as if all were right (Table 3, "W^s").
    pub ce_on_samples: bool,
    /// Factor of the advantages below zero.
    pub negative_weight: f64,
    pub reduction: Reduction,
    pub order: StepOrder,
    /// Penalty for each finding of a static analyser, subtracted from the reward.
    pub lint_penalty: f64,
    /// Whether a training that goes to ruin is ended.
    #[serde(default = "yes")]
    pub stop_at_collapse: bool,
    /// `None` learns from a file of samples, once made, as the paper does.
    #[serde(default)]
    pub online: Option<OnlineSettings>,
    /// Critic, for token values: needed online, and where the samples have none yet.
    #[serde(default)]
    pub critic: Option<PathBuf>,
    #[serde(default)]
    pub validation: RlValidation,
}

fn yes() -> bool {
    true
}

/// How a model is tried on problems that are held out, where there are any: the mean reward of its
/// programs decides which model is the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RlValidation {
    /// At most so many are tried; with 0 none is.
    pub problems: u32,
    /// Programs of each problem: one is the greedy one, more are sampled.
    pub n_samples: u32,
    /// Of samples.
    pub temperature: f64,
    pub top_p: f64,
}

impl Default for RlValidation {
    /// None.
    fn default() -> Self {
        Self {
            problems: 0,
            n_samples: 1,
            temperature: 0.6,
            top_p: 0.95,
        }
    }
}

/// One loss each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "name",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub enum Algorithm {
    /// Eq. 10: `-(r(W) - b) Σ q̂_t log p(w_t)`.
    CodeRl {
        baseline: Baseline,
        token_value: TokenValue,
    },
    /// The same advantages and token values in PPO's clipped form, with a penalty on the KL
    /// divergence from the model that training began with.
    Ppo {
        baseline: Baseline,
        token_value: TokenValue,
        clip: f64,
        kl_weight: f64,
    },
    /// Advantages relative to the group of samples of a problem, divided by their standard
    /// deviation; clipped, with the KL penalty.
    Grpo { clip: f64, kl_weight: f64 },
    /// RLTF: relative returns for all tokens, the reward of the outcome once more for the
    /// tokens of the line that an error names, and the part of the tests that passed.
    Rltf {
        fine_weight: f64,
        adaptive_weight: f64,
    },
}

/// b, which is subtracted from the reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    None,
    /// The reward of the greedy program (Eq. 8).
    Greedy,
    /// The mean reward of the problem's samples.
    Group,
}

/// q̂, by which each token is weighted (Table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenValue {
    /// 1 everywhere.
    None,
    /// Falls linearly from 1 at the first token to 1/T at the last. The paper names no end
    /// points.
    Distance,
    /// The critic's probability of the true outcome.
    Critic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Sum over the tokens of a sample, mean over samples: the equations.
    Sum,
    /// Mean over all tokens of a batch: the released code.
    TokenMean,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOrder {
    /// Every update follows L_ce + L_rl.
    Joint,
    /// Updates follow L_ce and L_rl in turns.
    Alternate,
}

/// Rounds of sampling, judging and updates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OnlineSettings {
    pub rounds: u32,
    pub problems_per_round: u32,
    /// Samples of each problem of a round.
    pub n_samples: u32,
    pub temperature: f64,
    pub top_p: f64,
    pub top_k: Option<u32>,
    /// Passes over the samples of a round; more than one wants a clipped algorithm.
    pub epochs_per_round: u32,
    /// Updates of the critic with the samples of each round; 0 leaves it as it is.
    pub critic_epochs_per_round: u32,
}
