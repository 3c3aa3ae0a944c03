//! One layer of the encoder or decoder, and a stack of them.

use tch::{Device, Kind, Tensor};

use super::attention::Attention;
use super::positions::{BiasDirection, buckets, by_query};
use crate::checkpoint::{Activation, T5Config, Tensors};
use crate::error::Result;
use crate::layers::{Linear, Mode, RmsNorm, masked};
use crate::parameters::Parameters;
use crate::segments::Segments;

/// `encoder` or `decoder`.
pub(super) struct Stack {
    pub(super) blocks: Vec<Block>,
    /// `[buckets, H]`; the first layer's, used by all.
    pub(super) position_bias: Tensor,
    direction: BiasDirection,
    pub(super) norm: RmsNorm,
    config: T5Config,
}

pub(super) struct Block {
    pub(super) self_attention: (RmsNorm, Attention),
    pub(super) cross_attention: Option<(RmsNorm, Attention)>,
    pub(super) feed_forward_norm: RmsNorm,
    pub(super) feed_forward: FeedForward,
}

pub(super) enum FeedForward {
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
    pub(super) fn forward<'a>(
        &'a self,
        x: &Tensor,
        mask: Option<&Tensor>,
        source: Option<(&Tensor, Option<&Tensor>)>,
        mode: Mode,
        segments: &mut Segments<'a>,
    ) -> Tensor {
        let length = x.size()[1];
        let device = x.device();
        let buckets = buckets(&self.config, self.direction, length as usize).to_device(device);
        let hidden = self.may_see(length, device, mask);
        let hidden = hidden.map(|may_see| masked(&may_see, x.kind()));
        let bias = segments.run(&[], move |_| {
            let values = Tensor::embedding(&self.position_bias, &buckets, -1, false, false);
            let bias = by_query(&values);
            match &hidden {
                Some(hidden) => bias + hidden,
                None => bias,
            }
        });
        let dropout = self.config.dropout;
        let mut x = segments.run(&[x], move |inputs| {
            mode.dropout(inputs[0].shallow_clone(), dropout)
        });
        let source_mask = source.and_then(|(_, mask)| mask);
        let source_mask = source_mask.map(|mask| masked(&mask.unsqueeze(1).unsqueeze(1), x.kind()));
        for block in &self.blocks {
            x = match source {
                None => segments.run(&[&x, &bias], move |inputs| {
                    block.forward(inputs[0], inputs[1], None, dropout, mode)
                }),
                Some((states, _)) => {
                    let mask = source_mask.as_ref().map(Tensor::shallow_clone);
                    segments.run(&[&x, &bias, states], move |inputs| {
                        let source = Some((inputs[2], mask.as_ref()));
                        block.forward(inputs[0], inputs[1], source, dropout, mode)
                    })
                }
            };
        }
        segments.run(&[&x], move |inputs| {
            mode.dropout(self.norm.forward(inputs[0]), dropout)
        })
    }
}

impl Stack {
    /// Which keys a query may see: `[1 or B, 1, T, T]`; `None` where it may see all.
    fn may_see(&self, length: i64, device: Device, mask: Option<&Tensor>) -> Option<Tensor> {
        let causal = match self.direction {
            BiasDirection::Causal => {
                Some(Tensor::ones([1, 1, length, length], (Kind::Bool, device)).tril(0))
            }
            BiasDirection::Bidirectional => None,
        };
        let Some(mask) = mask else {
            return causal;
        };
        // A padding token sees itself, so that its scores are numbers.
        let itself = Tensor::eye(length, (Kind::Bool, device));
        let seen = mask.unsqueeze(1).unsqueeze(1);
        let seen = match causal {
            Some(causal) => causal.logical_and(&seen),
            None => seen,
        };
        Some(seen.logical_or(&itself))
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
        x: &Tensor,
        bias: &Tensor,
        source: Option<(&Tensor, Option<&Tensor>)>,
        dropout: f64,
        mode: Mode,
    ) -> Tensor {
        let (norm, attention) = &self.self_attention;
        let normal = norm.forward(x);
        let attended = attention.forward(&normal, &normal, Some(bias), mode);
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

    pub(super) fn forward(&self, x: &Tensor, dropout: f64, mode: Mode) -> Tensor {
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
