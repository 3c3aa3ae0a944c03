//! Learning from samples that were drawn and judged before, as the paper does.

use std::collections::BTreeMap;

use harness::problem::ProblemId;
use harness::training::{TrainingExample, TrainingSample};
use harness::verdict::Outcome;

use super::advantage::Judged;
use super::collapse;
use super::trainer::{IS_VALUE, Trainer, Weighted, needs_critic};
use super::update::Update;
use super::validation::VALIDATION_REWARD;
use crate::error::Result;
use crate::train::data::Records;
use crate::train::order::{Passes, Purpose};
use crate::train::sequence::Sequence;
use crate::train::session::Session;

impl Trainer<'_> {
    /// Learns from samples that were drawn and judged before.
    pub(in crate::train) fn train_offline(
        &mut self,
        session: &mut Session<'_, '_>,
        samples: &Records<TrainingSample>,
        references: &[Sequence],
        held_out: &[TrainingExample],
    ) -> Result<()> {
        self.validate_first(session, held_out)?;
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
            session.begin_update();
            let (n_tokens, values) = self.update(&update, step, session.n_steps)?;
            let health = collapse::watch_update(&mut session.progress, step + 1, &values);
            session.updated(n_tokens, values)?;
            if self.rl.stop_at_collapse {
                health?;
            }
            if session.is_planned() {
                self.validate(session, held_out)?;
            }
            if session.is_due() {
                session.keep(self)?;
            }
        }
        session.finish(self, VALIDATION_REWARD)
    }

    /// Adds the gradients of a first update over all samples and references; returns its loss.
    pub(in crate::train) fn backward_all(
        &self,
        samples: &Records<TrainingSample>,
        references: &[Sequence],
    ) -> Result<f64> {
        let weighted = self.weigh(samples)?;
        let update = Update {
            samples: weighted.iter().collect(),
            references: references.iter().collect(),
        };
        Ok(self.backward(&update, 0).1["loss"])
    }

    fn weigh(&self, samples: &Records<TrainingSample>) -> Result<Vec<Weighted>> {
        let lacks = |sample: &TrainingSample| sample.baseline.is_none();
        if self.needs_greedy()
            && let Some(index) = samples.iter().position(lacks)
        {
            let detail = format!(
                "sample `{}` has no greedy baseline program; make them with `coderl sample`, or \
                 use the baseline `none` or `group`",
                samples[index].id
            );
            return Err(samples.refuse(index, detail));
        }
        let mut by_problem: BTreeMap<&ProblemId, Vec<usize>> = BTreeMap::new();
        for (index, sample) in samples.iter().enumerate() {
            by_problem
                .entry(&sample.id.problem)
                .or_default()
                .push(index);
        }
        let mut advantages = vec![0.0; samples.len()];
        for members in by_problem.into_values() {
            let judged: Vec<Judged<'_>> = members
                .iter()
                .map(|index| Judged {
                    feedback: &samples[*index].feedback,
                    baseline: samples[*index].baseline,
                })
                .collect();
            let found = self.sample_advantages(&judged);
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
            .zip(samples.iter())
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
        samples: &Records<TrainingSample>,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<f32>>>> {
        if !needs_critic(self.rl) {
            return Ok(vec![None; samples.len()]);
        }
        if let Some(critic) = &self.critic {
            let pairs: Vec<(&Sequence, Outcome)> = sequences
                .iter()
                .zip(samples.iter())
                .map(|(sequence, sample)| (sequence, sample.feedback.outcome))
                .collect();
            let values = self.critic_values(&critic.critic, &pairs);
            return Ok(values.into_iter().map(Some).collect());
        }
        let of_sample = |(index, sequence): (usize, &Sequence)| {
            let sample = &samples[index];
            recorded_values(sample, sequence.target.len())
                .map(|values| Some(values.to_vec()))
                .map_err(|detail| {
                    samples.refuse(index, format_args!("sample `{}` {detail}", sample.id))
                })
        };
        sequences.iter().enumerate().map(of_sample).collect()
    }
}

/// The values of the first `n_tokens` tokens of a sample, or what is wrong with them.
fn recorded_values(
    sample: &TrainingSample,
    n_tokens: usize,
) -> std::result::Result<&[f32], String> {
    let Some(values) = &sample.token_values else {
        return Err("has no token values; name a critic, or use another token value".to_owned());
    };
    // A program that is cut here and was not there keeps the values of what is left: none depends
    // on what comes behind.
    let Some(values) = values.get(..n_tokens) else {
        return Err(format!(
            "has {} token values and {n_tokens} tokens; score it with a critic of the actor's \
             tokenizer",
            values.len(),
        ));
    };
    match values.iter().position(|value| !IS_VALUE.contains(value)) {
        None => Ok(values),
        Some(place) => Err(format!(
            "has token value {} of {}, and values are probabilities",
            place + 1,
            values[place],
        )),
    }
}
