//! The critic: a classifier of programs on the states of a model (paper §3.3.2 and §3.3.4).
//!
//! The model reads the problem and the program as an actor would; a head of two layers
//! (`modeling_t5.py` of the released code: D → 128 → C) turns every state into class logits, and
//! their maximum over the program is the prediction.
//!
//! Differs from CodeRL: padding is left out of the maximum, and the value of a token comes from
//! the state that has read it, as in Eqs. 10 and 11. The released code takes the maximum over
//! all 512 positions and values tokens by the state before; both can be had ([`Pooling`],
//! [`CriticAlignment`]).

use std::collections::BTreeMap;
use std::path::Path;

use harness::training::{
    BatchSettings, CriticAlignment, CriticScore, CriticSettings, Pooling, TrainingSample,
    TrainingSettings,
};
use tch::{Device, Kind, Tensor};

use super::actor::{Actor, Computing, pick};
use super::batch::{Batch, Padding, PassLimits, Reads, micro_batches};
use super::checkpoint::{Saved, write_file};
use super::loss;
use super::optimizer::AdamW;
use super::order::{Passes, Purpose, seed_for};
use super::sequence::{Sequence, Sequencer};
use super::session::{Export, Measure, Session, VALIDATION_LOSS};
use super::supervised::named;
use crate::checkpoint::{Array, Checkpoint, Config, TokenizerSource};
use crate::error::{Error, Result};
use crate::layers::Linear;
use crate::parameters::Parameters;
use crate::random::uniform;
use crate::tokenizer::Tokenizer;

/// Width of the layer between states and classes.
pub(crate) const HEAD_WIDTH: usize = 128;
pub(crate) const HEAD: &str = "critic_head";
/// Beside the weights of a critic.
const SETTINGS: &str = "critic.json";

/// A critic and its weights.
pub struct Critic {
    pub settings: CriticSettings,
    backbone: Actor,
    hidden: Linear,
    output: Linear,
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// What the critic in `checkpoint` was trained as.
///
/// # Errors
/// No critic.
pub(crate) fn settings_of(checkpoint: &Checkpoint) -> Result<CriticSettings> {
    let file = checkpoint.path.join(SETTINGS);
    if !file.is_file() {
        return Err(Error::NotRecognized {
            path: checkpoint.path.clone(),
            detail: format!(
                "critic: the directory has no `{SETTINGS}`; train one with `coderl train \
                 critic`"
            ),
        });
    }
    let text = std::fs::read_to_string(&file).map_err(Error::read(&file))?;
    serde_json::from_str(&text).map_err(|error| Error::malformed(&file, error.to_string()))
}

impl Critic {
    /// Whether the checkpoint in `folder` is a critic.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(SETTINGS).is_file()
    }

    /// A critic on the model of `checkpoint`, with the head that the checkpoint holds.
    ///
    /// # Errors
    /// No critic, or tensors that do not fit.
    pub fn load(checkpoint: &Checkpoint, computing: Computing) -> Result<Self> {
        let settings = settings_of(checkpoint)?;
        Self::build(checkpoint, settings, None, computing)
    }

    /// A critic on the model of `checkpoint`, with a new head unless the checkpoint is a
    /// critic's.
    ///
    /// # Errors
    /// Tensors that do not fit.
    pub(super) fn new(
        checkpoint: &Checkpoint,
        settings: CriticSettings,
        seed: u64,
        computing: Computing,
    ) -> Result<Self> {
        if checkpoint.path.join(SETTINGS).is_file() {
            let found = Self::load(checkpoint, computing)?;
            if found.settings != settings {
                let detail = format!(
                    "critic: it was trained as {:?}, and {settings:?} is asked for",
                    found.settings
                );
                return Err(Error::NotRecognized {
                    path: checkpoint.path.clone(),
                    detail,
                });
            }
            return Ok(found);
        }
        Self::build(checkpoint, settings, Some(seed), computing)
    }

    fn build(
        checkpoint: &Checkpoint,
        settings: CriticSettings,
        new_head: Option<u64>,
        computing: Computing,
    ) -> Result<Self> {
        if settings.pooling == Pooling::LogitsWithPadding
            && matches!(checkpoint.config, Config::Llama(_))
        {
            return Err(Error::request(
                "the pooling `logits-with-padding` is that of the released encoder-decoders, and \
                 this model is none; use `logits` or `states`",
            ));
        }
        let mut parameters = computing.parameters();
        let tensors = &checkpoint.tensors;
        let width = match &checkpoint.config {
            Config::T5(config) => config.model_width,
            Config::Llama(config) => config.model_width,
        };
        let mut layer = |name: &str, n_out: usize, n_in: usize| match new_head {
            None => Linear::load(&mut parameters, tensors, name, (n_out, n_in), true),
            Some(seed) => new_layer(&mut parameters, name, (n_out, n_in), seed),
        };
        let hidden = layer(&format!("{HEAD}.hidden"), HEAD_WIDTH, width)?;
        let output = layer(
            &format!("{HEAD}.output"),
            settings.classes.len(),
            HEAD_WIDTH,
        )?;
        Ok(Self {
            settings,
            backbone: Actor::with_parameters(checkpoint, parameters, computing.activations)?,
            hidden,
            output,
        })
    }

    pub fn config(&self) -> &Config {
        &self.backbone.config
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.backbone.parameters
    }

    pub(super) fn require_gradients(&mut self) {
        self.backbone.parameters.require_gradients();
    }

    /// Class logits of states `[.., D]`: `[.., C]`.
    fn head(&self, states: &Tensor) -> Tensor {
        // Where embeddings are tied, the states that the head sees are scaled as those for the
        // next token are, as in the released code.
        let scaled = match &self.backbone.config {
            Config::T5(config) if config.tied => states * (config.model_width as f64).powf(-0.5),
            _ => states.shallow_clone(),
        };
        let logits = self.output.forward(&self.hidden.forward(&scaled).relu());
        logits.to_kind(Kind::Float)
    }

    /// Which of the states of a batch the values of the tokens are read from: `[N]`.
    fn positions<'a>(&self, batch: &'a Batch) -> &'a Tensor {
        match self.settings.alignment {
            CriticAlignment::AfterToken => batch
                .has_read
                .as_ref()
                .expect("critics are given batches that read all tokens"),
            CriticAlignment::BeforeToken => &batch.predicts,
        }
    }

    /// Logits of each token `[N, C]`, and pooled ones `[B, C]`, of the states of a batch.
    fn logits(&self, states: &Tensor, batch: &Batch) -> (Tensor, Tensor) {
        let of_tokens = pick(states, self.positions(batch));
        let token_logits = self.head(&of_tokens);
        let pooled = match self.settings.pooling {
            Pooling::Logits => loss::max_pool(&token_logits, &batch.rows, batch.n_rows),
            Pooling::States => self.head(&loss::max_pool(&of_tokens, &batch.rows, batch.n_rows)),
            Pooling::LogitsWithPadding => self.head(states).amax([1], false),
        };
        (token_logits, pooled)
    }

    /// The passes over the sequences of an update: positions in `sequences`, and their batch.
    fn passes<'a>(
        &'a self,
        sequences: &'a [&'a Sequence],
        settings: &BatchSettings,
    ) -> impl Iterator<Item = (Vec<usize>, Batch)> + 'a {
        let config = self.config();
        let mut padding = Padding::of(config, settings);
        if self.settings.pooling == Pooling::LogitsWithPadding {
            padding.target = Padding::of_targets(settings).target;
        }
        let reads = match self.settings.alignment {
            CriticAlignment::AfterToken => Reads::All,
            CriticAlignment::BeforeToken => Reads::AllButLast,
        };
        let limits = PassLimits::new(settings, self.backbone.device());
        let passes = micro_batches(sequences, config, padding, limits);
        passes.into_iter().map(move |pass| {
            let members: Vec<&Sequence> = pass.iter().map(|index| sequences[*index]).collect();
            let batch = Batch::new(&members, config, padding, reads, self.backbone.device());
            (pass, batch)
        })
    }

    /// Adds the gradients of the mean of L_critic (Eq. 9); returns that mean.
    pub(super) fn backward(
        &self,
        sequences: &[&Sequence],
        classes: &[usize],
        settings: &BatchSettings,
    ) -> f64 {
        let mut total = 0.0;
        for (pass, batch) in self.passes(sequences, settings) {
            let classes: Vec<i64> = pass.iter().map(|index| classes[*index] as i64).collect();
            let classes = Tensor::from_slice(&classes).to_device(self.backbone.device());
            total += self.backbone.backward(&batch, |states| {
                let (_, pooled) = self.logits(states, &batch);
                loss::critic_cross_entropy(&pooled, &classes) / sequences.len() as f64
            });
        }
        total
    }

    /// Logits of tokens and of programs, without gradients, in the order of `sequences`.
    pub fn score(
        &self,
        sequences: &[&Sequence],
        settings: &BatchSettings,
    ) -> Vec<(Vec<Vec<f32>>, Vec<f32>)> {
        let mut out = vec![Default::default(); sequences.len()];
        tch::no_grad(|| {
            for (pass, batch) in self.passes(sequences, settings) {
                let (tokens, pooled) = self.logits(&self.backbone.states(&batch), &batch);
                let mut tokens = rows_of(&tokens).into_iter();
                for (index, pooled) in pass.iter().zip(rows_of(&pooled)) {
                    let n = sequences[*index].target.len();
                    out[*index] = (tokens.by_ref().take(n).collect(), pooled);
                }
            }
        });
        out
    }
}

fn rows_of(matrix: &Tensor) -> Vec<Vec<f32>> {
    let (n, width) = matrix.size2().expect("a matrix");
    let mut data = vec![0.0; (n * width) as usize];
    let matrix = matrix.to_device(Device::Cpu).contiguous();
    matrix.copy_data(&mut data, (n * width) as usize);
    data.chunks(width as usize).map(<[f32]>::to_vec).collect()
}

/// Weights and biases uniformly within ±1/√n_in, as `torch.nn.Linear` begins.
fn new_layer(
    parameters: &mut Parameters,
    name: &str,
    (n_out, n_in): (usize, usize),
    seed: u64,
) -> Result<Linear> {
    let bound = (n_in as f64).sqrt().recip();
    let start = if name.ends_with("output") { 1 << 32 } else { 0 };
    let numbers = |n: usize, offset: u64| -> Vec<f32> {
        (0..n as u64)
            .map(|index| ((uniform(seed, offset + index) * 2.0 - 1.0) * bound) as f32)
            .collect()
    };
    let weight = numbers(n_out * n_in, start);
    let bias = numbers(n_out, start + (n_out * n_in) as u64);
    Linear::new(parameters, name, (n_out, n_in), &weight, Some(&bias))
}

/// A critic with what its export needs.
pub(super) struct TrainedCritic {
    pub(super) critic: Critic,
    pub(super) optimizer: AdamW,
    pub(super) tokenizer: TokenizerSource,
}

impl Export for TrainedCritic {
    fn optimizers(&self) -> BTreeMap<String, Array> {
        self.optimizer.arrays()
    }

    fn write(&self, folder: &Path) -> Result<()> {
        self.critic.write(folder, &self.tokenizer)
    }
}

impl Critic {
    pub(super) fn write(&self, folder: &Path, tokenizer: &TokenizerSource) -> Result<()> {
        let backbone = &self.backbone;
        super::run::write_model(folder, &backbone.config, backbone.arrays(), tokenizer)?;
        let text = serde_json::to_string_pretty(&self.settings).expect("plain data");
        write_file(&folder.join(SETTINGS), text.as_bytes())
    }
}

/// A program with its class.
pub(super) struct Classified {
    pub(super) sequence: Sequence,
    pub(super) class: usize,
}

/// # Errors
/// What the tokenizer reports.
pub(super) fn classified(
    samples: &[TrainingSample],
    sequencer: &Sequencer<'_>,
    settings: CriticSettings,
) -> Result<Vec<Classified>> {
    samples
        .iter()
        .map(|sample| {
            Ok(Classified {
                sequence: sequencer.sequence(&sample.prompt, &sample.program)?,
                class: settings.classes.class_of(sample.feedback.outcome),
            })
        })
        .collect()
}

pub(super) fn train(
    session: &mut Session<'_, '_>,
    trained: &mut TrainedCritic,
    samples: &[Classified],
    validation: &[Classified],
) -> Result<()> {
    let settings = session.settings;
    let size = settings.batch.size as usize;
    let mut passes = Passes::new(samples.len(), size, settings.seed, Purpose::Order);
    while !session.is_done() {
        let step = session.progress.step;
        session.begin_update();
        let chosen: Vec<&Classified> = passes
            .update(step)
            .into_iter()
            .map(|index| &samples[index])
            .collect();
        let sequences: Vec<&Sequence> = chosen.iter().map(|sample| &sample.sequence).collect();
        let classes: Vec<usize> = chosen.iter().map(|sample| sample.class).collect();
        tch::manual_seed(seed_for(settings.seed, Purpose::Dropout, step) as i64);
        let loss = trained
            .critic
            .backward(&sequences, &classes, &settings.batch);
        let parameters = trained.critic.parameters();
        let values = trained
            .optimizer
            .follow(parameters, loss, step + 1, session.n_steps)?;
        let n_tokens = sequences.iter().map(|sequence| sequence.n_tokens()).sum();
        session.updated(n_tokens, values)?;
        if session.is_planned() && !validation.is_empty() {
            let (loss, accuracy) = evaluate(&trained.critic, validation, &settings.batch);
            session.measured(named([("validation_accuracy", accuracy)]))?;
            session.validated(trained, &Measure::loss(loss))?;
        }
        if session.is_due() {
            session.keep(trained)?;
        }
    }
    session.finish(trained, VALIDATION_LOSS)
}

/// Mean loss on samples, and the part of them whose class is found.
fn evaluate(critic: &Critic, samples: &[Classified], settings: &BatchSettings) -> (f64, f64) {
    let sequences: Vec<&Sequence> = samples.iter().map(|sample| &sample.sequence).collect();
    let mut loss = 0.0;
    let mut n_right = 0.0;
    for (sample, (_, pooled)) in samples.iter().zip(critic.score(&sequences, settings)) {
        loss -= f64::from(softmax(&pooled)[sample.class].max(f32::MIN_POSITIVE)).ln();
        if largest(&pooled) == sample.class {
            n_right += 1.0;
        }
    }
    let n = samples.len() as f64;
    (loss / n, n_right / n)
}

/// The first of the largest.
fn largest(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, index| {
        if values[index] > values[best] {
            index
        } else {
            best
        }
    })
}

/// What a critic says of samples.
///
/// # Errors
/// What the tokenizer reports.
pub fn score_samples(
    critic: &Critic,
    tokenizer: &Tokenizer,
    samples: &[TrainingSample],
    settings: &BatchSettings,
) -> Result<Vec<CriticScore>> {
    let sequencer = Sequencer::new(tokenizer, critic.config(), settings);
    let sequences = samples
        .iter()
        .map(|sample| sequencer.sequence(&sample.prompt, &sample.program))
        .collect::<Result<Vec<_>>>()?;
    let all: Vec<&Sequence> = sequences.iter().collect();
    let scores = critic.score(&all, settings);
    Ok(samples
        .iter()
        .zip(sequences)
        .zip(scores)
        .map(|((sample, sequence), (logits, pooled))| CriticScore {
            id: sample.id.clone(),
            origin: sample.origin,
            token_texts: tokenizer.texts(&sequence.target),
            token_ids: sequence.target,
            prompt_ids: Some(sequence.source),
            logits,
            predicted: largest(&pooled),
            probabilities: softmax(&pooled),
        })
        .collect())
}

/// A critic that learns goes on from its optimizer's state.
pub(super) fn resume(
    mut critic: Critic,
    tokenizer: TokenizerSource,
    settings: &TrainingSettings,
    saved: Option<&Saved>,
) -> Result<TrainedCritic> {
    critic.require_gradients();
    let mut optimizer = AdamW::new(&settings.optimizer, critic.parameters());
    if let Some(saved) = saved {
        optimizer.restore(saved.progress.step, |name, shape| {
            saved.optimizers.take(name, shape)
        })?;
    }
    Ok(TrainedCritic {
        critic,
        optimizer,
        tokenizer,
    })
}
