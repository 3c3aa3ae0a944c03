//! Sizes of models by name.

use crate::checkpoint::{Activation, Config, LlamaConfig, Rope, T5Config};
use crate::error::{Error, Result};

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    T5,
    Llama,
}

/// Sizes that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// About a million weights, for the built-in micro suite and for tests.
    Tiny,
    /// 60 million: T5-small with CodeT5's vocabulary.
    CodeT5Small,
    /// 220 million, as its published configuration has it.
    CodeT5Base,
    /// 770 million: T5-large with CodeT5's vocabulary (CodeRL §3.2).
    CodeT5Large,
}

/// What a user can choose of a model, whatever its family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// D.
    pub model_width: usize,
    pub feed_forward_width: usize,
    /// K.
    pub head_width: usize,
    /// H.
    pub n_heads: usize,
    /// Llama's; T5 has as many as heads.
    pub n_kv_heads: usize,
    /// Of the encoder, and of a model without one.
    pub n_layers: usize,
    pub n_decoder_layers: usize,
    /// T5's.
    pub activation: Activation,
    /// T5's; models of the Llama family have none.
    pub dropout: f64,
    /// One matrix for embeddings and output.
    pub tied: bool,
    /// Llama's longest text, in tokens.
    pub max_positions: usize,
}

/// Ids of the tokens that a configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecialIds {
    pub pad: Option<u32>,
    pub begin: Option<u32>,
    pub end: u32,
}

impl Preset {
    pub fn sizes(self) -> Sizes {
        let (model_width, feed_forward_width, head_width, n_heads, n_layers) = match self {
            Self::Tiny => (128, 384, 32, 4, 2),
            Self::CodeT5Small => (512, 2048, 64, 8, 6),
            Self::CodeT5Base => (768, 3072, 64, 12, 12),
            Self::CodeT5Large => (1024, 4096, 64, 16, 24),
        };
        Sizes {
            model_width,
            feed_forward_width,
            head_width,
            n_heads,
            n_kv_heads: n_heads,
            n_layers,
            n_decoder_layers: n_layers,
            activation: Activation::Relu,
            dropout: 0.1,
            tied: true,
            max_positions: 2048,
        }
    }
}

impl Sizes {
    /// The configuration of a model of these sizes.
    ///
    /// # Errors
    /// Sizes of 0, heads that cannot be shared or rotated, dropout that is no probability, and a
    /// T5 model without a padding token, with which its decoder starts.
    pub fn config(
        &self,
        architecture: Architecture,
        vocabulary_size: usize,
        special: &SpecialIds,
    ) -> Result<Config> {
        for (name, size) in [
            ("vocabulary", vocabulary_size),
            ("model width", self.model_width),
            ("feed-forward width", self.feed_forward_width),
            ("head width", self.head_width),
            ("number of heads", self.n_heads),
            ("number of layers", self.n_layers),
            ("number of decoder layers", self.n_decoder_layers),
        ] {
            if size == 0 {
                return Err(Error::request(format!("the {name} of a model cannot be 0")));
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let detail = format!("dropout {} is not at least 0 and below 1", self.dropout);
            return Err(Error::request(detail));
        }
        match architecture {
            Architecture::T5 => self.t5(vocabulary_size, special).map(Config::T5),
            Architecture::Llama => self.llama(vocabulary_size, special).map(Config::Llama),
        }
    }

    fn t5(&self, vocabulary_size: usize, special: &SpecialIds) -> Result<T5Config> {
        let pad_token = special.pad.ok_or_else(|| {
            Error::request("a T5 decoder starts with the padding token, and the tokenizer has none")
        })?;
        Ok(T5Config {
            vocabulary_size,
            model_width: self.model_width,
            head_width: self.head_width,
            n_heads: self.n_heads,
            feed_forward_width: self.feed_forward_width,
            n_encoder_layers: self.n_layers,
            n_decoder_layers: self.n_decoder_layers,
            activation: self.activation,
            n_position_buckets: 32,
            max_position_distance: 128,
            norm_epsilon: 1e-6,
            tied: self.tied,
            dropout: self.dropout,
            decoder_start_token: pad_token,
            end_tokens: vec![special.end],
            pad_token,
        })
    }

    fn llama(&self, vocabulary_size: usize, special: &SpecialIds) -> Result<LlamaConfig> {
        if self.n_kv_heads == 0 || !self.n_heads.is_multiple_of(self.n_kv_heads) {
            return Err(Error::request(format!(
                "{} heads cannot share {} heads of keys and values; the second must divide the \
                 first",
                self.n_heads, self.n_kv_heads
            )));
        }
        if !self.head_width.is_multiple_of(2) {
            let detail = format!(
                "head width {} is odd and cannot be rotated",
                self.head_width
            );
            return Err(Error::request(detail));
        }
        Ok(LlamaConfig {
            vocabulary_size,
            model_width: self.model_width,
            head_width: self.head_width,
            n_heads: self.n_heads,
            n_kv_heads: self.n_kv_heads,
            feed_forward_width: self.feed_forward_width,
            n_layers: self.n_layers,
            rope: Rope { theta: 10_000.0 },
            norm_epsilon: 1e-6,
            tied: self.tied,
            attention_bias: false,
            max_positions: self.max_positions,
            begin_token: special.begin,
            end_tokens: vec![special.end],
        })
    }
}
