//! The forward pass on tensors, with gradients: for training, for scores, and as the yardstick
//! of the decoder in `cpu`. Reference: `modeling_llama.py` and `modeling_qwen2.py` of
//! `transformers`.

use tch::{Device, Kind, Tensor};

use crate::checkpoint::{LlamaConfig, Tensors};
use crate::error::Result;
use crate::layers::{Linear, MakeTensor, Mode, RmsNorm, join_heads, masked, split_heads};
use crate::parameters::Parameters;
use crate::segments::Segments;

/// A Llama or Qwen2 model.
pub struct Llama {
    pub(super) config: LlamaConfig,
    /// `[V, D]`.
    pub(super) embedding: Tensor,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: RmsNorm,
    /// `[V, D]`; the embedding itself where the two are tied.
    output: Tensor,
    /// What matrix products are computed in.
    kind: Kind,
}

pub(super) struct Layer {
    pub(super) attention_norm: RmsNorm,
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) attention_output: Linear,
    pub(super) feed_forward_norm: RmsNorm,
    pub(super) gate: Linear,
    pub(super) up: Linear,
    pub(super) down: Linear,
}

/// Last parts of the names of the layers that [`Llama::add_low_rank`] gives updates to.
pub(crate) const LOW_RANK_LAYERS: [&str; 7] = [
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
];

/// Tensors that files hold besides the weights.
pub(crate) fn may_be_left(config: &LlamaConfig) -> impl Fn(&str) -> bool {
    let tied = config.tied;
    move |name| name.ends_with("rotary_emb.inv_freq") || (tied && name == "lm_head.weight")
}

impl Llama {
    /// Loads the weights.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over.
    pub fn load(
        config: &LlamaConfig,
        source: &Tensors,
        parameters: &mut Parameters,
    ) -> Result<Self> {
        let embedding_shape = [config.vocabulary_size, config.model_width];
        let embedding = parameters.load(source, "model.embed_tokens.weight", &embedding_shape)?;
        let output = if config.tied {
            embedding.shallow_clone()
        } else {
            parameters.load(source, "lm_head.weight", &embedding_shape)?
        };
        let layers = (0..config.n_layers)
            .map(|index| Layer::load(config, source, parameters, index))
            .collect::<Result<_>>()?;
        let norm = RmsNorm::load(
            parameters,
            source,
            "model.norm",
            config.model_width,
            config.norm_epsilon,
        )?;
        source.finish(may_be_left(config))?;
        Ok(Self {
            config: config.clone(),
            embedding,
            layers,
            norm,
            output,
            kind: parameters.compute_kind(),
        })
    }

    /// Hidden states `[B, T, D]` behind the last norm, for token ids `[B, T]` (int64). `mask`
    /// `[B, T]` (bool) is false at padding, on either side; positions count from the first
    /// token that is none.
    pub fn forward(&self, tokens: &Tensor, mask: Option<&Tensor>) -> Tensor {
        // There is no dropout.
        self.forward_in(&mut Segments::plain(Mode::Evaluate), tokens, mask)
    }

    /// As [`Llama::forward`], as segments of a longer pass.
    pub fn forward_in<'a>(
        &'a self,
        segments: &mut Segments<'a>,
        tokens: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let (batch, length) = tokens.size2().expect("token ids have two dimensions");
        let device = tokens.device();
        let ids = tokens.shallow_clone();
        let mut x = segments.run(&[], move |_| {
            Tensor::embedding(&self.embedding, &ids, -1, false, false)
        });
        let positions = match mask {
            Some(mask) => (mask.to_kind(Kind::Int64).cumsum(1, Kind::Int64) - 1).clamp_min(0),
            None => Tensor::arange(length, (Kind::Int64, device)).expand([batch, length], false),
        };
        let (cosine, sine) = rotation(&self.config, &positions, x.kind());
        // Without padding, attention knows by itself what is behind a query.
        let mask = mask.map(|mask| {
            let causal = Tensor::ones([length, length], (Kind::Bool, device)).tril(0);
            // A padding token sees itself, so that its scores are numbers.
            let itself = Tensor::eye(length, (Kind::Bool, device));
            let seen = mask.unsqueeze(1).unsqueeze(1);
            masked(&causal.logical_and(&seen).logical_or(&itself), self.kind)
        });
        for layer in &self.layers {
            let (cosine, sine) = (cosine.shallow_clone(), sine.shallow_clone());
            let mask = mask.as_ref().map(Tensor::shallow_clone);
            x = segments.run(&[&x], move |inputs| {
                layer.forward(&self.config, inputs[0], (&cosine, &sine), mask.as_ref())
            });
        }
        segments.run(&[&x], move |inputs| self.norm.forward(inputs[0]))
    }

    /// Adds a low-rank update to every linear layer but the last.
    pub(crate) fn add_low_rank(
        &mut self,
        rank: usize,
        scale: f64,
        make: MakeTensor<'_>,
    ) -> Result<()> {
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let blocks = ["self_attn"; 4].into_iter().chain(["mlp"; 3]);
            let linears = [
                &mut layer.query,
                &mut layer.key,
                &mut layer.value,
                &mut layer.attention_output,
                &mut layer.gate,
                &mut layer.up,
                &mut layer.down,
            ];
            for ((linear, block), part) in linears.into_iter().zip(blocks).zip(LOW_RANK_LAYERS) {
                let name = format!("model.layers.{index}.{block}.{part}");
                linear.add_low_rank(&name, rank, scale, make)?;
            }
        }
        Ok(())
    }

    /// Logits `[.., V]` of hidden states `[.., D]`.
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        let output = self.output.to_kind(self.kind);
        hidden.to_kind(self.kind).linear(&output, None::<&Tensor>)
    }
}

impl Layer {
    fn load(
        config: &LlamaConfig,
        source: &Tensors,
        parameters: &mut Parameters,
        index: usize,
    ) -> Result<Self> {
        let width = config.model_width;
        let wide = config.feed_forward_width;
        let n_query = config.n_heads * config.head_width;
        let n_key = config.n_kv_heads * config.head_width;
        let bias = config.attention_bias;
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let mut linear =
            |part: &str, shape, bias| Linear::load(parameters, source, &name(part), shape, bias);
        let query = linear("self_attn.q_proj", (n_query, width), bias)?;
        let key = linear("self_attn.k_proj", (n_key, width), bias)?;
        let value = linear("self_attn.v_proj", (n_key, width), bias)?;
        let attention_output = linear("self_attn.o_proj", (width, n_query), false)?;
        let gate = linear("mlp.gate_proj", (wide, width), false)?;
        let up = linear("mlp.up_proj", (wide, width), false)?;
        let down = linear("mlp.down_proj", (width, wide), false)?;
        let mut norm =
            |part: &str| RmsNorm::load(parameters, source, &name(part), width, config.norm_epsilon);
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            feed_forward_norm: norm("post_attention_layernorm")?,
            query,
            key,
            value,
            attention_output,
            gate,
            up,
            down,
        })
    }

    fn forward(
        &self,
        config: &LlamaConfig,
        x: &Tensor,
        rotation: (&Tensor, &Tensor),
        mask: Option<&Tensor>,
    ) -> Tensor {
        let normal = self.attention_norm.forward(x);
        let heads = |linear: &Linear| split_heads(&linear.forward(&normal), config.head_width);
        let value = heads(&self.value);
        let query = rotate(&heads(&self.query), rotation).to_kind(value.kind());
        let key = rotate(&heads(&self.key), rotation).to_kind(value.kind());
        let attended = Tensor::scaled_dot_product_attention(
            &query,
            &key,
            &value,
            mask,
            0.0,
            mask.is_none(),
            None,
            config.n_kv_heads != config.n_heads,
        );
        let x = x + self.attention_output.forward(&join_heads(&attended));
        let normal = self.feed_forward_norm.forward(&x);
        let gated = self.gate.forward(&normal).silu() * self.up.forward(&normal);
        x + self.down.forward(&gated)
    }
}

/// Cosines and sines `[B, 1, T, K]` for positions `[B, T]`, computed in float32 as the
/// reference does: at large positions the rounding shows.
pub(super) fn rotation(config: &LlamaConfig, positions: &Tensor, kind: Kind) -> (Tensor, Tensor) {
    let frequencies = frequencies(config, positions.device());
    let angles = positions.to_kind(Kind::Float).unsqueeze(-1) * frequencies;
    let angles = Tensor::cat(&[&angles, &angles], -1).unsqueeze(1);
    (angles.cos().to_kind(kind), angles.sin().to_kind(kind))
}

/// `theta^(-2i / K)` for `i < K / 2`, float32.
pub(crate) fn frequencies(config: &LlamaConfig, device: Device) -> Tensor {
    let width = config.head_width as i64;
    let exponents = Tensor::arange_start_step(0, width, 2, (Kind::Int64, device))
        .to_kind(Kind::Float)
        / width as f64;
    Tensor::from(config.rope.theta as f32)
        .to_device(device)
        .pow(&exponents)
        .reciprocal()
}

pub(super) fn rotate(x: &Tensor, (cosine, sine): (&Tensor, &Tensor)) -> Tensor {
    let half = x.size()[3] / 2;
    let (first, second) = (x.narrow(3, 0, half), x.narrow(3, half, half));
    let turned = Tensor::cat(&[-second, first], 3);
    x * cosine + turned * sine
}
