//! `config.json` as `transformers` writes it, parsed once into what the models need.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};

/// Sizes and variants of a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    T5(T5Config),
    Llama(LlamaConfig),
}

impl Config {
    pub fn vocabulary_size(&self) -> usize {
        match self {
            Self::T5(config) => config.vocabulary_size,
            Self::Llama(config) => config.vocabulary_size,
        }
    }

    /// Tokens at which generation ends.
    pub fn end_tokens(&self) -> &[u32] {
        match self {
            Self::T5(config) => &config.end_tokens,
            Self::Llama(config) => &config.end_tokens,
        }
    }

    /// Longest sequence that the model was made for, in tokens; `None` where positions are
    /// relative and nothing bounds them.
    pub fn max_positions(&self) -> Option<usize> {
        match self {
            Self::T5(_) => None,
            Self::Llama(config) => Some(config.max_positions),
        }
    }
}

/// What stands between the two matrices of a T5 feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Relu,
    /// A second input matrix, and the tanh form of GELU on the first.
    GatedGelu,
}

/// T5, as CodeT5 has it.
#[derive(Clone, Debug, PartialEq)]
pub struct T5Config {
    pub vocabulary_size: usize,
    /// D.
    pub model_width: usize,
    /// K.
    pub head_width: usize,
    /// H.
    pub n_heads: usize,
    pub feed_forward_width: usize,
    pub n_encoder_layers: usize,
    pub n_decoder_layers: usize,
    pub activation: Activation,
    pub n_position_buckets: usize,
    pub max_position_distance: usize,
    pub norm_epsilon: f64,
    /// The output matrix is the embedding matrix, and its input is scaled by 1/√D.
    pub tied: bool,
    pub dropout: f64,
    pub decoder_start_token: u32,
    pub end_tokens: Vec<u32>,
    pub pad_token: u32,
}

/// Llama and Qwen2.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    pub vocabulary_size: usize,
    pub model_width: usize,
    pub head_width: usize,
    pub n_heads: usize,
    /// Heads of keys and values, each shared by `n_heads / n_kv_heads` query heads.
    pub n_kv_heads: usize,
    pub feed_forward_width: usize,
    pub n_layers: usize,
    pub rope: Rope,
    pub norm_epsilon: f64,
    pub tied: bool,
    /// Whether queries, keys and values have a bias (Qwen2).
    pub attention_bias: bool,
    pub max_positions: usize,
    pub begin_token: Option<u32>,
    pub end_tokens: Vec<u32>,
}

/// Rotary positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    pub theta: f64,
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let kind: Kind = serde_json::from_str(text)
            .map_err(|error| Error::malformed(path, error.to_string()))?;
        let model_type = kind.model_type.as_deref().unwrap_or("(none)");
        let malformed = |error: serde_json::Error| Error::malformed(path, error.to_string());
        match model_type {
            "t5" => T5File::convert(path, serde_json::from_str(text).map_err(malformed)?),
            "llama" | "qwen2" => {
                LlamaFile::convert(path, serde_json::from_str(text).map_err(malformed)?)
            }
            other => Err(Error::Unsupported {
                path: path.to_owned(),
                what: format!("model_type `{other}`"),
                supported: "t5, llama, qwen2",
            }),
        }
    }
}

impl Config {
    /// Takes over what `generation_config.json` says of special tokens.
    pub(super) fn adopt_generation(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
        let file: GenerationFile = serde_json::from_str(&text)
            .map_err(|error| Error::malformed(path, error.to_string()))?;
        let end = Tokens::list(file.eos_token_id);
        let end_tokens = match self {
            Self::T5(config) => {
                if let Some(token) = file.decoder_start_token_id {
                    config.decoder_start_token = token;
                }
                &mut config.end_tokens
            }
            Self::Llama(config) => &mut config.end_tokens,
        };
        if !end.is_empty() {
            *end_tokens = end;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct GenerationFile {
    eos_token_id: Option<Tokens>,
    decoder_start_token_id: Option<u32>,
}

#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
}

/// An id, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    One(u32),
    Many(Vec<u32>),
}

impl Tokens {
    fn list(tokens: Option<Self>) -> Vec<u32> {
        match tokens {
            None => Vec::new(),
            Some(Self::One(token)) => vec![token],
            Some(Self::Many(tokens)) => tokens,
        }
    }
}

/// Defaults are those of `T5Config` in `transformers`.
#[derive(Deserialize)]
struct T5File {
    vocab_size: usize,
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_decoder_layers: Option<usize>,
    num_heads: usize,
    relative_attention_num_buckets: Option<usize>,
    relative_attention_max_distance: Option<usize>,
    dropout_rate: Option<f64>,
    layer_norm_epsilon: Option<f64>,
    feed_forward_proj: Option<String>,
    tie_word_embeddings: Option<bool>,
    /// What `transformers` 5 makes of the key above.
    scale_decoder_outputs: Option<bool>,
    decoder_start_token_id: Option<u32>,
    eos_token_id: Option<Tokens>,
    pad_token_id: Option<u32>,
}

impl T5File {
    fn convert(path: &Path, file: Self) -> Result<Config> {
        let activation = match file.feed_forward_proj.as_deref() {
            None | Some("relu") => Activation::Relu,
            Some("gated-gelu") => Activation::GatedGelu,
            Some(other) => {
                return Err(Error::Unsupported {
                    path: path.to_owned(),
                    what: format!("feed_forward_proj `{other}`"),
                    supported: "relu, gated-gelu",
                });
            }
        };
        let n_position_buckets = file.relative_attention_num_buckets.unwrap_or(32);
        let max_position_distance = file.relative_attention_max_distance.unwrap_or(128);
        // Half of the buckets are for one direction in the encoder, and half of those are exact.
        if n_position_buckets < 4
            || !n_position_buckets.is_multiple_of(4)
            || max_position_distance <= n_position_buckets / 2
        {
            let detail = format!(
                "relative_attention_num_buckets {n_position_buckets} with \
                 relative_attention_max_distance {max_position_distance}: the first must be a \
                 multiple of 4 and less than twice the second"
            );
            return Err(Error::malformed(path, detail));
        }
        let sizes = [
            ("vocab_size", file.vocab_size),
            ("d_model", file.d_model),
            ("d_kv", file.d_kv),
            ("d_ff", file.d_ff),
            ("num_heads", file.num_heads),
        ];
        check_positive(path, &sizes)?;
        let pad_token = file.pad_token_id.unwrap_or(0);
        Ok(Config::T5(T5Config {
            vocabulary_size: file.vocab_size,
            model_width: file.d_model,
            head_width: file.d_kv,
            n_heads: file.num_heads,
            feed_forward_width: file.d_ff,
            n_encoder_layers: file.num_layers,
            n_decoder_layers: file.num_decoder_layers.unwrap_or(file.num_layers),
            activation,
            n_position_buckets,
            max_position_distance,
            norm_epsilon: file.layer_norm_epsilon.unwrap_or(1e-6),
            tied: file
                .scale_decoder_outputs
                .or(file.tie_word_embeddings)
                .unwrap_or(true),
            dropout: file.dropout_rate.unwrap_or(0.1),
            decoder_start_token: file.decoder_start_token_id.unwrap_or(pad_token),
            end_tokens: Tokens::list(file.eos_token_id.or(Some(Tokens::One(1)))),
            pad_token,
        }))
    }
}

#[derive(Deserialize)]
struct LlamaFile {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: Option<String>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RopeFile>,
    /// Where `transformers` 5 writes both.
    rope_parameters: Option<RopeFile>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    use_sliding_window: Option<bool>,
    max_position_embeddings: Option<usize>,
    bos_token_id: Option<u32>,
    eos_token_id: Option<Tokens>,
}

#[derive(Deserialize)]
struct RopeFile {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
}

impl LlamaFile {
    fn convert(path: &Path, file: Self) -> Result<Config> {
        let unsupported = |what: String, supported| Error::Unsupported {
            path: path.to_owned(),
            what,
            supported,
        };
        let is_qwen2 = file.model_type == "qwen2";
        if let Some(act) = file.hidden_act.as_deref().filter(|act| *act != "silu") {
            return Err(unsupported(format!("hidden_act `{act}`"), "silu"));
        }
        if file.mlp_bias == Some(true) {
            return Err(unsupported("mlp_bias true".to_owned(), "false"));
        }
        if file.use_sliding_window == Some(true) {
            return Err(unsupported("use_sliding_window true".to_owned(), "false"));
        }
        if file.attention_bias == Some(true) && !is_qwen2 {
            let what = "attention_bias true in a Llama model".to_owned();
            return Err(unsupported(what, "false, or model_type qwen2"));
        }
        let mut theta = file.rope_theta;
        for rope in [&file.rope_scaling, &file.rope_parameters]
            .into_iter()
            .flatten()
        {
            if let Some(kind) = rope.rope_type.as_deref().filter(|kind| *kind != "default") {
                return Err(unsupported(format!("rope_type `{kind}`"), "default"));
            }
            theta = theta.or(rope.rope_theta);
        }
        let sizes = [
            ("vocab_size", file.vocab_size),
            ("hidden_size", file.hidden_size),
            ("intermediate_size", file.intermediate_size),
            ("num_attention_heads", file.num_attention_heads),
        ];
        check_positive(path, &sizes)?;
        let n_heads = file.num_attention_heads;
        Ok(Config::Llama(
            LlamaConfig {
                vocabulary_size: file.vocab_size,
                model_width: file.hidden_size,
                head_width: file.head_dim.unwrap_or(file.hidden_size / n_heads),
                n_heads,
                n_kv_heads: file.num_key_value_heads.unwrap_or(n_heads),
                feed_forward_width: file.intermediate_size,
                n_layers: file.num_hidden_layers,
                rope: Rope {
                    theta: theta.unwrap_or(10_000.0),
                },
                norm_epsilon: file.rms_norm_eps.unwrap_or(1e-6),
                tied: file.tie_word_embeddings.unwrap_or(false),
                attention_bias: is_qwen2,
                max_positions: file.max_position_embeddings.unwrap_or(2048),
                begin_token: file.bos_token_id,
                end_tokens: Tokens::list(file.eos_token_id),
            }
            .check(path)?,
        ))
    }
}

impl LlamaConfig {
    /// # Errors
    /// Head counts that do not divide, or a head width that cannot be rotated.
    pub(crate) fn check(self, path: &Path) -> Result<Self> {
        if self.n_kv_heads == 0 || !self.n_heads.is_multiple_of(self.n_kv_heads) {
            let detail = format!(
                "{} attention heads cannot share {} key and value heads",
                self.n_heads, self.n_kv_heads
            );
            return Err(Error::malformed(path, detail));
        }
        if self.head_width == 0 || !self.head_width.is_multiple_of(2) {
            let detail = format!("head width {} is not even", self.head_width);
            return Err(Error::malformed(path, detail));
        }
        Ok(self)
    }
}

fn check_positive(path: &Path, sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((key, _)) => Err(Error::malformed(path, format!("`{key}` is 0"))),
        None => Ok(()),
    }
}
