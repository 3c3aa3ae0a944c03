//! Validation: programs for problems that are held out, judged by the harness.
//!
//! They are drawn with the same seeds each time, so that two models are compared on the same draws.
//! The mean reward decides, as it is what is learnt.

use harness::decoding::Method;
use harness::seed::candidate_seed;
use harness::training::TrainingExample;
use harness::verdict::Outcome;

use super::trainer::Trainer;
use crate::error::Result;
use crate::train::order::{Purpose, seed_for};
use crate::train::rollout::{Draw, draw, judged};
use crate::train::session::{Better, Measure, Session};
use crate::train::supervised::named;

/// Mean reward of the programs for problems that are held out.
pub(super) const VALIDATION_REWARD: &str = "validation_reward";

impl Trainer<'_> {
    /// What the model is worth that training begins with: none of those to come may be better.
    pub(super) fn validate_first(
        &self,
        session: &mut Session<'_, '_>,
        held_out: &[TrainingExample],
    ) -> Result<()> {
        match (session.progress.step, session.progress.best) {
            (0, None) => self.validate(session, held_out),
            _ => Ok(()),
        }
    }

    /// Tries the model on problems that are held out, where there are any.
    pub(super) fn validate(
        &self,
        session: &mut Session<'_, '_>,
        held_out: &[TrainingExample],
    ) -> Result<()> {
        if held_out.is_empty() {
            return Ok(());
        }
        let settings = &self.rl.validation;
        let how = Draw {
            method: match settings.n_samples {
                1 => Method::Greedy,
                _ => Method::sample_or_greedy(settings.temperature, settings.top_p, None),
            },
            max_new_tokens: self.batch.max_target_tokens,
        };
        let seed = seed_for(self.seed, Purpose::Validation, 0);
        let prompts: Vec<_> = held_out
            .iter()
            .map(|example| {
                let indices = 0..settings.n_samples;
                let seeds = indices.map(|index| candidate_seed(seed, example.problem(), index));
                (&example.prompt, seeds.collect())
            })
            .collect();
        let actor = &self.trained.actor;
        let drawn = draw(actor, self.tokenizer, &self.sequencer, &prompts, how)?;
        let feedback = judged(session.link, &drawn, |prompt| held_out[prompt].problem())?;
        let found: Vec<_> = feedback.into_iter().flatten().collect();
        let n = found.len().max(1) as f64;
        let passed = |outcome| outcome == Outcome::PassedTests;
        let n_passed = found.iter().filter(|it| passed(it.outcome)).count();
        let reward: f64 = found.iter().map(|it| self.reward(it)).sum();
        session.measured(named([("validation_passed", n_passed as f64 / n)]))?;
        let measure = Measure {
            name: VALIDATION_REWARD,
            value: reward / n,
            better: Better::Higher,
        };
        session.validated(self, &measure)
    }
}
