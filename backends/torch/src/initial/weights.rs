//! Random weights of a configuration, by the published names: as `_init_weights` of
//! `modeling_t5.py` and `modeling_llama.py` in `transformers` have it, with numbers of our own
//! generator. A tensor depends on the seed, its name and its shape alone.

use std::collections::BTreeMap;

use crate::checkpoint::{Activation, Config, LlamaConfig, T5Config, TensorSource};
use crate::error::Result;
use crate::random::{normals, seed_for};

/// How weights are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Standard deviation of embeddings; `None` for the reference's: 1 for T5, 0.02 for Llama.
    pub embedding: Option<f64>,
}

/// The weights of a new model. They are drawn when they are asked for, so that a large model
/// takes no memory.
#[derive(Clone, Debug)]
pub struct InitialWeights {
    seed: u64,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone, Debug)]
struct Tensor {
    shape: Vec<usize>,
    fill: Fill,
}

#[derive(Clone, Copy, Debug)]
enum Fill {
    Constant(f32),
    /// Mean 0, and this standard deviation.
    Normal(f64),
}

/// Standard deviation of all matrices of Llama (`initializer_range`).
const LLAMA_SPREAD: f64 = 0.02;

impl InitialWeights {
    pub fn new(config: &Config, seed: u64, spread: Spread) -> Self {
        let mut weights = Self {
            seed,
            tensors: BTreeMap::new(),
        };
        match config {
            Config::T5(config) => weights.t5(config, spread.embedding.unwrap_or(1.0)),
            Config::Llama(config) => {
                weights.llama(config, spread.embedding.unwrap_or(LLAMA_SPREAD));
            }
        }
        weights
    }

    /// Weights in all.
    pub fn len(&self) -> usize {
        self.tensors
            .values()
            .map(|tensor| tensor.shape.iter().product::<usize>())
            .sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, name: String, shape: &[usize], fill: Fill) {
        let shape = shape.to_vec();
        self.tensors.insert(name, Tensor { shape, fill });
    }

    fn norm(&mut self, name: String, width: usize) {
        self.add(format!("{name}.weight"), &[width], Fill::Constant(1.0));
    }

    /// `n_out` by `n_in`.
    fn linear(&mut self, name: String, n_out: usize, n_in: usize, deviation: f64) {
        let fill = Fill::Normal(deviation);
        self.add(format!("{name}.weight"), &[n_out, n_in], fill);
    }

    fn t5(&mut self, config: &T5Config, embedding: f64) {
        let (width, vocabulary) = (config.model_width, config.vocabulary_size);
        self.linear("shared".to_owned(), vocabulary, width, embedding);
        if !config.tied {
            self.linear("lm_head".to_owned(), vocabulary, width, 1.0);
        }
        let sides = [
            ("encoder", config.n_encoder_layers, &["SelfAttention"][..]),
            (
                "decoder",
                config.n_decoder_layers,
                &["SelfAttention", "EncDecAttention"],
            ),
        ];
        for (side, n_layers, attentions) in sides {
            for index in 0..n_layers {
                let block = format!("{side}.block.{index}.layer");
                for (layer, attention) in attentions.iter().enumerate() {
                    self.norm(format!("{block}.{layer}.layer_norm"), width);
                    self.t5_attention(config, &format!("{block}.{layer}.{attention}"));
                }
                let layer = attentions.len();
                self.norm(format!("{block}.{layer}.layer_norm"), width);
                self.t5_feed_forward(config, &format!("{block}.{layer}.DenseReluDense"));
            }
            let bias = format!("{side}.block.0.layer.0.SelfAttention.relative_attention_bias");
            let (n_buckets, n_heads) = (config.n_position_buckets, config.n_heads);
            self.linear(bias, n_buckets, n_heads, inverse_root(width));
            self.norm(format!("{side}.final_layer_norm"), width);
        }
    }

    fn t5_attention(&mut self, config: &T5Config, name: &str) {
        let (width, head) = (config.model_width, config.head_width);
        let inner = config.n_heads * head;
        // Scores are not divided by the root of the head's width; the queries are small instead.
        self.linear(
            format!("{name}.q"),
            inner,
            width,
            inverse_root(width * head),
        );
        self.linear(format!("{name}.k"), inner, width, inverse_root(width));
        self.linear(format!("{name}.v"), inner, width, inverse_root(width));
        self.linear(format!("{name}.o"), width, inner, inverse_root(inner));
    }

    fn t5_feed_forward(&mut self, config: &T5Config, name: &str) {
        let (width, wide) = (config.model_width, config.feed_forward_width);
        let inputs = match config.activation {
            Activation::Relu => &["wi"][..],
            Activation::GatedGelu => &["wi_0", "wi_1"],
        };
        for input in inputs {
            self.linear(format!("{name}.{input}"), wide, width, inverse_root(width));
        }
        self.linear(format!("{name}.wo"), width, wide, inverse_root(wide));
    }

    fn llama(&mut self, config: &LlamaConfig, embedding: f64) {
        let (width, wide) = (config.model_width, config.feed_forward_width);
        let vocabulary = config.vocabulary_size;
        let name = "model.embed_tokens".to_owned();
        self.linear(name, vocabulary, width, embedding);
        if !config.tied {
            self.linear("lm_head".to_owned(), vocabulary, width, LLAMA_SPREAD);
        }
        self.norm("model.norm".to_owned(), width);
        let n_query = config.n_heads * config.head_width;
        let n_key = config.n_kv_heads * config.head_width;
        for index in 0..config.n_layers {
            let layer = format!("model.layers.{index}");
            self.norm(format!("{layer}.input_layernorm"), width);
            self.norm(format!("{layer}.post_attention_layernorm"), width);
            let parts = [
                ("self_attn.q_proj", n_query, width),
                ("self_attn.k_proj", n_key, width),
                ("self_attn.v_proj", n_key, width),
                ("self_attn.o_proj", width, n_query),
                ("mlp.gate_proj", wide, width),
                ("mlp.up_proj", wide, width),
                ("mlp.down_proj", width, wide),
            ];
            for (part, n_out, n_in) in parts {
                self.linear(format!("{layer}.{part}"), n_out, n_in, LLAMA_SPREAD);
            }
            if config.attention_bias {
                for (part, n_out, _) in &parts[..3] {
                    let name = format!("{layer}.{part}.bias");
                    self.add(name, &[*n_out], Fill::Constant(0.0));
                }
            }
        }
    }
}

impl TensorSource for InitialWeights {
    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.shape.clone()))
            .collect()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = &self.tensors[name];
        let n = tensor.shape.iter().product();
        Ok(match tensor.fill {
            Fill::Constant(value) => vec![value; n],
            Fill::Normal(deviation) => normals(seed_for(self.seed, name), n, deviation),
        })
    }
}

/// Square roots and quotients are exactly rounded everywhere; powers are not.
fn inverse_root(n: usize) -> f64 {
    1.0 / (n as f64).sqrt()
}
