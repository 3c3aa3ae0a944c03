//! What a critic makes of programs (paper §3.3.2 and Eqs. 9–11), as stored, and the arithmetic
//! on it that needs no model.

use serde::{Deserialize, Serialize};

use super::example::Origin;
use crate::candidate::CandidateId;
use crate::store::Record;

/// A critic's logits for one program, as `coderl-torch critic-score` writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriticScore {
    pub id: CandidateId,
    pub origin: Origin,
    /// Tokens of the program, the end-of-text token included, T of them.
    pub token_ids: Vec<u32>,
    /// What each token adds to the program's text, so that values can be shown over it. A
    /// character of several tokens is with the last of them. Empty where they are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_texts: Vec<String>,
    /// Tokens of the prompt, for tools that want them; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_ids: Option<Vec<u32>>,
    /// `[T, C]`, for the state that each token's value is read from.
    pub logits: Vec<Vec<f32>>,
    /// The class that the critic takes the program to be of.
    pub predicted: usize,
    /// `[C]`: probabilities of the classes of the whole program.
    pub probabilities: Vec<f32>,
}

impl Record for CriticScore {
    type Id = (CandidateId, Origin);

    fn id(&self) -> Self::Id {
        (self.id.clone(), self.origin)
    }
}

impl CriticScore {
    /// q̂_t of Eq. 10 for each token: the probability of the class that the program is of.
    pub fn token_values(&self, class: usize) -> Vec<f32> {
        token_values(&self.logits, class)
    }
}

/// v̂_t\[u\]: for each token, the softmax of its class logits at `class`.
pub fn token_values(logits: &[Vec<f32>], class: usize) -> Vec<f32> {
    logits
        .iter()
        .map(|logits| softmax(logits).get(class).copied().unwrap_or(0.0))
        .collect()
}

/// The largest logit of each class over all positions. The released critic takes the padding
/// among them (`modeling_t5.py`).
pub fn pool(logits: &[Vec<f32>]) -> Vec<f32> {
    let n_classes = logits.first().map_or(0, Vec::len);
    (0..n_classes)
        .map(|class| {
            let of_class = logits.iter().filter_map(|logits| logits.get(class));
            of_class.copied().fold(f32::NEG_INFINITY, f32::max)
        })
        .collect()
}

/// The first class with the largest logit.
pub fn predicted_class(pooled: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (class, &logit) in pooled.iter().enumerate() {
        if best.is_none_or(|(_, largest)| logit > largest) {
            best = Some((class, logit));
        }
    }
    best.map(|(class, _)| class)
}

/// What the released dataset multiplies log-probabilities by: the token's value times the
/// return, relative to `baseline` where there is one (`apps_dataset.py`).
pub fn token_rewards(logits: &[Vec<f32>], class: usize, sample_return: f32) -> Vec<f32> {
    token_values(logits, class)
        .into_iter()
        .map(|value| value * sample_return)
        .collect()
}

pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !largest.is_finite() {
        // All masked: nothing is known.
        return vec![0.0; logits.len()];
    }
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_the_largest_of_each_class() {
        let logits = [vec![0.0, 3.0, -1.0, 0.5], vec![1.0, -2.0, 2.0, 0.5]];
        assert_eq!(pool(&logits), [1.0, 3.0, 2.0, 0.5]);
        assert_eq!(predicted_class(&pool(&logits)), Some(1));
        assert_eq!(predicted_class(&[2.0, 2.0]), Some(0));
        assert_eq!(predicted_class(&pool(&[])), None);
    }

    #[test]
    fn a_tokens_value_is_the_probability_of_the_true_class() {
        // Odds of 1 to 3.
        let logits = [vec![0.0, 3.0_f32.ln()], vec![5.0, 5.0]];
        let check = |found: Vec<f32>, expected: [f32; 2]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        };
        check(token_values(&logits, 1), [0.75, 0.5]);
        check(token_values(&logits, 0), [0.25, 0.5]);
        check(token_rewards(&logits, 1, -0.4), [-0.3, -0.2]);
        assert_eq!(softmax(&[f32::NEG_INFINITY; 2]), [0.0, 0.0]);
    }
}
