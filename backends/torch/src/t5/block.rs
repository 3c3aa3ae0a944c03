//! One layer of the encoder or decoder, and a stack of them.

use tch::{Kind, Tensor};

use super::attention::Attention;
use super::positions::{BiasDirection, buckets};
use crate::checkpoint::{Activation, T5Config, Tensors};
use crate::error::Result;
use crate::layers::{Linear, Mode, RmsNorm, masked};
use crate::parameters::Parameters;

/// `encoder` or `decoder`.
pub(super) struct Stack {
    blocks: Vec<Block>,
    /// `[buckets, H]`; the first layer's, used by all.
    position_bias: Tensor,
    direction: BiasDirection,
    norm: RmsNorm,
    config: T5Config,
}

struct Block {
    self_attention: (RmsNorm, Attention),
    cross_attention: Option<(RmsNorm, Attention)>,
    feed_forward_norm: RmsNorm,
    feed_forward: FeedForward,
}

enum FeedForward {
    Relu {
        input: Linear,
        output: Linear,
    },
    GatedGelu {
        gate: Linear,
        input: Linear,
        output: Linear,
    },
}

impl Stack {
    pub(super) fn load(
        config: &T5Config,
        source: &Tensors,
        parameters: &mut Parameters,
        direction: BiasDirection,
    ) -> Result<Self> {
        let (name, n_layers) = match direction {
            BiasDirection::Bidirectional => ("encoder", config.n_encoder_layers),
            BiasDirection::Causal => ("decoder", config.n_decoder_layers),
        };
        let bias_name =
            format!("{name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        let bias_shape = [config.n_position_buckets, config.n_heads];
        let position_bias = parameters.load(source, &bias_name, &bias_shape)?;
        let blocks = (0..n_layers)
            .map(|index| {
                let name = format!("{name}.block.{index}.layer");
                Block::load(config, source, parameters, &name, direction)
            })
            .collect::<Result<_>>()?;
        let norm = RmsNorm::load(
            parameters,
            source,
            &format!("{name}.final_layer_norm"),
            config.model_width,
            config.norm_epsilon,
        )?;
        Ok(Self {
            blocks,
            position_bias,
            direction,
            norm,
            config: config.clone(),
        })
    }

    /// Embedded tokens `[B, T, D]` to states `[B, T, D]`. `mask` `[B, T]` (bool) is false at
    /// padding; `source` is what a decoder attends to, and its mask.
    pub(super) fn forward(
        &self,
        x: Tensor,
        mask: Option<&Tensor>,
        source: Option<(&Tensor, Option<&Tensor>)>,
        mode: Mode,
    ) -> Tensor {
        let length = x.size()[1];
        let device = x.device();
        let buckets = buckets(&self.config, self.direction, length as usize).to_device(device);
        // [T, T, H] to [1, H, T, T]
        let bias = Tensor::embedding(&self.position_bias, &buckets, -1, false, false)
            .permute([2, 0, 1])
            .unsqueeze(0);
        let mut may_see = Tensor::ones([1, 1, length, length], (Kind::Bool, device));
        if self.direction == BiasDirection::Causal {
            may_see = may_see.tril(0);
        }
        if let Some(mask) = mask {
            // A padding token sees itself, so that its scores are numbers.
            let itself = Tensor::eye(length, (Kind::Bool, device));
            let seen = mask.unsqueeze(1).unsqueeze(1);
            may_see = may_see.logical_and(&seen).logical_or(&itself);
        }
        let bias = bias + masked(&may_see, x.kind());
        let source = source.map(|(states, mask)| {
            let (batch, length, _) = states.size3().expect("states have three dimensions");
            let all = Tensor::ones([batch, length], (Kind::Bool, device));
            let may_see = mask.unwrap_or(&all).unsqueeze(1).unsqueeze(1);
            (states, masked(&may_see, x.kind()))
        });
        let mut x = mode.dropout(x, self.config.dropout);
        for block in &self.blocks {
            x = block.forward(x, &bias, source.as_ref(), self.config.dropout, mode);
        }
        mode.dropout(self.norm.forward(&x), self.config.dropout)
    }
}

impl Block {
    fn load(
        config: &T5Config,
        source: &Tensors,
        parameters: &mut Parameters,
        name: &str,
        direction: BiasDirection,
    ) -> Result<Self> {
        let mut norm = |index: usize| {
            let name = format!("{name}.{index}.layer_norm");
            RmsNorm::load(
                parameters,
                source,
                &name,
                config.model_width,
                config.norm_epsilon,
            )
        };
        let last = match direction {
            BiasDirection::Bidirectional => 1,
            BiasDirection::Causal => 2,
        };
        let self_norm = norm(0)?;
        let cross_norm = (last == 2).then(|| norm(1)).transpose()?;
        let feed_forward_norm = norm(last)?;
        let mut attention =
            |part: &str| Attention::load(config, source, parameters, &format!("{name}.{part}"));
        let self_attention = (self_norm, attention("0.SelfAttention")?);
        let cross_attention = cross_norm
            .map(|norm| Ok::<_, crate::Error>((norm, attention("1.EncDecAttention")?)))
            .transpose()?;
        let feed_forward = FeedForward::load(
            config,
            source,
            parameters,
            &format!("{name}.{last}.DenseReluDense"),
        )?;
        Ok(Self {
            self_attention,
            cross_attention,
            feed_forward_norm,
            feed_forward,
        })
    }

    fn forward(
        &self,
        x: Tensor,
        bias: &Tensor,
        source: Option<&(&Tensor, Tensor)>,
        dropout: f64,
        mode: Mode,
    ) -> Tensor {
        let (norm, attention) = &self.self_attention;
        let normal = norm.forward(&x);
        let attended = attention.forward(&normal, &normal, bias, mode);
        let x = x + mode.dropout(attended, dropout);
        // Not in place: gradients need what was there before.
        let x = match (&self.cross_attention, source) {
            (Some((norm, attention)), Some((states, mask))) => {
                let attended = attention.forward(&norm.forward(&x), states, mask, mode);
                x + mode.dropout(attended, dropout)
            }
            _ => x,
        };
        let normal = self.feed_forward_norm.forward(&x);
        let out = self.feed_forward.forward(&normal, dropout, mode);
        x + mode.dropout(out, dropout)
    }
}

impl FeedForward {
    fn load(
        config: &T5Config,
        source: &Tensors,
        parameters: &mut Parameters,
        name: &str,
    ) -> Result<Self> {
        let (width, wide) = (config.model_width, config.feed_forward_width);
        let mut linear = |part: &str, shape| {
            Linear::load(parameters, source, &format!("{name}.{part}"), shape, false)
        };
        Ok(match config.activation {
            Activation::Relu => Self::Relu {
                input: linear("wi", (wide, width))?,
                output: linear("wo", (width, wide))?,
            },
            Activation::GatedGelu => Self::GatedGelu {
                gate: linear("wi_0", (wide, width))?,
                input: linear("wi_1", (wide, width))?,
                output: linear("wo", (width, wide))?,
            },
        })
    }

    fn forward(&self, x: &Tensor, dropout: f64, mode: Mode) -> Tensor {
        let (inner, output) = match self {
            Self::Relu { input, output } => (input.forward(x).relu(), output),
            Self::GatedGelu {
                gate,
                input,
                output,
            } => (gate.forward(x).gelu("tanh") * input.forward(x), output),
        };
        output.forward(&mode.dropout(inner, dropout))
    }
}
