//! One token from the logits of one row.
//!
//! The order of operations and the sets of tokens are those of `transformers`: tokens that end
//! the text are barred below the minimal length; then temperature, then top-k (50 there unless
//! told otherwise, which the released CodeRL inherits), then top-p.
//!
//! A token is drawn by the inverse of the distribution function in the order of ids, not of
//! probabilities: rounding errors that exchange two tokens of about the same probability then
//! move no boundary.

use harness::decoding::Method;
use pulp::Arch;

use crate::cpu::{exp, vectorized};

/// A token, and the natural logarithm of the probability that the model gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) token: u32,
    pub(super) log_prob: f32,
}

/// What a token is drawn from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draw {
    /// Tokens in order of ids, with weights that need not add up to 1.
    pub(super) weighted: Vec<(usize, f64)>,
    /// Natural logarithms of the probabilities that the model gives them, where they are wanted.
    pub(super) log_probs: Vec<f32>,
}

impl Draw {
    /// The draw that `logits` `[V]` make of `method`. They are used as working memory; tokens in
    /// `barred` cannot be drawn.
    ///
    /// Greedy decoding leaves one token. Beam search does not choose by rows and is treated as
    /// greedy.
    pub(super) fn new(
        logits: &mut [f32],
        method: Method,
        barred: &[u32],
        wants_log_prob: bool,
    ) -> Self {
        let log_total = wants_log_prob.then(|| log_total(logits));
        for token in barred {
            logits[*token as usize] = f32::NEG_INFINITY;
        }
        let best = highest(logits);
        let weighted = match method {
            Method::Greedy | Method::Beam { .. } => vec![(first_of(logits, best), 1.0)],
            Method::Sample {
                temperature,
                top_p,
                top_k,
            } => {
                let kept = top_k.and_then(|k| keep_highest(logits, k as usize));
                support(logits, kept, best, temperature, top_p)
            }
        };
        let log_probs = log_total.map(|total| {
            let tokens = weighted.iter();
            tokens.map(|(token, _)| logits[*token] - total).collect()
        });
        Self {
            weighted,
            log_probs: log_probs.unwrap_or_default(),
        }
    }

    /// The token at `uniform` in `[0, 1)`.
    pub(super) fn at(&self, uniform: f64) -> Choice {
        let total: f64 = self.weighted.iter().map(|(_, weight)| weight).sum();
        let target = uniform * total;
        let mut sum = 0.0;
        let found = self.weighted.iter().position(|(_, weight)| {
            sum += weight;
            sum > target
        });
        let found = found.unwrap_or(self.weighted.len() - 1);
        Choice {
            token: u32::try_from(self.weighted[found].0).expect("ids fit"),
            log_prob: self.log_probs.get(found).copied().unwrap_or_default(),
        }
    }
}

/// The largest logit.
fn highest(logits: &[f32]) -> f32 {
    vectorized(
        Arch::new(),
        #[inline(always)]
        || {
            let (pieces, rest) = logits.as_chunks::<16>();
            let mut lanes = [f32::NEG_INFINITY; 16];
            for piece in pieces {
                for (lane, logit) in lanes.iter_mut().zip(piece) {
                    *lane = lane.max(*logit);
                }
            }
            lanes
                .iter()
                .chain(rest)
                .copied()
                .fold(f32::NEG_INFINITY, f32::max)
        },
    )
}

/// The first of equals, as `argmax` gives it.
fn first_of(logits: &[f32], best: f32) -> usize {
    logits
        .iter()
        .position(|logit| *logit == best)
        .expect("logits are numbers")
}

/// The natural logarithm of the probability of a token, given logits `[V]`.
pub fn log_probability(logits: &[f32], token: u32) -> f32 {
    logits[token as usize] - log_total(logits)
}

/// `ln Σ exp(logits)`.
pub(super) fn log_total(logits: &[f32]) -> f32 {
    let best = highest(logits);
    let total = vectorized(
        Arch::new(),
        #[inline(always)]
        || sum_of_weights(logits, best, 1.0),
    );
    best + total.ln() as f32
}

/// `Σ exp((logit - best) × factor)`.
#[inline(always)]
fn sum_of_weights(logits: &[f32], best: f32, factor: f32) -> f64 {
    let mut total = 0.0;
    for piece in logits.chunks(1024) {
        let mut lanes = [0.0_f32; 16];
        let (whole, rest) = piece.as_chunks::<16>();
        for piece in whole {
            for (lane, logit) in lanes.iter_mut().zip(piece) {
                *lane += exp((logit - best) * factor);
            }
        }
        total += f64::from(lanes.iter().sum::<f32>());
        for logit in rest {
            total += f64::from(exp((logit - best) * factor));
        }
    }
    total
}

/// The tokens with the `k` largest logits, and those that equal the last of them, in the order
/// of ids; `None` if these are all.
fn keep_highest(logits: &[f32], k: usize) -> Option<Vec<usize>> {
    if k == 0 || k >= logits.len() {
        return None;
    }
    // Tokens that may be among the best; the bound rises whenever there are too many.
    let mut candidates: Vec<usize> = Vec::with_capacity(4 * k);
    let mut bound = f32::NEG_INFINITY;
    let descending = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]);
    for (token, logit) in logits.iter().enumerate() {
        if *logit < bound {
            continue;
        }
        candidates.push(token);
        if candidates.len() >= 4 * k {
            candidates.select_nth_unstable_by(k - 1, descending);
            bound = logits[candidates[k - 1]];
            candidates.retain(|token| logits[*token] >= bound);
            if candidates.len() >= 4 * k {
                // Many equals: no bound shortens the list.
                candidates.reserve(candidates.len());
            }
        }
    }
    candidates.select_nth_unstable_by(k - 1, descending);
    let bound = logits[candidates[k - 1]];
    candidates.retain(|token| logits[*token] >= bound);
    candidates.sort_unstable();
    Some(candidates)
}

/// Those of the tokens in `kept` (all if `None`) that top-p leaves, with their weights after
/// temperature.
fn support(
    logits: &[f32],
    kept: Option<Vec<usize>>,
    best: f32,
    temperature: f64,
    top_p: f64,
) -> Vec<(usize, f64)> {
    let factor = (1.0 / temperature) as f32;
    let weight = |token: usize| f64::from(exp((logits[token] - best) * factor));
    let total: f64 = match &kept {
        Some(kept) => kept.iter().map(|token| weight(*token)).sum(),
        None => vectorized(
            Arch::new(),
            #[inline(always)]
            || sum_of_weights(logits, best, factor),
        ),
    };
    let mut weighted: Vec<(usize, f64)> = match kept {
        Some(kept) => kept
            .into_iter()
            .map(|token| (token, weight(token)))
            .collect(),
        None => {
            // Tokens that are too improbable to be in the nucleus even if all of them are taken
            // together. The logarithm leaves a margin for rounding.
            let bound = (1.0 - top_p) * total / logits.len() as f64;
            let bound = match top_p < 1.0 {
                true => best + (bound.ln() * temperature) as f32 - 1e-3,
                false => f32::NEG_INFINITY,
            };
            (0..logits.len())
                .filter(|token| logits[*token] >= bound && logits[*token] > f32::NEG_INFINITY)
                .map(|token| (token, weight(token)))
                .collect()
        }
    };
    if top_p < 1.0 {
        keep_nucleus(&mut weighted, total, top_p);
    }
    weighted
}

/// Keeps the most probable tokens, as few as have at least `top_p` of `total`, in the order of
/// ids. `weighted` may lack tokens that cannot be among them.
fn keep_nucleus(weighted: &mut Vec<(usize, f64)>, total: f64, top_p: f64) {
    // `transformers` sums from the improbable end, and drops while at most 1 - p is dropped. Of
    // equals it drops, being stable, the smaller ids first.
    weighted.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    let listed: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut dropped = (total - listed).max(0.0);
    while weighted.len() > 1 {
        let (_, weight) = weighted[weighted.len() - 1];
        dropped += weight;
        if dropped > (1.0 - top_p) * total {
            break;
        }
        weighted.pop();
    }
    weighted.sort_unstable_by_key(|(token, _)| *token);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f64; 5] = [0.1, 0.4, 0.05, 0.25, 0.2];

    fn sample(temperature: f64, top_p: f64, top_k: Option<u32>) -> Method {
        Method::Sample {
            temperature,
            top_p,
            top_k,
        }
    }

    /// Share of each token over evenly spaced draws.
    fn shares(method: Method, barred: &[u32]) -> [f64; 5] {
        const N: u32 = 10_000;
        let mut counts = [0.0; 5];
        for index in 0..N {
            let mut logits = LOGITS.map(|p| p.ln() as f32);
            let uniform = (f64::from(index) + 0.5) / f64::from(N);
            let choice = Draw::new(&mut logits, method, barred, true).at(uniform);
            counts[choice.token as usize] += 1.0 / f64::from(N);
            let expected = LOGITS[choice.token as usize].ln() as f32;
            assert!((choice.log_prob - expected).abs() < 1e-6);
        }
        counts
    }

    fn check(method: Method, barred: &[u32], expected: [f64; 5]) {
        for (found, expected) in shares(method, barred).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{method:?}: {found}");
        }
    }

    #[test]
    fn tokens_have_their_probabilities() {
        check(Method::Greedy, &[], [0., 1., 0., 0., 0.]);
        check(Method::Greedy, &[1], [0., 0., 0., 1., 0.]);
        check(sample(1.0, 1.0, None), &[], LOGITS);
        let squares: f64 = LOGITS.iter().map(|p| p * p).sum();
        check(sample(0.5, 1.0, None), &[], LOGITS.map(|p| p * p / squares));
        let two = [0., 0.4 / 0.65, 0., 0.25 / 0.65, 0.];
        check(sample(1.0, 1.0, Some(2)), &[], two);
        // 0.4 + 0.25 is less than 0.7; with 0.2 it is enough.
        let three = [0., 0.4 / 0.85, 0., 0.25 / 0.85, 0.2 / 0.85];
        check(sample(1.0, 0.7, None), &[], three);
        // Top-p counts within what top-k left.
        check(sample(1.0, 0.6, Some(2)), &[], [0., 1., 0., 0., 0.]);
        check(sample(1.0, 1e-9, None), &[], [0., 1., 0., 0., 0.]);
        let without = LOGITS.map(|p| if p == 0.4 { 0.0 } else { p / 0.6 });
        check(sample(1.0, 1.0, None), &[1], without);
    }

    #[test]
    fn the_fast_selection_is_that_of_sorting() {
        let logits: Vec<f32> = (0..5000_u64)
            .map(|token| ((token * 7919 + 13) % 4001) as f32 / 400.0)
            .collect();
        for k in [1, 2, 50, 4999] {
            let mut sorted = logits.clone();
            sorted.sort_unstable_by(|a, b| b.total_cmp(a));
            let expected: Vec<usize> = (0..logits.len())
                .filter(|token| logits[*token] >= sorted[k - 1])
                .collect();
            assert_eq!(keep_highest(&logits, k), Some(expected));
        }
        assert_eq!(keep_highest(&logits, 5000), None);
        assert_eq!(
            keep_highest(&[1.0; 500], 2).map(|kept| kept.len()),
            Some(500)
        );
    }
}
