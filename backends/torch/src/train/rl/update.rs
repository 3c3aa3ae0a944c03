//! One update: L_ce on references, L_rl on samples.

use std::collections::BTreeMap;

use harness::training::{Algorithm, StepOrder};
use tch::{Device, Kind, Tensor};

use super::trainer::{Trainer, Weighted};
use crate::error::Result;
use crate::train::actor::Actor;
use crate::train::loss;
use crate::train::order::{Purpose, seed_for};
use crate::train::sequence::Sequence;
use crate::train::supervised::{TrainedActor, backward_cross_entropy, passes};

/// What an update follows.
pub(super) struct Update<'a> {
    pub(super) samples: Vec<&'a Weighted>,
    pub(super) references: Vec<&'a Sequence>,
}

impl Trainer<'_> {
    /// Makes one update; returns the tokens that were computed, and numbers.
    pub(super) fn update(
        &mut self,
        update: &Update<'_>,
        step: u64,
        n_steps: u64,
    ) -> Result<(usize, BTreeMap<String, f64>)> {
        let (n_tokens, mut values) = self.backward(update, step);
        let TrainedActor {
            actor, optimizer, ..
        } = &mut self.trained;
        values.extend(optimizer.follow(actor.learning(), values["loss"], step + 1, n_steps)?);
        Ok((n_tokens, values))
    }

    /// Adds the gradients of update `step`; returns the tokens that were computed, and numbers.
    pub(super) fn backward(
        &self,
        update: &Update<'_>,
        step: u64,
    ) -> (usize, BTreeMap<String, f64>) {
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
                let n_labels: usize = sequences.iter().map(|sequence| sequence.target.len()).sum();
                let divisor = loss::divisor(self.rl.reduction, sequences.len(), n_labels);
                let weight = self.rl.ce_weight / divisor;
                let loss =
                    backward_cross_entropy(&self.trained.actor, &sequences, self.batch, weight);
                values.insert("ce_loss".to_owned(), loss / self.rl.ce_weight);
                let nll = loss / weight / n_labels as f64;
                values.insert("ce_nll".to_owned(), nll);
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
    pub(super) fn backward_rl(&self, samples: &[&Weighted]) -> (f64, usize, BTreeMap<String, f64>) {
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
        // -log p of tokens with an advantage, and their number.
        let (mut nll, mut n_wanted) = (0.0, 0);
        for (pass, batch) in passes(actor, &sequences, self.batch) {
            let flat = |values: fn(&Weighted) -> &[f32]| {
                let values: Vec<f32> = pass
                    .iter()
                    .flat_map(|index| values(active[*index]).iter().copied())
                    .collect();
                Tensor::from_slice(&values).to_device(actor.device())
            };
            let advantages = flat(|sample| &sample.advantages);
            let wanted = advantages.gt(0.0);
            n_wanted += wanted.sum(Kind::Int64).int64_value(&[]);
            total += actor.backward(&batch, |states| {
                let all = loss::log_softmax(&actor.logits(states, &batch));
                entropy += loss::entropy(&all);
                let log_probs = loss::of_labels(&all, &batch.labels);
                let of_wanted = log_probs.detach() * &wanted;
                nll -= of_wanted.sum(Kind::Double).double_value(&[]);
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
                        let divergence =
                            loss::kl_divergence(&log_probs, &reference.log_probs(&batch));
                        kl += divergence.double_value(&[]);
                        loss + divergence * kl_weight
                    }
                    _ => loss,
                };
                loss * weight
            });
            n_seen += batch.n_labels;
        }
        let mut values = BTreeMap::new();
        if n_seen > 0 {
            values.insert("entropy".to_owned(), entropy / n_seen as f64);
            if self.reference.is_some() {
                values.insert("kl".to_owned(), kl / n_seen as f64);
            }
            if n_wanted > 0 {
                values.insert("advantage_nll".to_owned(), nll / n_wanted as f64);
            }
        }
        let n_tokens = sequences.iter().map(|sequence| sequence.n_tokens()).sum();
        (total, n_tokens, values)
    }

    /// log p of the tokens of samples as `actor` has them, which a clipped loss compares with.
    pub(super) fn log_probs(&self, actor: &Actor, sequences: &[&Sequence]) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); sequences.len()];
        for (pass, batch) in passes(actor, sequences, self.batch) {
            let mut data = vec![0.0_f32; batch.n_labels];
            let log_probs = actor.log_probs(&batch).to_device(Device::Cpu);
            log_probs.contiguous().copy_data(&mut data, batch.n_labels);
            let mut data = data.into_iter();
            for index in pass {
                let n = sequences[index].target.len();
                out[index] = data.by_ref().take(n).collect();
            }
        }
        out
    }

    pub(super) fn is_clipped(&self) -> bool {
        matches!(
            self.rl.algorithm,
            Algorithm::Ppo { .. } | Algorithm::Grpo { .. }
        )
    }
}
