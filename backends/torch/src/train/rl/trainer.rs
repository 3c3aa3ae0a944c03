//! What reinforcement learning works with, and what it needs for that.

use std::collections::BTreeMap;
use std::path::Path;

use harness::training::{Algorithm, BatchSettings, OnlineSettings, RlSettings, TokenValue};

use crate::checkpoint::Array;
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
use crate::train::actor::Actor;
use crate::train::checkpoint::Saved;
use crate::train::critic::TrainedCritic;
use crate::train::sequence::{Sequence, Sequencer};
use crate::train::session::Export;
use crate::train::supervised::TrainedActor;

/// A sample with what each of its tokens is worth.
pub(super) struct Weighted {
    pub(super) sequence: Sequence,
    /// `[T]`.
    pub(super) advantages: Vec<f32>,
    /// log p of the tokens when the sample was drawn; only clipped losses ask for it.
    pub(super) sampled_log_probs: Vec<f32>,
}

impl Weighted {
    pub(super) fn is_idle(&self) -> bool {
        self.advantages.iter().all(|advantage| *advantage == 0.0)
    }
}

/// What token values may be: probabilities, with room for rounding.
pub(super) const IS_VALUE: std::ops::RangeInclusive<f32> = 0.0..=1.0001;

/// What the stage works with.
pub(in crate::train) struct Trainer<'a> {
    pub(in crate::train) trained: TrainedActor,
    pub(in crate::train) critic: Option<TrainedCritic>,
    /// The actor as it was before training, where a loss compares with it.
    pub(in crate::train) reference: Option<Actor>,
    pub(in crate::train) tokenizer: &'a Tokenizer,
    pub(in crate::train) sequencer: Sequencer<'a>,
    pub(in crate::train) rl: &'a RlSettings,
    pub(in crate::train) batch: &'a BatchSettings,
    pub(in crate::train) seed: u64,
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
pub(in crate::train) fn needs_reference(rl: &RlSettings) -> bool {
    match rl.algorithm {
        Algorithm::Ppo { kl_weight, .. } | Algorithm::Grpo { kl_weight, .. } => {
            // Offline, the samples were drawn by that model.
            kl_weight > 0.0 || rl.online.is_none()
        }
        Algorithm::CodeRl { .. } | Algorithm::Rltf { .. } => false,
    }
}

/// Whether token values come from a critic.
pub(in crate::train) fn needs_critic(rl: &RlSettings) -> bool {
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
pub(in crate::train) fn updates_per_round(online: &OnlineSettings, batch: &BatchSettings) -> u64 {
    let samples = u64::from(online.problems_per_round) * u64::from(online.n_samples);
    u64::from(online.epochs_per_round.max(1)) * samples.div_ceil(u64::from(batch.size.max(1)))
}

/// Note of how many updates the critic had.
pub(super) const CRITIC_UPDATES: &str = "critic_updates";

/// Takes the state of the critic's optimizer on, where the critic learns.
pub(in crate::train) fn restore_critic(critic: &mut TrainedCritic, saved: &Saved) -> Result<()> {
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
