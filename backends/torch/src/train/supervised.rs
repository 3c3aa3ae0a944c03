//! L_ce (Eq. 1): finetuning on programs, the repair model (Eq. 13), and pretraining, which is
//! the same loss on other sequences.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::training::{BatchSettings, TrainingSettings};
use tch::Kind;

use super::actor::Actor;
use super::batch::{Batch, Padding, PassLimits, Reads, micro_batches};
use super::checkpoint::Saved;
use super::loss;
use super::optimizer::AdamW;
use super::order::{Purpose, seed_for};
use super::sequence::Sequence;
use super::session::{Export, Measure, Session, VALIDATION_LOSS};
use crate::checkpoint::{Array, Checkpoint, TokenizerSource};
use crate::error::Result;

/// An actor with what its export needs.
pub(super) struct TrainedActor {
    pub(super) actor: Actor,
    pub(super) optimizer: AdamW,
    pub(super) tokenizer: TokenizerSource,
    /// What training began with.
    base: PathBuf,
}

impl Export for TrainedActor {
    fn optimizers(&self) -> BTreeMap<String, Array> {
        self.optimizer.arrays()
    }

    fn write(&self, folder: &Path) -> Result<()> {
        super::run::write_model(
            folder,
            &self.actor.config,
            self.actor.arrays(),
            &self.tokenizer,
        )?;
        self.actor.write_adapter(folder, &self.base)
    }
}

impl TrainedActor {
    pub(super) fn new(
        mut actor: Actor,
        base: &Checkpoint,
        settings: &TrainingSettings,
        saved: Option<&Saved>,
    ) -> Result<Self> {
        actor.require_gradients();
        let mut optimizer = AdamW::new(&settings.optimizer, actor.learning());
        if let Some(saved) = saved {
            optimizer.restore(saved.progress.step, |name, shape| {
                saved.optimizers.take(name, shape)
            })?;
        }
        Ok(Self {
            actor,
            optimizer,
            tokenizer: base.tokenizer.clone(),
            base: base.path.clone(),
        })
    }
}

/// Minimizes L_ce, as a mean over the tokens of an update, on what `sequences` gives for each
/// update (from 0).
pub(super) fn train(
    session: &mut Session<'_, '_>,
    trained: &mut TrainedActor,
    mut sequences: impl FnMut(u64) -> Result<Vec<Sequence>>,
    validation: &[Sequence],
) -> Result<()> {
    let settings = session.settings;
    while !session.is_done() {
        let step = session.progress.step;
        session.begin_update();
        let update = sequences(step)?;
        let update: Vec<&Sequence> = update.iter().collect();
        let n_labels: usize = update.iter().map(|sequence| sequence.target.len()).sum();
        tch::manual_seed(seed_for(settings.seed, Purpose::Dropout, step) as i64);
        let loss = backward_cross_entropy(
            &trained.actor,
            &update,
            &settings.batch,
            1.0 / n_labels as f64,
        );
        let values =
            trained
                .optimizer
                .follow(trained.actor.learning(), loss, step + 1, session.n_steps)?;
        let n_tokens = update.iter().map(|sequence| sequence.n_tokens()).sum();
        session.updated(n_tokens, values)?;
        if session.is_planned() {
            let loss = validation_loss(&trained.actor, validation, &settings.batch);
            if let Some(loss) = loss {
                session.validated(trained, &Measure::loss(loss))?;
            }
        }
        if session.is_due() {
            session.keep(trained)?;
        }
    }
    session.finish(trained, VALIDATION_LOSS)
}

pub(super) fn named<const N: usize>(values: [(&str, f64); N]) -> BTreeMap<String, f64> {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Adds the gradients of `weight × Σ -log p(w_t)` over all tokens of the sequences, pass by
/// pass; returns that number.
pub(super) fn backward_cross_entropy(
    actor: &Actor,
    sequences: &[&Sequence],
    settings: &BatchSettings,
    weight: f64,
) -> f64 {
    passes(actor, sequences, settings)
        .map(|(_, batch)| {
            actor.backward(&batch, |states| {
                let logits = actor.logits(states, &batch);
                loss::cross_entropy(&loss::token_log_probs(&logits, &batch.labels)) * weight
            })
        })
        .sum()
}

/// The passes over the sequences of an update: positions in `sequences`, and their batch.
pub(super) fn passes<'a>(
    actor: &'a Actor,
    sequences: &'a [&'a Sequence],
    settings: &BatchSettings,
) -> impl Iterator<Item = (Vec<usize>, Batch)> + 'a {
    let padding = Padding::of(&actor.config, settings);
    let limits = PassLimits::new(settings, actor.device());
    let passes = micro_batches(sequences, &actor.config, padding, limits);
    passes.into_iter().map(move |pass| {
        let members: Vec<&Sequence> = pass.iter().map(|index| sequences[*index]).collect();
        let reads = Reads::AllButLast;
        let batch = Batch::new(&members, &actor.config, padding, reads, actor.device());
        (pass, batch)
    })
}

/// Mean of `-log p(w_t)` over all tokens; `None` without sequences.
pub(super) fn validation_loss(
    actor: &Actor,
    sequences: &[Sequence],
    settings: &BatchSettings,
) -> Option<f64> {
    if sequences.is_empty() {
        return None;
    }
    let all: Vec<&Sequence> = sequences.iter().collect();
    let mut sum = 0.0;
    let mut n_labels = 0;
    for (_, batch) in passes(actor, &all, settings) {
        sum -= actor.log_probs(&batch).sum(Kind::Double).double_value(&[]);
        n_labels += batch.n_labels;
    }
    Some(sum / n_labels as f64)
}
