//! The forward pass on tensors, with gradients: for training, for scores, and as the yardstick
//! of the decoder in `cpu`. Reference: `modeling_t5.py` of `transformers`.

use tch::{Kind, Tensor};

use super::block::Stack;
use super::positions::BiasDirection;
use crate::checkpoint::{T5Config, Tensors};
use crate::error::Result;
use crate::layers::Mode;
use crate::parameters::Parameters;
use crate::segments::Segments;

/// A T5 encoder-decoder.
pub struct T5 {
    pub(super) config: T5Config,
    /// `[V, D]`, for both sides.
    pub(super) embedding: Tensor,
    encoder: Stack,
    pub(super) decoder: Stack,
    /// `[V, D]`; the embedding itself where the two are tied.
    output: Tensor,
    /// What the product with `output` is computed in.
    kind: Kind,
}

/// Copies of the embedding under other names, and what old files hold besides.
pub(crate) fn may_be_left(config: &T5Config) -> impl Fn(&str) -> bool {
    let tied = config.tied;
    move |name| {
        matches!(
            name,
            "encoder.embed_tokens.weight" | "decoder.embed_tokens.weight"
        ) || name.ends_with("EncDecAttention.relative_attention_bias.weight")
            || (tied && name == "lm_head.weight")
    }
}

impl T5 {
    /// Loads the weights.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over.
    pub fn load(config: &T5Config, source: &Tensors, parameters: &mut Parameters) -> Result<Self> {
        let embedding_shape = [config.vocabulary_size, config.model_width];
        let embedding = parameters.load(source, "shared.weight", &embedding_shape)?;
        let output = if config.tied {
            embedding.shallow_clone()
        } else {
            parameters.load(source, "lm_head.weight", &embedding_shape)?
        };
        let encoder = Stack::load(config, source, parameters, BiasDirection::Bidirectional)?;
        let decoder = Stack::load(config, source, parameters, BiasDirection::Causal)?;
        source.finish(may_be_left(config))?;
        Ok(Self {
            config: config.clone(),
            embedding,
            encoder,
            decoder,
            output,
            kind: parameters.compute_kind(),
        })
    }

    /// Encoder states `[B, S, D]` of token ids `[B, S]` (int64). `mask` `[B, S]` (bool) is false
    /// at padding.
    pub fn encode(&self, tokens: &Tensor, mask: Option<&Tensor>, mode: Mode) -> Tensor {
        self.encode_in(&mut Segments::plain(mode), tokens, mask, mode)
    }

    /// As [`T5::encode`], as segments of a longer pass.
    pub fn encode_in<'a>(
        &'a self,
        segments: &mut Segments<'a>,
        tokens: &Tensor,
        mask: Option<&Tensor>,
        mode: Mode,
    ) -> Tensor {
        let embedded = self.embed(segments, tokens);
        self.encoder.forward(&embedded, mask, None, mode, segments)
    }

    /// Decoder states `[B, T, D]` of token ids `[B, T]` that begin with the start token, given
    /// encoder states `[B, S, D]` and their mask.
    pub fn decode(
        &self,
        tokens: &Tensor,
        mask: Option<&Tensor>,
        states: &Tensor,
        states_mask: Option<&Tensor>,
        mode: Mode,
    ) -> Tensor {
        let segments = &mut Segments::plain(mode);
        self.decode_in(segments, tokens, mask, (states, states_mask), mode)
    }

    /// As [`T5::decode`], as segments of a longer pass.
    pub fn decode_in<'a>(
        &'a self,
        segments: &mut Segments<'a>,
        tokens: &Tensor,
        mask: Option<&Tensor>,
        source: (&Tensor, Option<&Tensor>),
        mode: Mode,
    ) -> Tensor {
        let embedded = self.embed(segments, tokens);
        let source = Some(source);
        self.decoder
            .forward(&embedded, mask, source, mode, segments)
    }

    fn embed<'a>(&'a self, segments: &mut Segments<'a>, tokens: &Tensor) -> Tensor {
        let tokens = tokens.shallow_clone();
        segments.run(&[], move |_| {
            Tensor::embedding(&self.embedding, &tokens, -1, false, false)
        })
    }

    /// Logits `[.., V]` of decoder states `[.., D]`. Where input and output embeddings are
    /// tied, states are scaled by 1/√D first.
    pub fn logits(&self, states: &Tensor) -> Tensor {
        let output = self.output.to_kind(self.kind);
        if self.config.tied {
            let scale = (self.config.model_width as f64).powf(-0.5);
            (states * scale)
                .to_kind(self.kind)
                .linear(&output, None::<&Tensor>)
        } else {
            states.to_kind(self.kind).linear(&output, None::<&Tensor>)
        }
    }
}
