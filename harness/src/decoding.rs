//! How a model writes: which tokens it takes, and when it stops.

use serde::{Deserialize, Serialize};

/// How candidates are decoded from a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    pub method: Method,
    /// Tokens that a candidate may have at most, a forced prefix apart.
    pub max_new_tokens: u32,
    /// Tokens before which the end of text is not taken, a forced prefix apart.
    #[serde(default)]
    pub min_new_tokens: u32,
    /// Texts that end a candidate, which then lacks them and what follows.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Tokens of the prompt that the model reads at most. A longer prompt loses its end, as
    /// CodeRL's do (600 tokens, the end-of-text token among them). `None` is what the model
    /// allows, and a longer prompt is then an error.
    #[serde(default)]
    pub max_prompt_tokens: Option<u32>,
}

/// Which tokens are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Method {
    /// The most probable token each time: every candidate is the same.
    Greedy,
    /// Drawn at random after `temperature`, then `top_k`, then `top_p`, in this order, which
    /// is that of `transformers`.
    Sample {
        /// Divides logits. Above 0.
        temperature: f64,
        /// The smallest set of tokens with at least this probability. Above 0, up to 1.
        top_p: f64,
        /// This many most probable tokens; `None` for all.
        #[serde(default)]
        top_k: Option<u32>,
    },
    /// The best hypotheses of a beam search, the best first.
    Beam {
        n_beams: u32,
        /// A hypothesis is worth its log-probability divided by its length in tokens to this
        /// power.
        length_penalty: f64,
    },
}

/// How a critic has its say in each token that is drawn: p'(w) ∝ p(w) · q(w)^strength, where p is
/// what temperature, top-k and top-p leave, and q(w) = p(passed | w_1 … w, D) (Eq. 11).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guidance {
    /// β: 0 leaves everything as it is, 1 is Bayes' rule. At least 0.
    pub strength: f64,
    /// Tokens that the critic reads for each that is drawn, the most probable ones; at least 2.
    /// The others keep their probability: they are taken to be worth the mean of those.
    pub top: u32,
}

impl Method {
    /// Nucleus sampling, or greedy decoding where `temperature` is 0.
    pub fn sample_or_greedy(temperature: f64, top_p: f64, top_k: Option<u32>) -> Self {
        if temperature == 0.0 {
            Self::Greedy
        } else {
            Self::Sample {
                temperature,
                top_p,
                top_k,
            }
        }
    }
}
