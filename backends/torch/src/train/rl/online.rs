//! Rounds of sampling, judging and learning.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::problem::ProblemId;
use harness::seed::candidate_seed;
use harness::training::{Feedback, OnlineSettings, TrainingExample};
use harness::verdict::Outcome;

use super::advantage::Judged;
use super::collapse::watch_round;
use super::trainer::{CRITIC_UPDATES, Trainer, Weighted, needs_critic, updates_per_round};
use super::update::Update;
use super::validation::VALIDATION_REWARD;
use crate::error::Result;
use crate::train::optimizer::finite;
use crate::train::order::{Passes, Purpose, permutation, seed_for};
use crate::train::rollout::{Draw, Sampled, draw, judged};
use crate::train::schedule::learning_rate;
use crate::train::sequence::Sequence;
use crate::train::session::Session;
use crate::train::supervised::named;

/// Samples of a round with their feedback.
struct Round {
    samples: Vec<(Sampled, Feedback)>,
    /// By position in the problems of the round.
    baselines: Vec<Option<Outcome>>,
    n_unjudged: usize,
}

impl Trainer<'_> {
    /// Learns in rounds. `examples` are the reference programs, and say what is read.
    pub(in crate::train) fn train_online(
        &mut self,
        session: &mut Session<'_, '_>,
        online: &OnlineSettings,
        examples: &[TrainingExample],
        held_out: &[TrainingExample],
    ) -> Result<()> {
        self.validate_first(session, held_out)?;
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
            let begun = Instant::now();
            let found = self.sample_round(session, online, &chosen, round)?;
            self.report_round(session, round, &found, begun)?;
            let weighted = self.weigh_round(&found);
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
                session.begin_update();
                let (n_tokens, values) = self.update(&update, step, session.n_steps)?;
                session.updated(n_tokens, values)?;
            }
            if self.critic_learns() {
                self.train_critic(session, online, &found, round)?;
            }
            // Rounds are what can be gone on from.
            let every = u64::from(session.settings.checkpoints.every.max(1));
            let made = session.progress.step / every;
            let before = (session.progress.step - per_round) / every;
            let is_planned = made > before || session.is_done();
            if is_planned {
                self.validate(session, held_out)?;
            }
            if is_planned || session.link.is_stopped() {
                session.keep(self)?;
            }
        }
        session.finish(self, VALIDATION_REWARD)
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
        let feedback = judged(session.link, &drawn, |prompt| chosen[prompt][0].problem())?;
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

    /// Tells how a round went, and ends a training that has collapsed.
    fn report_round(
        &self,
        session: &mut Session<'_, '_>,
        round: u64,
        found: &Round,
        begun: Instant,
    ) -> Result<()> {
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
        session.sampled(values, lengths, begun.elapsed().as_secs_f64())?;
        let health = watch_round(&mut session.progress, round + 1, passed);
        if self.rl.stop_at_collapse {
            health?;
        }
        Ok(())
    }

    fn weigh_round(&self, found: &Round) -> Vec<Weighted> {
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
        for (prompt, baseline) in found.baselines.iter().enumerate() {
            let judged: Vec<Judged<'_>> = found
                .samples
                .iter()
                .filter(|(sample, _)| sample.prompt == prompt)
                .map(|(_, feedback)| Judged {
                    feedback,
                    baseline: *baseline,
                })
                .collect();
            let advantages = self.sample_advantages(&judged);
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
        weighted
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
