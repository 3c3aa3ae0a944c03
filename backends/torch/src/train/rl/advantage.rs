//! What a sample, and each of its tokens, is worth (Eqs. 4–8 and 10).

use harness::reward::{adaptive_reward, group_advantages};
use harness::training::{Algorithm, Baseline, Feedback, TokenValue};
use harness::verdict::Outcome;
use tch::{Kind, Tensor};

use super::trainer::Trainer;
use crate::train::critic::Critic;
use crate::train::loss;
use crate::train::sequence::Sequence;

/// What became of a sample, and how its problem's greedy program did.
pub(super) struct Judged<'a> {
    pub(super) feedback: &'a Feedback,
    pub(super) baseline: Option<Outcome>,
}

impl Trainer<'_> {
    pub(super) fn critic_learns(&self) -> bool {
        let online = self.rl.online.as_ref();
        online.is_some_and(|online| online.critic_epochs_per_round > 0)
    }

    pub(super) fn reward(&self, feedback: &Feedback) -> f64 {
        let findings = f64::from(feedback.n_lint_findings.unwrap_or(0));
        feedback.outcome.reward() - self.rl.lint_penalty * findings
    }

    /// Whether greedy programs are compared with.
    pub(super) fn needs_greedy(&self) -> bool {
        match self.rl.algorithm {
            Algorithm::CodeRl { baseline, .. } | Algorithm::Ppo { baseline, .. } => {
                baseline == Baseline::Greedy
            }
            Algorithm::Rltf { .. } => true,
            Algorithm::Grpo { .. } => false,
        }
    }

    /// r(W) - b of the samples of one problem.
    ///
    /// # Panics
    /// Where greedy programs are needed, and a sample has none: callers see to that.
    pub(super) fn sample_advantages(&self, samples: &[Judged<'_>]) -> Vec<f64> {
        let rewards: Vec<f64> = samples
            .iter()
            .map(|sample| self.reward(sample.feedback))
            .collect();
        let relative = || -> Vec<f64> {
            let pairs = samples.iter().zip(&rewards);
            pairs
                .map(|(sample, reward)| {
                    let baseline = sample.baseline.expect("seen to by the caller");
                    reward - baseline.reward()
                })
                .collect()
        };
        let mut advantages = match self.rl.algorithm {
            Algorithm::CodeRl { baseline, .. } | Algorithm::Ppo { baseline, .. } => {
                match baseline {
                    Baseline::None => rewards,
                    Baseline::Greedy => relative(),
                    Baseline::Group => group_advantages(&rewards, false),
                }
            }
            Algorithm::Grpo { .. } => group_advantages(&rewards, true),
            Algorithm::Rltf {
                adaptive_weight, ..
            } => relative()
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
        advantages
    }

    /// A_t of a sample, given its advantage and the critic's values where these are asked for.
    pub(super) fn token_advantages(
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
    pub(super) fn critic_values(
        &self,
        critic: &Critic,
        samples: &[(&Sequence, Outcome)],
    ) -> Vec<Vec<f32>> {
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
