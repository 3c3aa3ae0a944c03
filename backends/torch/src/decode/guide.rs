//! Guided decoding: a critic reads along and has its say in each token that is drawn.
//!
//! The sampler leaves some tokens to draw from, with probabilities p(w). The critic tries the most
//! probable of them: q(w) = p(passed | w_1 … w, D) (Eq. 11). A token is then drawn by
//! p'(w) ∝ p(w) · (q(w) / q̄)^β, where q̄ = Σ p q / Σ p over the tokens that were tried. By the law
//! of total probability q̄ is what the critic expects of the prefix, so that a token that was not
//! tried is taken to be worth just that. β = 0 leaves the draw as it is, to the last bit; β = 1 is
//! Bayes' rule for p(w | passed), if the critic is right.
//!
//! Where the sampler leaves one token, there is nothing to say and nothing is tried.

use std::collections::VecDeque;

use harness::decoding::Guidance;

use super::model::{Cache, Decoder, PeekRow, Prompt, StepRow};
use super::sampler::Draw;
use crate::cpu::{CpuCritic, Rows};
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;

/// A critic beside the model, of the same vocabulary.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    pub critic: &'a CpuCritic,
    /// Tokens of a program that it reads at most. It has no say in what comes after.
    pub max_program: usize,
}

/// What the critic has read of a candidate.
pub(super) struct Reading {
    guidance: Guidance,
    prompt: Prompt,
    cache: Cache,
    /// Tokens that are decided on and not read, in order.
    unread: VecDeque<u32>,
    /// Tokens that it may still read of the program.
    room: usize,
    /// Tokens that it read or tried, the prompt apart.
    pub(super) n_read: usize,
}

/// Checks that the ids of a model mean the same to a critic.
///
/// # Errors
/// They do not.
pub fn check_vocabulary(
    (model, tokenizer): (&dyn Decoder, &Tokenizer),
    (critic, critics): (&CpuCritic, &Tokenizer),
) -> Result<()> {
    let [n, n_critics] = [model.vocabulary_size(), critic.model.vocabulary_size()];
    if tokenizer.digest() != critics.digest() || n > n_critics {
        return Err(Error::request(format!(
            "the critic has another vocabulary ({n_critics} tokens) than the model ({n} tokens), \
             and its values are of tokens; train a critic that begins with this model, or with \
             one of the same tokenizer"
        )));
    }
    Ok(())
}

impl Guide<'_> {
    /// Reads a prompt.
    ///
    /// # Errors
    /// What the critic's model says of it.
    pub(super) fn read(&self, prompt: &[u32]) -> Result<Prompt> {
        self.critic.model.read(prompt)
    }

    /// Tokens of a program of up to `n` that the critic reads, behind a prompt of `n_prompt`.
    fn room(&self, n_prompt: usize, n: usize) -> usize {
        let positions = self.critic.model.max_positions();
        let room = positions.map_or(usize::MAX, |max| max.saturating_sub(n_prompt));
        n.min(self.max_program).min(room)
    }

    /// Begins to read a candidate of up to `n` tokens.
    pub(super) fn begin(&self, guidance: Guidance, prompt: Prompt, n: usize) -> Reading {
        let room = self.room(prompt.n_tokens(), n);
        let start = self.critic.model.start_token();
        Reading {
            guidance,
            cache: self.critic.model.new_cache(start.iter().count() + room),
            unread: start.into_iter().collect(),
            prompt,
            room,
            n_read: 0,
        }
    }

    /// Bytes of memory for a candidate of up to `n` tokens.
    pub(super) fn bytes(&self, n: usize) -> usize {
        n.min(self.max_program).next_multiple_of(32) * self.critic.model.bytes_per_token()
    }

    /// Changes the weights of `draws`, each with what was read of its candidate.
    pub(super) fn weigh(&self, draws: &mut [(&mut Reading, &mut Draw)]) {
        self.catch_up(draws);
        let tried: Vec<Vec<usize>> = draws
            .iter()
            .map(|(reading, draw)| match reading.room {
                0 => Vec::new(),
                _ => most_probable(draw, reading.guidance.top as usize),
            })
            .collect();
        let mut peeks = Vec::new();
        for ((reading, draw), tried) in draws.iter().zip(&tried) {
            peeks.extend(tried.iter().map(|index| PeekRow {
                token: u32::try_from(draw.weighted[*index].0).expect("ids fit"),
                prompt: &reading.prompt,
                cache: &reading.cache,
            }));
        }
        if peeks.is_empty() {
            return;
        }
        let mut states = Rows::default();
        self.critic.model.peek(&peeks, &mut states);
        drop(peeks);
        let mut log_passed = self.critic.log_passed(&states).into_iter();
        for ((reading, draw), tried) in draws.iter_mut().zip(tried) {
            let values: Vec<f64> = log_passed.by_ref().take(tried.len()).collect();
            reweigh(draw, &tried, &values, reading.guidance.strength);
            reading.n_read += tried.len();
        }
    }

    /// Reads what was decided on.
    fn catch_up(&self, draws: &mut [(&mut Reading, &mut Draw)]) {
        loop {
            let mut rows: Vec<StepRow<'_>> = draws
                .iter_mut()
                .filter_map(|(reading, _)| {
                    let token = reading.unread.pop_front()?;
                    reading.n_read += 1;
                    Some(StepRow {
                        token,
                        prompt: &reading.prompt,
                        cache: &mut reading.cache,
                    })
                })
                .collect();
            if rows.is_empty() {
                return;
            }
            self.critic.model.advance(&mut rows, &mut Rows::default());
        }
    }
}

impl Reading {
    /// Notes a token that was decided on.
    pub(super) fn push(&mut self, token: u32) {
        if self.room > 0 {
            self.room -= 1;
            self.unread.push_back(token);
        }
    }
}

/// Positions in `draw` of its `n` most probable tokens, of equals the smaller ids. None where there
/// is no choice.
fn most_probable(draw: &Draw, n: usize) -> Vec<usize> {
    if draw.weighted.len() < 2 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..draw.weighted.len()).collect();
    order.sort_by(|a, b| {
        let [a_weight, b_weight] = [a, b].map(|index| draw.weighted[*index].1);
        b_weight.total_cmp(&a_weight).then(a.cmp(b))
    });
    order.truncate(n);
    order
}

/// Multiplies the weights of the tokens that were `tried` by (q / q̄)^β, given ln q.
fn reweigh(draw: &mut Draw, tried: &[usize], log_passed: &[f64], strength: f64) {
    let Some(largest) = log_passed.iter().copied().reduce(f64::max) else {
        return;
    };
    let (mut weights, mut passed) = (0.0, 0.0);
    for (index, value) in tried.iter().zip(log_passed) {
        let weight = draw.weighted[*index].1;
        weights += weight;
        passed += weight * (value - largest).exp();
    }
    let log_mean = largest + (passed / weights).ln();
    // Relative to the largest, so that nothing overflows however strong the guidance is.
    let unit = (strength * (largest - log_mean)).max(0.0);
    let mut factors = vec![(-unit).exp(); draw.weighted.len()];
    for (index, value) in tried.iter().zip(log_passed) {
        factors[*index] = (strength * (value - log_mean) - unit).exp();
    }
    for ((_, weight), factor) in draw.weighted.iter_mut().zip(factors) {
        *weight *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(weights: &[f64]) -> Draw {
        Draw {
            weighted: weights.iter().copied().enumerate().collect(),
            ..Draw::default()
        }
    }

    #[test]
    fn one_is_bayes_rule_and_zero_changes_nothing() {
        let prior = [0.5, 0.3, 0.2];
        let passed: [f64; 3] = [0.1, 0.8, 0.4];
        let logs = passed.map(f64::ln);
        let mut guided = draw(&prior);
        reweigh(&mut guided, &[0, 1, 2], &logs, 1.0);
        let total: f64 = prior.iter().zip(passed).map(|(p, q)| p * q).sum();
        let sum: f64 = guided.weighted.iter().map(|(_, weight)| weight).sum();
        for (index, (_, weight)) in guided.weighted.iter().enumerate() {
            let posterior = prior[index] * passed[index] / total;
            let weight = weight / sum;
            assert!((weight - posterior).abs() < 1e-12, "{weight} {posterior}");
        }
        let mut same = draw(&prior);
        reweigh(&mut same, &[0, 1, 2], &logs, 0.0);
        assert_eq!(same, draw(&prior));
        // However strong, it stays a distribution, of one token in the end.
        let mut strong = draw(&prior);
        reweigh(&mut strong, &[0, 1, 2], &logs, 1e6);
        assert_eq!(strong.at(0.999).token, 1);
        assert_eq!(strong.at(0.0).token, 1);
    }

    #[test]
    fn what_was_not_tried_keeps_its_share() {
        let mut guided = draw(&[0.4, 0.1, 0.5]);
        assert_eq!(most_probable(&guided, 2), [2, 0]);
        reweigh(&mut guided, &[2, 0], &[0.9_f64.ln(), 0.3_f64.ln()], 1.0);
        let total: f64 = guided.weighted.iter().map(|(_, weight)| weight).sum();
        assert!((guided.weighted[1].1 / total - 0.1).abs() < 1e-12);
    }

    #[test]
    fn of_equals_the_first_are_tried_and_of_one_none() {
        assert_eq!(most_probable(&draw(&[0.2, 0.4, 0.2, 0.2]), 3), [1, 0, 2]);
        assert!(most_probable(&draw(&[1.0]), 3).is_empty());
    }
}
