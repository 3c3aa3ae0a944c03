//! Learning from samples that were drawn and judged before, as the paper does.

use std::collections::BTreeMap;

use harness::problem::ProblemId;
use harness::training::TrainingSample;
use harness::verdict::Outcome;

use super::advantage::Judged;
use super::trainer::{IS_VALUE, Trainer, Weighted, needs_critic};
use super::update::Update;
use crate::error::{Error, Result};
use crate::train::order::{Passes, Purpose};
use crate::train::sequence::Sequence;
use crate::train::session::Session;

impl Trainer<'_> {
    /// Learns from samples that were drawn and judged before.
    pub(in crate::train) fn train_offline(
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
            let (n_tokens, values) = self.update(&update, step, session.n_steps)?;
            session.updated(n_tokens, values)?;
            if session.is_due() {
                session.keep(self, None)?;
            }
        }
        session.finish(self, BTreeMap::new())
    }

    /// Adds the gradients of a first update over all samples and references; returns its loss.
    pub(in crate::train) fn backward_all(
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
