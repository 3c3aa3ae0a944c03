//! Layers that both families are made of, on tensors, with gradients.

use tch::{Device, Kind, Tensor};

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
            Self::Train if probability > 0.0 => match x.device() {
                Device::Cpu => drop_out(&x, probability),
                // Fused there.
                _ => x.dropout(probability, true),
            },
            _ => x,
        }
    }
}

/// Dropout with 16 random bits a number. libtorch draws its masks from a generator of 7 ns a number on
/// a processor, which is more than the product that they are for takes.
fn drop_out(x: &Tensor, probability: f64) -> Tensor {
    const RANGE: f64 = 65536.0;
    let n = x.numel() as i64;
    let n_dropped = (probability * RANGE).round();
    let mut bits = Tensor::empty([(n + 3) / 4], (Kind::Int64, Device::Cpu));
    // From the smallest number on, with no end: all 64 bits are random.
    let bits = bits.random_from_(i64::MIN, None::<i64>);
    let keeps = bits
        .view_dtype(Kind::Int16)
        .narrow(0, 0, n)
        .ge(n_dropped - RANGE / 2.0)
        .view_as(x);
    // Just as many are dropped as the scale makes up for.
    x * (keeps.to_kind(x.kind()) * (RANGE / (RANGE - n_dropped)))
}

/// `x Wᵀ + b`, and a low-rank update where there is one.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    low_rank: Option<LowRank>,
    /// What the product is computed in, whatever weights and input are.
    kind: Kind,
}

/// `scale · x Aᵀ Bᵀ`.
struct LowRank {
    /// `[R, n_in]`.
    a: Tensor,
    /// `[n_out, R]`.
    b: Tensor,
    scale: f64,
}

/// Makes a tensor of this name and shape.
pub(crate) type MakeTensor<'a> = &'a mut dyn FnMut(&str, &[usize]) -> Result<Tensor>;

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
        Ok(Self {
            weight,
            bias,
            low_rank: None,
            kind: parameters.compute_kind(),
        })
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
        Ok(Self {
            weight,
            bias,
            low_rank: None,
            kind: parameters.compute_kind(),
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        // Where element types are the same, `to_kind` is the tensor itself.
        let x = x.to_kind(self.kind);
        let bias = self.bias.as_ref().map(|bias| bias.to_kind(self.kind));
        let y = x.linear(&self.weight.to_kind(self.kind), bias);
        match &self.low_rank {
            None => y,
            Some(LowRank { a, b, scale }) => {
                let narrow = x.linear(&a.to_kind(self.kind), None::<&Tensor>);
                y + narrow.linear(&b.to_kind(self.kind), None::<&Tensor>) * *scale
            }
        }
    }

    /// Adds an update to the layer, which is called `name`.
    pub(crate) fn add_low_rank(
        &mut self,
        name: &str,
        rank: usize,
        scale: f64,
        make: MakeTensor<'_>,
    ) -> Result<()> {
        let (n_out, n_in) = self.weight.size2()?;
        self.low_rank = Some(LowRank {
            a: make(&format!("{name}.lora_A.weight"), &[rank, n_in as usize])?,
            b: make(&format!("{name}.lora_B.weight"), &[n_out as usize, rank])?,
            scale,
        });
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_drops_its_share_and_makes_up_for_it() {
        // No multiple of four.
        let x = Tensor::ones([997, 1001], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        for probability in [0.1, 0.5] {
            let dropped = Mode::Train.dropout(x.shallow_clone(), probability);
            let zeros = dropped.eq(0.0).to_kind(Kind::Double);
            let share = zeros.mean(Kind::Double).double_value(&[]);
            // Four standard deviations.
            let limit = 4.0 * (probability * (1.0 - probability) / 997_997.0).sqrt();
            assert!((share - probability).abs() < limit, "{share} {probability}");
            let mean = dropped.mean(Kind::Double).double_value(&[]);
            assert!(
                (mean - 1.0).abs() < 1.5 * limit / (1.0 - probability),
                "{mean}"
            );
            // What was dropped has no gradient, and the rest has the scale.
            let gradient = Tensor::run_backward(&[dropped.sum(Kind::Float)], &[&x], false, false);
            assert!(gradient[0].equal(&dropped.detach()));
            // Neighbours, which are of one draw, are independent.
            let first = zeros.narrow(1, 0, 1000);
            let next = zeros.narrow(1, 1, 1000);
            let both = (first * next).mean(Kind::Double).double_value(&[]);
            assert!(
                (both - probability * probability).abs() < 2.0 * limit,
                "{both}"
            );
        }
        let kept = Mode::Evaluate.dropout(x.shallow_clone(), 0.5);
        assert!(kept.equal(&x));
    }
}
