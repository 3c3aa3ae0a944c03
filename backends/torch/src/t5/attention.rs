//! Attention without scaling, with a bias for relative positions.

use tch::Tensor;

use crate::checkpoint::{T5Config, Tensors};
use crate::error::Result;
use crate::layers::{Linear, Mode, join_heads, split_heads};
use crate::parameters::Parameters;

pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    head_width: usize,
    dropout: f64,
}

impl Attention {
    pub(super) fn load(
        config: &T5Config,
        source: &Tensors,
        parameters: &mut Parameters,
        name: &str,
    ) -> Result<Self> {
        let inner = config.n_heads * config.head_width;
        let width = config.model_width;
        let mut linear = |part: &str, shape| {
            Linear::load(parameters, source, &format!("{name}.{part}"), shape, false)
        };
        Ok(Self {
            query: linear("q", (inner, width))?,
            key: linear("k", (inner, width))?,
            value: linear("v", (inner, width))?,
            output: linear("o", (width, inner))?,
            head_width: config.head_width,
            dropout: config.dropout,
        })
    }

    /// States `[B, T, D]` that attend to `seen` `[B, S, D]`; `bias` is added to the scores
    /// `[B, H, T, S]` and holds the mask.
    pub(super) fn forward(&self, x: &Tensor, seen: &Tensor, bias: &Tensor, mode: Mode) -> Tensor {
        let dropout = match mode {
            Mode::Train => self.dropout,
            Mode::Evaluate => 0.0,
        };
        let attended = Tensor::scaled_dot_product_attention(
            &split_heads(&self.query.forward(x), self.head_width),
            &split_heads(&self.key.forward(seen), self.head_width),
            &split_heads(&self.value.forward(seen), self.head_width),
            Some(bias),
            dropout,
            false,
            Some(1.0),
            false,
        );
        self.output.forward(&join_heads(&attended))
    }
}
