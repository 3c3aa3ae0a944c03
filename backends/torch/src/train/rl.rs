//! Actor-critic reinforcement learning (paper §3.3, Eqs. 2–10), offline from a file of samples
//! or online in rounds of sampling, judging and updates; and its relatives.
//!
//! For every token of a sample there is an advantage `A_t = (r(W) - b) q̂_t`. What r, b and q̂ are
//! says [`Algorithm`]; what is done with A_t is one loss each in `loss.rs`.
//!
//! Differs from CodeRL:
//! - An update follows the sum of L_ce and L_rl unless asked to alternate. The released trainer
//!   takes turns within an update and so halves both.
//! - Samples whose advantage is 0 are not computed, though they count in the mean.
//! - L_ce has as many reference programs an update as L_rl has samples.

use std::collections::BTreeMap;
use std::path::Path;

use backends::training::protocol::Program;
use harness::problem::ProblemId;
use harness::reward::{adaptive_reward, group_advantages};
use harness::seed::candidate_seed;
use harness::training::{
    Algorithm, Baseline, BatchSettings, Feedback, OnlineSettings, OptimizerSettings, RlSettings,
    StepOrder, TokenValue, TrainingExample, TrainingSample,
};
use harness::verdict::Outcome;
use tch::{Kind, Tensor};

use super::actor::Actor;
use super::checkpoint::Saved;
use super::critic::{Critic, TrainedCritic};
use super::loss;
use super::optimizer::finite;
use super::order::{Passes, Purpose, permutation, seed_for};
use super::rollout::{Draw, Sampled, draw};
use super::schedule::learning_rate;
use super::sequence::{Sequence, Sequencer};
use super::session::{Export, Session};
use super::supervised::{TrainedActor, backward_cross_entropy, named, passes};
use crate::checkpoint::Array;
use crate::error::{Error, Result};
use crate::layers::Mode;
use crate::tokenizer::Tokenizer;

/// A sample with what each of its tokens is worth.
struct Weighted {
    sequence: Sequence,
    /// `[T]`.
    advantages: Vec<f32>,
    /// log p of the tokens when the sample was drawn; only clipped losses ask for it.
    sampled_log_probs: Vec<f32>,
}

impl Weighted {
    fn is_idle(&self) -> bool {
        self.advantages.iter().all(|advantage| *advantage == 0.0)
    }
}

/// What token values may be: probabilities, with room for rounding.
const IS_VALUE: std::ops::RangeInclusive<f32> = 0.0..=1.0001;

/// What the stage works with.
pub(super) struct Trainer<'a> {
    pub(super) trained: TrainedActor,
    pub(super) critic: Option<TrainedCritic>,
    /// The actor as it was before training, where a loss compares with it.
    pub(super) reference: Option<Actor>,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) sequencer: Sequencer<'a>,
    pub(super) rl: &'a RlSettings,
    pub(super) batch: &'a BatchSettings,
    pub(super) seed: u64,
}

impl Export for Trainer<'_> {
    fn optimizers(&self) -> BTreeMap<String, Array> {
        let mut arrays = self.trained.optimizers();
        if let Some(critic) = self.critic.as_ref().filter(|_| self.critic_learns()) {
            let of_critic = critic.optimizer.arrays().into_iter();
            arrays.extend(of_critic.map(|(name, array)| (format!("critic.{name}"), array)));
        }
        arrays
    }

    fn write(&self, folder: &Path) -> Result<()> {
        self.trained.write(folder)?;
        match &self.critic {
            Some(critic) if self.critic_learns() => {
                let place = folder.join("critic");
                std::fs::create_dir(&place).map_err(Error::write(&place))?;
                critic.critic.write(&place, &critic.tokenizer)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a loss compares with the model that training began with.
pub(super) fn needs_reference(rl: &RlSettings) -> bool {
    match rl.algorithm {
        Algorithm::Ppo { kl_weight, .. } | Algorithm::Grpo { kl_weight, .. } => {
            // Offline, the samples were drawn by that model.
            kl_weight > 0.0 || rl.online.is_none()
        }
        Algorithm::CodeRl { .. } | Algorithm::Rltf { .. } => false,
    }
}

/// Whether token values come from a critic.
pub(super) fn needs_critic(rl: &RlSettings) -> bool {
    matches!(
        rl.algorithm,
        Algorithm::CodeRl {
            token_value: TokenValue::Critic,
            ..
        } | Algorithm::Ppo {
            token_value: TokenValue::Critic,
            ..
        }
    )
}

/// Updates of a training.
pub(super) fn updates_per_round(online: &OnlineSettings, batch: &BatchSettings) -> u64 {
    let samples = u64::from(online.problems_per_round) * u64::from(online.n_samples);
    u64::from(online.epochs_per_round.max(1)) * samples.div_ceil(u64::from(batch.size.max(1)))
}

// --- Advantages -------------------------------------------------------------------------------

/// What became of a sample, and how its problem's greedy program did.
struct Judged<'a> {
    feedback: &'a Feedback,
    baseline: Option<Outcome>,
}

impl Trainer<'_> {
    fn critic_learns(&self) -> bool {
        let online = self.rl.online.as_ref();
        online.is_some_and(|online| online.critic_epochs_per_round > 0)
    }

    fn reward(&self, feedback: &Feedback) -> f64 {
        let findings = f64::from(feedback.n_lint_findings.unwrap_or(0));
        feedback.outcome.reward() - self.rl.lint_penalty * findings
    }

    /// r(W) - b of the samples of one problem.
    fn sample_advantages(&self, problem: &ProblemId, samples: &[Judged<'_>]) -> Result<Vec<f64>> {
        let rewards: Vec<f64> = samples
            .iter()
            .map(|sample| self.reward(sample.feedback))
            .collect();
        let relative = || -> Result<Vec<f64>> {
            samples
                .iter()
                .zip(&rewards)
                .map(|(sample, reward)| match sample.baseline {
                    Some(baseline) => Ok(reward - baseline.reward()),
                    None => Err(Error::request(format!(
                        "problem `{problem}` has no greedy baseline program; make them with \
                         `coderl sample`, or use the baseline `none` or `group`"
                    ))),
                })
                .collect()
        };
        let mut advantages = match self.rl.algorithm {
            Algorithm::CodeRl { baseline, .. } | Algorithm::Ppo { baseline, .. } => {
                match baseline {
                    Baseline::None => rewards,
                    Baseline::Greedy => relative()?,
                    Baseline::Group => group_advantages(&rewards, false),
                }
            }
            Algorithm::Grpo { .. } => group_advantages(&rewards, true),
            Algorithm::Rltf {
                adaptive_weight, ..
            } => relative()?
                .into_iter()
                .zip(samples)
                .map(|(coarse, sample)| {
                    let Feedback {
                        outcome,
                        n_passed,
                        n_tests,
                        ..
                    } = *sample.feedback;
                    coarse + adaptive_weight * adaptive_reward(outcome, n_passed, n_tests)
                })
                .collect(),
        };
        for advantage in &mut advantages {
            if *advantage < 0.0 {
                *advantage *= self.rl.negative_weight;
            }
        }
        Ok(advantages)
    }

    /// A_t of a sample, given its advantage and the critic's values where these are asked for.
    fn token_advantages(
        &self,
        sequence: &Sequence,
        feedback: &Feedback,
        advantage: f64,
        values: Option<&[f32]>,
    ) -> Vec<f32> {
        let n = sequence.target.len();
        let advantage = advantage as f32;
        let token_value = match self.rl.algorithm {
            Algorithm::CodeRl { token_value, .. } | Algorithm::Ppo { token_value, .. } => {
                token_value
            }
            Algorithm::Grpo { .. } => TokenValue::None,
            Algorithm::Rltf { fine_weight, .. } => {
                // The reward once more for the tokens of the line that the error names.
                let fine = (fine_weight * feedback.outcome.reward()) as f32;
                let lines = self.sequencer.lines(&sequence.target);
                return lines
                    .into_iter()
                    .map(|line| {
                        let named = feedback.error_line == Some(line);
                        advantage + if named { fine } else { 0.0 }
                    })
                    .collect();
            }
        };
        match token_value {
            TokenValue::None => vec![advantage; n],
            TokenValue::Distance => loss::distance_values([n])
                .into_iter()
                .map(|value| advantage * value)
                .collect(),
            TokenValue::Critic => {
                let values = values.expect("critics value every sample");
                values.iter().map(|value| advantage * value).collect()
            }
        }
    }

    /// q̂ of every sample, by the critic at hand.
    fn critic_values(&self, critic: &Critic, samples: &[(&Sequence, Outcome)]) -> Vec<Vec<f32>> {
        let sequences: Vec<&Sequence> = samples.iter().map(|(sequence, _)| *sequence).collect();
        let scores = critic.score(&sequences, self.batch);
        samples
            .iter()
            .zip(scores)
            .map(|((_, outcome), (logits, _))| {
                let class = critic.settings.classes.class_of(*outcome);
                let logits: Vec<f32> = logits.into_iter().flatten().collect();
                let n_classes = critic.settings.classes.len() as i64;
                let values = Tensor::from_slice(&logits)
                    .view([-1, n_classes])
                    .softmax(-1, Kind::Float)
                    .select(1, class as i64);
                let mut out = vec![0.0; values.numel()];
                values.contiguous().copy_data(&mut out, values.numel());
                out
            })
            .collect()
    }
}

// --- One update -------------------------------------------------------------------------------

/// What an update follows.
struct Update<'a> {
    samples: Vec<&'a Weighted>,
    references: Vec<&'a Sequence>,
}

impl Trainer<'_> {
    /// Makes one update; returns the tokens that were computed, and numbers.
    fn update(
        &mut self,
        update: &Update<'_>,
        step: u64,
        n_steps: u64,
        optimizer: &OptimizerSettings,
    ) -> Result<(usize, BTreeMap<String, f64>)> {
        let (n_tokens, mut values) = self.backward(update, step);
        finite("the loss", values["loss"], step + 1)?;
        let rate = learning_rate(optimizer, step + 1, n_steps);
        values.insert("learning_rate".to_owned(), rate);
        let parameters = self.trained.actor.learning();
        let norm = self.trained.optimizer.update(parameters, rate);
        let norm = finite("the norm of the gradients", norm, step + 1)?;
        values.insert("gradient_norm".to_owned(), norm);
        Ok((n_tokens, values))
    }

    /// Adds the gradients of update `step`; returns the tokens that were computed, and numbers.
    fn backward(&self, update: &Update<'_>, step: u64) -> (usize, BTreeMap<String, f64>) {
        tch::manual_seed(seed_for(self.seed, Purpose::Dropout, step) as i64);
        let (follows_ce, follows_rl) = match self.rl.order {
            StepOrder::Joint => (true, true),
            StepOrder::Alternate => (step.is_multiple_of(2), !step.is_multiple_of(2)),
        };
        let mut values = BTreeMap::new();
        let mut n_tokens = 0;
        let mut total = 0.0;
        if follows_ce && self.rl.ce_weight > 0.0 {
            let mut sequences = update.references.clone();
            if self.rl.ce_on_samples {
                sequences.extend(update.samples.iter().map(|sample| &sample.sequence));
            }
            if !sequences.is_empty() {
                let n_labels = sequences.iter().map(|sequence| sequence.target.len()).sum();
                let divisor = loss::divisor(self.rl.reduction, sequences.len(), n_labels);
                let weight = self.rl.ce_weight / divisor;
                let loss =
                    backward_cross_entropy(&self.trained.actor, &sequences, self.batch, weight);
                values.insert("ce_loss".to_owned(), loss / self.rl.ce_weight);
                total += loss;
                n_tokens += sequences.iter().map(|s| s.n_tokens()).sum::<usize>();
            }
        }
        if follows_rl && self.rl.rl_weight > 0.0 && !update.samples.is_empty() {
            let (loss, tokens, more) = self.backward_rl(&update.samples);
            values.extend(more);
            values.insert("rl_loss".to_owned(), loss / self.rl.rl_weight);
            total += loss;
            n_tokens += tokens;
        }
        values.insert("loss".to_owned(), total);
        (n_tokens, values)
    }

    /// Adds the gradients of the weighted L_rl; returns it, the tokens that were computed, and
    /// measures.
    fn backward_rl(&self, samples: &[&Weighted]) -> (f64, usize, BTreeMap<String, f64>) {
        let n_labels = samples.iter().map(|s| s.sequence.target.len()).sum();
        let divisor = loss::divisor(self.rl.reduction, samples.len(), n_labels);
        let weight = self.rl.rl_weight / divisor;
        let compares = match self.rl.algorithm {
            Algorithm::Ppo { kl_weight, .. } | Algorithm::Grpo { kl_weight, .. } => kl_weight > 0.0,
            Algorithm::CodeRl { .. } | Algorithm::Rltf { .. } => false,
        };
        // A KL penalty is on all samples.
        let active: Vec<&Weighted> = samples
            .iter()
            .copied()
            .filter(|sample| compares || !sample.is_idle())
            .collect();
        let sequences: Vec<&Sequence> = active.iter().map(|sample| &sample.sequence).collect();
        let actor = &self.trained.actor;
        let (mut total, mut entropy, mut kl, mut n_seen) = (0.0, 0.0, 0.0, 0_usize);
        for (pass, batch) in passes(actor, &sequences, self.batch) {
            let logits = actor.target_logits(&batch, Mode::Train);
            let log_probs = loss::token_log_probs(&logits, &batch.labels);
            let flat = |values: fn(&Weighted) -> &[f32]| {
                let values: Vec<f32> = pass
                    .iter()
                    .flat_map(|index| values(active[*index]).iter().copied())
                    .collect();
                Tensor::from_slice(&values).to_device(log_probs.device())
            };
            let advantages = flat(|sample| &sample.advantages);
            let loss = match self.rl.algorithm {
                Algorithm::CodeRl { .. } | Algorithm::Rltf { .. } => {
                    loss::policy_gradient(&log_probs, &advantages)
                }
                Algorithm::Ppo { clip, .. } | Algorithm::Grpo { clip, .. } => {
                    let sampled = flat(|sample| &sample.sampled_log_probs);
                    loss::clipped_policy_gradient(&log_probs, &sampled, &advantages, clip)
                }
            };
            let loss = match (&self.reference, self.rl.algorithm) {
                (
                    Some(reference),
                    Algorithm::Ppo { kl_weight, .. } | Algorithm::Grpo { kl_weight, .. },
                ) => {
                    let reference = tch::no_grad(|| {
                        let logits = reference.target_logits(&batch, Mode::Evaluate);
                        loss::token_log_probs(&logits, &batch.labels)
                    });
                    let divergence = loss::kl_divergence(&log_probs, &reference);
                    kl += divergence.double_value(&[]);
                    loss + divergence * kl_weight
                }
                _ => loss,
            };
            let loss = loss * weight;
            loss.backward();
            total += loss.double_value(&[]);
            entropy += tch::no_grad(|| loss::entropy(&logits).sum(Kind::Double).double_value(&[]));
            n_seen += batch.n_labels;
        }
        let mut values = BTreeMap::new();
        if n_seen > 0 {
            values.insert("entropy".to_owned(), entropy / n_seen as f64);
            if self.reference.is_some() {
                values.insert("kl".to_owned(), kl / n_seen as f64);
            }
        }
        let n_tokens = sequences.iter().map(|sequence| sequence.n_tokens()).sum();
        (total, n_tokens, values)
    }

    /// log p of the tokens of samples as `actor` has them, which a clipped loss compares with.
    fn log_probs(&self, actor: &Actor, sequences: &[&Sequence]) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); sequences.len()];
        tch::no_grad(|| {
            for (pass, batch) in passes(actor, sequences, self.batch) {
                let logits = actor.target_logits(&batch, Mode::Evaluate);
                let log_probs = loss::token_log_probs(&logits, &batch.labels);
                let mut data = vec![0.0_f32; batch.n_labels];
                let log_probs = log_probs.to_device(tch::Device::Cpu).contiguous();
                log_probs.copy_data(&mut data, batch.n_labels);
                let mut data = data.into_iter();
                for index in pass {
                    let n = sequences[index].target.len();
                    out[index] = data.by_ref().take(n).collect();
                }
            }
        });
        out
    }

    fn is_clipped(&self) -> bool {
        matches!(
            self.rl.algorithm,
            Algorithm::Ppo { .. } | Algorithm::Grpo { .. }
        )
    }
}

// --- Offline ----------------------------------------------------------------------------------

impl Trainer<'_> {
    /// Learns from samples that were drawn and judged before.
    pub(super) fn train_offline(
        &mut self,
        session: &mut Session<'_, '_>,
        samples: &[TrainingSample],
        references: &[Sequence],
    ) -> Result<()> {
        let weighted = self.weigh(samples)?;
        let size = self.batch.size as usize;
        let mut order = Passes::new(weighted.len(), size, self.seed, Purpose::Order);
        let mut others = Passes::new(references.len(), size, self.seed, Purpose::References);
        while !session.is_done() {
            let step = session.progress.step;
            let update = Update {
                samples: order.update(step).iter().map(|i| &weighted[*i]).collect(),
                references: others
                    .update(step)
                    .iter()
                    .map(|i| &references[*i])
                    .collect(),
            };
            let (n_tokens, values) =
                self.update(&update, step, session.n_steps, &session.settings.optimizer)?;
            session.updated(n_tokens, values)?;
            if session.is_due() {
                session.keep(self, None)?;
            }
        }
        session.finish(self, BTreeMap::new())
    }

    /// Adds the gradients of a first update over all samples and references; returns its loss.
    pub(super) fn backward_all(
        &self,
        samples: &[TrainingSample],
        references: &[Sequence],
    ) -> Result<f64> {
        let weighted = self.weigh(samples)?;
        let update = Update {
            samples: weighted.iter().collect(),
            references: references.iter().collect(),
        };
        Ok(self.backward(&update, 0).1["loss"])
    }

    fn weigh(&self, samples: &[TrainingSample]) -> Result<Vec<Weighted>> {
        let mut by_problem: BTreeMap<&ProblemId, Vec<usize>> = BTreeMap::new();
        for (index, sample) in samples.iter().enumerate() {
            by_problem
                .entry(&sample.id.problem)
                .or_default()
                .push(index);
        }
        let mut advantages = vec![0.0; samples.len()];
        for (problem, members) in by_problem {
            let judged: Vec<Judged<'_>> = members
                .iter()
                .map(|index| Judged {
                    feedback: &samples[*index].feedback,
                    baseline: samples[*index].baseline,
                })
                .collect();
            let found = self.sample_advantages(problem, &judged)?;
            for (index, advantage) in members.into_iter().zip(found) {
                advantages[index] = advantage;
            }
        }
        let sequences = samples
            .iter()
            .map(|sample| self.sequencer.sequence(&sample.prompt, &sample.program))
            .collect::<Result<Vec<_>>>()?;
        let values = self.offline_values(samples, &sequences)?;
        let all: Vec<&Sequence> = sequences.iter().collect();
        let sampled = match (&self.reference, self.is_clipped()) {
            (Some(reference), true) => self.log_probs(reference, &all),
            _ => vec![Vec::new(); samples.len()],
        };
        Ok(sequences
            .into_iter()
            .zip(samples)
            .zip(advantages)
            .zip(values)
            .zip(sampled)
            .map(
                |((((sequence, sample), advantage), values), sampled_log_probs)| Weighted {
                    advantages: self.token_advantages(
                        &sequence,
                        &sample.feedback,
                        advantage,
                        values.as_deref(),
                    ),
                    sequence,
                    sampled_log_probs,
                },
            )
            .collect())
    }

    /// Values of the tokens: those on record, or the critic's.
    fn offline_values(
        &self,
        samples: &[TrainingSample],
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<f32>>>> {
        if !needs_critic(self.rl) {
            return Ok(vec![None; samples.len()]);
        }
        if let Some(critic) = &self.critic {
            let pairs: Vec<(&Sequence, Outcome)> = sequences
                .iter()
                .zip(samples)
                .map(|(sequence, sample)| (sequence, sample.feedback.outcome))
                .collect();
            let values = self.critic_values(&critic.critic, &pairs);
            return Ok(values.into_iter().map(Some).collect());
        }
        samples
            .iter()
            .zip(sequences)
            .map(|(sample, sequence)| match &sample.token_values {
                // A program that is cut here and was not there keeps the values of what is left:
                // none depends on what comes behind.
                Some(values) if values.len() >= sequence.target.len() => {
                    let values = &values[..sequence.target.len()];
                    match values.iter().position(|value| !IS_VALUE.contains(value)) {
                        None => Ok(Some(values.to_vec())),
                        Some(place) => Err(Error::request(format!(
                            "sample `{}`: token value {} is {}, and values are probabilities",
                            sample.id,
                            place + 1,
                            values[place],
                        ))),
                    }
                }
                Some(values) => Err(Error::request(format!(
                    "sample `{}` has {} token values and {} tokens; score it with a critic of the \
                     actor's tokenizer",
                    sample.id,
                    values.len(),
                    sequence.target.len()
                ))),
                None => Err(Error::request(format!(
                    "sample `{}` has no token values; name a critic, or use another token value",
                    sample.id
                ))),
            })
            .collect()
    }
}

// --- Online -----------------------------------------------------------------------------------

/// Rounds whose share of passing samples is below this part of the first round's …
const COLLAPSED_SHARE: f64 = 0.25;
/// … and so many of them in a row end a training.
const COLLAPSED_ROUNDS: f64 = 5.0;
/// A first round below this share says nothing.
const LEAST_FIRST_SHARE: f64 = 0.02;

/// Note of how many updates the critic had.
const CRITIC_UPDATES: &str = "critic_updates";

/// Samples of a round with their feedback.
struct Round {
    samples: Vec<(Sampled, Feedback)>,
    /// By position in the problems of the round.
    baselines: Vec<Option<Outcome>>,
    n_unjudged: usize,
}

impl Trainer<'_> {
    /// Learns in rounds. `examples` are the reference programs, and say what is read.
    pub(super) fn train_online(
        &mut self,
        session: &mut Session<'_, '_>,
        online: &OnlineSettings,
        examples: &[TrainingExample],
    ) -> Result<()> {
        let mut problems: BTreeMap<&ProblemId, Vec<&TrainingExample>> = BTreeMap::new();
        for example in examples {
            problems.entry(example.problem()).or_default().push(example);
        }
        let problems: Vec<Vec<&TrainingExample>> = problems.into_values().collect();
        let per_round = updates_per_round(online, self.batch);
        let n_problems = (online.problems_per_round as usize).min(problems.len());
        let mut passes = Passes::new(problems.len(), n_problems, self.seed, Purpose::Rounds);
        while !session.is_done() {
            let round = session.progress.step / per_round;
            let chosen: Vec<&[&TrainingExample]> = passes
                .update(round)
                .into_iter()
                .map(|index| &problems[index][..])
                .collect();
            let found = self.sample_round(session, online, &chosen, round)?;
            self.report_round(session, round, &found)?;
            let weighted = self.weigh_round(&chosen, &found)?;
            let references = self.references(&chosen, round)?;
            for index in 0..per_round {
                let step = session.progress.step;
                let pass = index * u64::from(online.epochs_per_round.max(1)) / per_round;
                let per_pass = per_round / u64::from(online.epochs_per_round.max(1));
                let place = (index % per_pass) as usize;
                let seed = seed_for(self.seed, Purpose::Order, round * 64 + pass);
                let update = Update {
                    samples: slice(&weighted, per_pass as usize, place, seed),
                    references: slice(&references, per_pass as usize, place, seed),
                };
                let (n_tokens, values) =
                    self.update(&update, step, session.n_steps, &session.settings.optimizer)?;
                session.updated(n_tokens, values)?;
            }
            if self.critic_learns() {
                self.train_critic(session, online, &found, round)?;
            }
            // Rounds are what can be gone on from.
            let every = u64::from(session.settings.checkpoints.every.max(1));
            let made = session.progress.step / every;
            let is_over = session.is_done() || session.link.is_stopped();
            if made > (session.progress.step - per_round) / every || is_over {
                session.keep(self, None)?;
            }
        }
        session.finish(self, BTreeMap::new())
    }

    fn sample_round(
        &self,
        session: &mut Session<'_, '_>,
        online: &OnlineSettings,
        chosen: &[&[&TrainingExample]],
        round: u64,
    ) -> Result<Round> {
        let how = Draw::of(online, self.batch.max_target_tokens);
        let seed = seed_for(self.seed, Purpose::Rollout, round);
        // A problem that a round has twice, at the end of a pass over all, gets other samples.
        let mut n_asked: BTreeMap<&ProblemId, u32> = BTreeMap::new();
        let prompts: Vec<_> = chosen
            .iter()
            .map(|examples| {
                let problem = examples[0].problem();
                let first = n_asked.entry(problem).or_insert(0);
                let indices = *first..*first + online.n_samples;
                *first = indices.end;
                let seeds = indices.map(|index| candidate_seed(seed, problem, index));
                (&examples[0].prompt, seeds.collect())
            })
            .collect();
        let actor = &self.trained.actor;
        let mut drawn = draw(actor, self.tokenizer, &self.sequencer, &prompts, how)?;
        let n_samples = drawn.len();
        if self.needs_greedy() {
            let greedy: Vec<_> = prompts
                .iter()
                .map(|(prompt, _)| (*prompt, vec![0]))
                .collect();
            let how = how.greedy();
            drawn.extend(draw(actor, self.tokenizer, &self.sequencer, &greedy, how)?);
        }
        let programs = drawn
            .iter()
            .enumerate()
            .map(|(index, sample)| Program {
                problem: chosen[sample.prompt][0].problem().clone(),
                index: u32::try_from(index).unwrap_or(u32::MAX),
                text: sample.text.clone(),
            })
            .collect();
        let feedback = session.link.judge(programs)?;
        let mut round = Round {
            samples: Vec::new(),
            baselines: vec![None; chosen.len()],
            n_unjudged: 0,
        };
        for (index, (sample, feedback)) in drawn.into_iter().zip(feedback).enumerate() {
            match feedback {
                Some(feedback) if index < n_samples => round.samples.push((sample, feedback)),
                Some(feedback) => round.baselines[sample.prompt] = Some(feedback.outcome),
                None => round.n_unjudged += 1,
            }
        }
        // A greedy program that could not be judged leaves its problem without a baseline.
        if self.needs_greedy() {
            let baselines = &round.baselines;
            round
                .samples
                .retain(|(sample, _)| baselines[sample.prompt].is_some());
        }
        Ok(round)
    }

    fn needs_greedy(&self) -> bool {
        match self.rl.algorithm {
            Algorithm::CodeRl { baseline, .. } | Algorithm::Ppo { baseline, .. } => {
                baseline == Baseline::Greedy
            }
            Algorithm::Rltf { .. } => true,
            Algorithm::Grpo { .. } => false,
        }
    }

    /// Tells how a round went, and ends a training that has collapsed.
    fn report_round(&self, session: &mut Session<'_, '_>, round: u64, found: &Round) -> Result<()> {
        let n = found.samples.len().max(1) as f64;
        let share = |outcome: Outcome| {
            let with = |(_, feedback): &&(Sampled, Feedback)| feedback.outcome == outcome;
            found.samples.iter().filter(with).count() as f64 / n
        };
        let reward: f64 = found.samples.iter().map(|(_, f)| self.reward(f)).sum();
        let distinct: std::collections::BTreeSet<(usize, &str)> = found
            .samples
            .iter()
            .map(|(sample, _)| (sample.prompt, sample.text.as_str()))
            .collect();
        let lengths: usize = found
            .samples
            .iter()
            .map(|(sample, _)| sample.sequence.target.len())
            .sum();
        let passed = share(Outcome::PassedTests);
        let mut values = named([
            ("round", (round + 1) as f64),
            ("reward", reward / n),
            ("share_passed", passed),
            ("share_failed", share(Outcome::FailedTests)),
            ("share_runtime_error", share(Outcome::RuntimeError)),
            ("share_compile_error", share(Outcome::CompileError)),
            ("share_distinct", distinct.len() as f64 / n),
            ("mean_length", lengths as f64 / n),
        ]);
        if found.n_unjudged > 0 {
            values.insert("n_unjudged".to_owned(), found.n_unjudged as f64);
        }
        session.measured(values)?;
        let notes = &mut session.progress.notes;
        let first = *notes
            .entry("first_share_passed".to_owned())
            .or_insert(passed);
        let low = notes.entry("n_collapsed_rounds".to_owned()).or_insert(0.0);
        if first >= LEAST_FIRST_SHARE && passed < COLLAPSED_SHARE * first {
            *low += 1.0;
        } else {
            *low = 0.0;
        }
        if *low >= COLLAPSED_ROUNDS {
            return Err(Error::request(format!(
                "the reward has collapsed: {:.1} % of the samples passed in round {} and {:.1} % \
                 in the first, and the {COLLAPSED_ROUNDS} rounds before were as bad. A lower \
                 learning rate, a smaller `rl.negative-weight`, a clipped algorithm with a KL \
                 penalty or more L_ce may help; the last checkpoint is in `checkpoints`",
                passed * 100.0,
                round + 1,
                first * 100.0,
            )));
        }
        Ok(())
    }

    fn weigh_round(&self, chosen: &[&[&TrainingExample]], found: &Round) -> Result<Vec<Weighted>> {
        let pairs: Vec<(&Sequence, Outcome)> = found
            .samples
            .iter()
            .map(|(sample, feedback)| (&sample.sequence, feedback.outcome))
            .collect();
        let values = match &self.critic {
            Some(critic) if needs_critic(self.rl) => {
                let values = self.critic_values(&critic.critic, &pairs);
                values.into_iter().map(Some).collect()
            }
            _ => vec![None; pairs.len()],
        };
        let sequences: Vec<&Sequence> = pairs.iter().map(|(sequence, _)| *sequence).collect();
        let sampled = if self.is_clipped() {
            self.log_probs(&self.trained.actor, &sequences)
        } else {
            vec![Vec::new(); sequences.len()]
        };
        let mut rest = found.samples.iter().zip(values).zip(sampled);
        let mut weighted = Vec::new();
        for (prompt, examples) in chosen.iter().enumerate() {
            let judged: Vec<Judged<'_>> = found
                .samples
                .iter()
                .filter(|(sample, _)| sample.prompt == prompt)
                .map(|(_, feedback)| Judged {
                    feedback,
                    baseline: found.baselines[prompt],
                })
                .collect();
            let advantages = self.sample_advantages(examples[0].problem(), &judged)?;
            // Samples are sorted by prompt.
            for advantage in advantages {
                let (((sample, feedback), values), sampled_log_probs) =
                    rest.next().expect("as many as were judged");
                weighted.push(Weighted {
                    advantages: self.token_advantages(
                        &sample.sequence,
                        feedback,
                        advantage,
                        values.as_deref(),
                    ),
                    sequence: sample.sequence.clone(),
                    sampled_log_probs,
                });
            }
        }
        Ok(weighted)
    }

    /// One reference program of each problem of a round, another one each time.
    fn references(&self, chosen: &[&[&TrainingExample]], round: u64) -> Result<Vec<Sequence>> {
        if self.rl.ce_weight == 0.0 {
            return Ok(Vec::new());
        }
        let mut out = Vec::new();
        for (index, examples) in chosen.iter().enumerate() {
            // Problems without a reference program have an example that is a prompt alone.
            let with_program: Vec<&TrainingExample> = examples
                .iter()
                .copied()
                .filter(|example| !example.program.is_empty())
                .collect();
            if with_program.is_empty() {
                continue;
            }
            let place = round * chosen.len() as u64 + index as u64;
            let draw = seed_for(self.seed, Purpose::References, place);
            let example = with_program[(draw % with_program.len() as u64) as usize];
            let sequence = self.sequencer.sequence(&example.prompt, &example.program)?;
            out.push(sequence);
        }
        Ok(out)
    }

    /// The critic learns from the round's samples.
    fn train_critic(
        &mut self,
        session: &mut Session<'_, '_>,
        online: &OnlineSettings,
        found: &Round,
        round: u64,
    ) -> Result<()> {
        let Some(critic) = &mut self.critic else {
            return Ok(());
        };
        let optimizer = &session.settings.optimizer;
        let size = self.batch.size as usize;
        let classes = critic.critic.settings.classes;
        let (mut sum, mut n) = (0.0, 0);
        for epoch in 0..u64::from(online.critic_epochs_per_round) {
            let seed = seed_for(self.seed, Purpose::Order, (1 << 40) + round * 64 + epoch);
            for chunk in permutation(found.samples.len(), seed).chunks(size) {
                let sequences: Vec<&Sequence> = chunk
                    .iter()
                    .map(|index| &found.samples[*index].0.sequence)
                    .collect();
                let of = |index: &usize| classes.class_of(found.samples[*index].1.outcome);
                let classes: Vec<usize> = chunk.iter().map(of).collect();
                tch::manual_seed(seed as i64);
                sum += critic.critic.backward(&sequences, &classes, self.batch);
                n += 1;
                let rate = learning_rate(optimizer, session.progress.step, session.n_steps);
                critic.optimizer.update(critic.critic.parameters(), rate);
            }
        }
        *session
            .progress
            .notes
            .entry(CRITIC_UPDATES.to_owned())
            .or_insert(0.0) += f64::from(n);
        if n > 0 {
            let loss = finite(
                "the critic's loss",
                sum / f64::from(n),
                session.progress.step,
            )?;
            session.measured([("critic_loss".to_owned(), loss)].into())?;
        }
        Ok(())
    }
}

/// Part `place` of `n_parts` of the items in a random order.
fn slice<T>(items: &[T], n_parts: usize, place: usize, seed: u64) -> Vec<&T> {
    let order = permutation(items.len(), seed);
    let bound = |part: usize| part * items.len() / n_parts.max(1);
    order[bound(place)..bound(place + 1)]
        .iter()
        .map(|index| &items[*index])
        .collect()
}

/// Takes the state of the critic's optimizer on, where the critic learns.
pub(super) fn restore_critic(critic: &mut TrainedCritic, saved: &Saved) -> Result<()> {
    let step = saved
        .progress
        .notes
        .get(CRITIC_UPDATES)
        .copied()
        .unwrap_or(0.0) as u64;
    critic.optimizer.restore(step, |name, shape| {
        saved.optimizers.take(&format!("critic.{name}"), shape)
    })
}
