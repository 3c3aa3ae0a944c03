//! Layers that both families are made of, on tensors, with gradients.

use tch::{Kind, Tensor};

use crate::checkpoint::Tensors;
use crate::error::Result;
use crate::parameters::Parameters;

/// Whether dropout is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Evaluate,
}

impl Mode {
    pub(crate) fn dropout(self, x: Tensor, probability: f64) -> Tensor {
        match self {
            Self::Train if probability > 0.0 => x.dropout(probability, true),
            _ => x,
        }
    }
}

/// `x Wᵀ + b`.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    pub(crate) fn load(
        parameters: &mut Parameters,
        source: &Tensors,
        name: &str,
        (n_out, n_in): (usize, usize),
        has_bias: bool,
    ) -> Result<Self> {
        let weight = parameters.load(source, &format!("{name}.weight"), &[n_out, n_in])?;
        let bias = has_bias
            .then(|| parameters.load(source, &format!("{name}.bias"), &[n_out]))
            .transpose()?;
        Ok(Self { weight, bias })
    }

    /// A layer that no checkpoint holds yet, of weights `[n_out, n_in]` and biases `[n_out]`.
    pub(crate) fn new(
        parameters: &mut Parameters,
        name: &str,
        (n_out, n_in): (usize, usize),
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Self> {
        let weight = parameters.insert(&format!("{name}.weight"), &[n_out, n_in], weight)?;
        let bias = bias
            .map(|bias| parameters.insert(&format!("{name}.bias"), &[n_out], bias))
            .transpose()?;
        Ok(Self { weight, bias })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, self.bias.as_ref())
    }
}

/// Scales to a root mean square of 1, in float32, then by a weight for each channel.
pub(crate) struct RmsNorm {
    weight: Tensor,
    epsilon: f64,
}

impl RmsNorm {
    pub(crate) fn load(
        parameters: &mut Parameters,
        source: &Tensors,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<Self> {
        let weight = parameters.load(source, &format!("{name}.weight"), &[width])?;
        Ok(Self { weight, epsilon })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        let wide = x.to_kind(Kind::Float);
        let variance = wide.square().mean_dim(-1, true, Kind::Float);
        let normal = wide * (variance + self.epsilon).rsqrt();
        normal.to_kind(self.weight.kind()) * &self.weight
    }
}

/// `[B, T, H × K]` to `[B, H, T, K]`.
pub(crate) fn split_heads(x: &Tensor, head_width: usize) -> Tensor {
    let (batch, length, _) = x.size3().expect("hidden states have three dimensions");
    x.view([batch, length, -1, head_width as i64])
        .transpose(1, 2)
}

/// `[B, H, T, K]` to `[B, T, H × K]`.
pub(crate) fn join_heads(x: &Tensor) -> Tensor {
    let (batch, _, length, _) = x.size4().expect("heads have four dimensions");
    x.transpose(1, 2).reshape([batch, length, -1])
}

/// What is added to attention scores where a key must not be seen. Finite, so that a row which
/// sees nothing gives numbers that are no use, and not NaN.
pub(crate) fn masked(may_see: &Tensor, kind: Kind) -> Tensor {
    let lowest = if kind == Kind::Half {
        -65504.0
    } else {
        -3.0e38
    };
    Tensor::zeros(may_see.size(), (kind, may_see.device()))
        .masked_fill(&may_see.logical_not(), lowest)
}
