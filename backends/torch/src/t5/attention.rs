//! Attention without scaling, with a bias for relative positions.

use tch::{Device, Kind, Tensor};

use crate::checkpoint::{T5Config, Tensors};
use crate::error::Result;
use crate::layers::{Linear, Mode, join_heads, split_heads};
use crate::parameters::Parameters;

pub(super) struct Attention {
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) output: Linear,
    pub(super) head_width: usize,
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
    /// `[B, H, T, S]` and holds the mask, where there is any.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        seen: &Tensor,
        bias: Option<&Tensor>,
        mode: Mode,
    ) -> Tensor {
        let query = split_heads(&self.query.forward(x), self.head_width);
        let key = split_heads(&self.key.forward(seen), self.head_width);
        let value = split_heads(&self.value.forward(seen), self.head_width);
        let bias = bias.map(|bias| bias.to_kind(query.kind()));
        let attended = match (mode, query.device()) {
            // With gradients of the bias libtorch has nothing better for a processor, and does more
            // than is needed: a third faster by itself.
            (Mode::Train, Device::Cpu) => {
                let scores = query.matmul(&key.transpose(2, 3));
                let scores = match bias {
                    Some(bias) => scores + bias,
                    None => scores,
                };
                let weights = scores.softmax(-1, Kind::Float).to_kind(value.kind());
                mode.dropout(weights, self.dropout).matmul(&value)
            }
            _ => {
                let dropout = match mode {
                    Mode::Train => self.dropout,
                    Mode::Evaluate => 0.0,
                };
                let scale = Some(1.0);
                Tensor::scaled_dot_product_attention(
                    &query, &key, &value, bias, dropout, false, scale, false,
                )
            }
        };
        self.output.forward(&join_heads(&attended))
    }
}
