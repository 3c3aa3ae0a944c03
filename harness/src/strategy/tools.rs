//! What a strategy works with, and what it works on.

use crate::contract::PluginError;
use crate::decoding::Guidance;
use crate::problem::ProblemId;
use crate::prompt::Prompt;
use crate::training::Feedback;

use super::prefix::Prefix;
use super::record::{ProgramRecord, RoundKind, StrategyRecord};

/// Why a strategy ends before its work is done.
#[derive(Debug)]
pub enum Stop {
    /// Somebody asked for it.
    Cancelled,
    /// It makes no sense to go on.
    Failed(PluginError),
}

/// Answers in the order of what was asked; the inner error is of one request alone, in words, and
/// costs its problem.
pub type Answers<T> = Result<Vec<Result<T, String>>, Stop>;

/// A model that writes programs: the actor, or a repair model.
///
/// # Contract
/// What is written depends on the draft's prompt, prefix, limit and the program's own seed alone.
pub trait Author {
    /// For each draft, as many programs as it has seeds, in their order.
    ///
    /// # Errors
    /// When it makes no sense to go on.
    fn write(&mut self, drafts: &[Draft<'_>]) -> Answers<Vec<Written>>;
}

/// What an [`Author`] is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft<'a> {
    pub problem: &'a ProblemId,
    pub prompt: Prompt,
    /// One for each program that is wanted.
    pub seeds: Vec<u64>,
    /// What each program has to begin with. Not empty.
    pub prefix: Option<Prefix>,
    /// Whether [`Written::log_prob`] is wanted.
    pub wants_log_prob: bool,
    /// Whether the critic beside the author has its say in each token, and how.
    pub guidance: Option<Guidance>,
}

/// What a model wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// With the prefix.
    pub text: String,
    /// Tokens that were decoded, a prefix apart.
    pub n_tokens: u32,
    /// Tokens of the prompt, which is read once for all programs of a draft.
    pub n_prompt_tokens: u32,
    /// Why it ended: `end`, `stop` or `length`.
    pub finish: String,
    /// Mean natural logarithm of the decoded tokens' probabilities.
    pub log_prob: Option<f64>,
    /// Tokens that the critic beside the author read or tried, the prompt apart.
    pub n_critic_tokens: u32,
    /// Tokens of the prompt that it read, once for all programs of a draft.
    pub n_critic_prompt_tokens: u32,
}

/// A critic with the classes failed and passed (φ_test).
pub trait Critic {
    /// # Errors
    /// When it makes no sense to go on.
    fn read(&mut self, readings: &[Reading<'_>]) -> Answers<Criticism>;
}

/// A program for a critic to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    pub problem: &'a ProblemId,
    pub prompt: &'a Prompt,
    pub text: &'a str,
}

/// What a critic makes of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Criticism {
    pub n_prompt_tokens: u32,
    /// Those of the program, without the one that ends it.
    pub tokens: Vec<CriticToken>,
    /// q̂(W) = p(passed | W, D) (Eq. 12).
    pub passed: f64,
}

/// q̂(w_t) = p(passed | w_1 … w_t, D) (Eq. 11).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CriticToken {
    pub id: u32,
    /// Where it ends in the program, in bytes.
    pub end: u32,
    pub passed: f32,
    pub failed: f32,
}

/// Runs programs on the tests that the statement shows, and on no others.
pub trait ExampleJudge {
    /// What became of each attempt; `None` for what could not be judged.
    ///
    /// # Errors
    /// When it makes no sense to go on.
    fn judge(&mut self, attempts: &[Attempt<'_>]) -> Result<Vec<Option<Feedback>>, Stop>;
}

/// A program to be run on example tests, as the model wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    pub problem: &'a ProblemId,
    pub text: &'a str,
}

/// Who repairs.
pub enum Repairer<'a> {
    Nobody,
    /// The actor, asked to correct itself.
    Actor,
    /// The repair model ω.
    Model(&'a mut dyn Author),
}

/// Everything that strategies may use.
pub struct Tools<'a> {
    pub actor: &'a mut dyn Author,
    pub repairer: Repairer<'a>,
    pub critic: Option<&'a mut dyn Critic>,
    pub judge: &'a mut dyn ExampleJudge,
}

/// A problem to work on.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub problem: ProblemId,
    /// D, as the actor, the critic and (with a program behind it) the repair model read it.
    pub prompt: Prompt,
    /// Whether there are example tests.
    pub has_examples: bool,
}

/// What became of a [`Task`].
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// In order of index.
    pub finals: Vec<Final>,
    pub record: StrategyRecord,
}

/// A final candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Final {
    pub text: String,
    pub seed: u64,
    pub finish: String,
    pub round: RoundKind,
    pub program: ProgramRecord,
}
