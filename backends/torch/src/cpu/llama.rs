//! Llama and Qwen2, row by row. The same formulas as in `crate::llama`.

use std::sync::Arc;

use tch::{Device, Kind};

use super::attention::{Heads, attend};
use super::cache::Cache;
use super::math::{Gate, add, apply_gate, normalize};
use super::matrix::Matrix;
use super::model::CpuModel;
use super::place::Place;
use super::rows::{PANEL, Rows};
use crate::checkpoint::{Array, LlamaConfig, Tensors};
use crate::decode::{self, Decoder, PeekRow, Prompt, PromptMemory, StepRow, check_tokens};
use crate::error::{Error, Result};
use crate::llama;

/// A Llama or Qwen2 model for decoding.
pub struct CpuLlama {
    config: LlamaConfig,
    heads: Heads,
    embedding: Array,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    output: Matrix,
    /// Cosine and sine by position and channel of the first half, `[positions, K / 2]`.
    rotation: (Vec<f32>, Vec<f32>),
}

struct Layer {
    attention_norm: Vec<f32>,
    /// Queries, keys and values.
    inputs: Matrix,
    bias: Option<[Vec<f32>; 3]>,
    attention_output: Matrix,
    feed_forward_norm: Vec<f32>,
    gate_and_up: Matrix,
    down: Matrix,
}

/// Rows of a prompt that are read at a time: memory for intermediate results is bounded.
const CHUNK: usize = 256;

impl CpuLlama {
    /// Loads and packs the weights.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over.
    pub fn load(config: &LlamaConfig, source: &Tensors) -> Result<Self> {
        let shape = [config.vocabulary_size, config.model_width];
        let embedding = source.take("model.embed_tokens.weight", &shape)?;
        let output = if config.tied {
            Matrix::pack(std::slice::from_ref(&embedding))
        } else {
            Matrix::pack(&[source.take("lm_head.weight", &shape)?])
        };
        let layers = (0..config.n_layers)
            .map(|index| Layer::load(config, source, index))
            .collect::<Result<_>>()?;
        let norm = source
            .take("model.norm.weight", &[config.model_width])?
            .data;
        source.finish(llama::may_be_left(config))?;
        Ok(Self {
            heads: Heads {
                n_heads: config.n_heads,
                n_kv_heads: config.n_kv_heads,
                width: config.head_width,
                scale: (config.head_width as f32).sqrt().recip(),
            },
            rotation: rotation(config),
            config: config.clone(),
            embedding,
            layers,
            norm,
            output,
        })
    }

    /// Hidden states behind the last norm of `tokens`, which stand at `positions`.
    fn forward(&self, tokens: &[u32], positions: &[usize], place: &mut Place<'_, '_>) -> Rows {
        let config = &self.config;
        let width = config.model_width;
        let epsilon = config.norm_epsilon as f32;
        let mut x = Rows::new(tokens.len(), width);
        for (row, token) in tokens.iter().enumerate() {
            x.set_row(row, embedding_row(&self.embedding, *token));
        }
        let mut normal = Rows::default();
        let mut projected = Rows::default();
        let mut gated = Rows::default();
        let mut heads = HeadRows::new(config, tokens.len());
        for (index, layer) in self.layers.iter().enumerate() {
            normalize(&x, width, &layer.attention_norm, epsilon, &mut normal);
            layer.inputs.multiply(&normal, &mut projected);
            heads.split(config, layer, &projected, positions, &self.rotation);
            place.put(index, positions, &heads.keys, &heads.values);
            let views = place.views(index, positions, (&heads.keys, &heads.values), true);
            attend(
                self.heads,
                &heads.queries,
                &views,
                None,
                &mut heads.attended,
            );
            for (row, attended) in heads.attended.chunks_exact(heads.query_width).enumerate() {
                heads.rows.set_row(row, attended);
            }
            layer.attention_output.multiply(&heads.rows, &mut projected);
            add(&mut x, &projected);
            normalize(&x, width, &layer.feed_forward_norm, epsilon, &mut normal);
            layer.gate_and_up.multiply(&normal, &mut projected);
            apply_gate(Gate::Silu, &projected, &mut gated);
            layer.down.multiply(&gated, &mut projected);
            add(&mut x, &projected);
        }
        normalize(&x, width, &self.norm, epsilon, &mut normal);
        normal
    }

    fn cache(&self, capacity: usize) -> Cache {
        let config = &self.config;
        Cache::new(
            config.n_layers,
            config.n_kv_heads,
            config.head_width,
            capacity,
        )
    }

    /// States of tokens that continue prompts.
    fn continued(&self, tokens: &[u32], place: &mut Place<'_, '_>) -> Rows {
        let lengths = place.lengths();
        let prompts = place.prompts();
        let positions: Vec<usize> = prompts
            .iter()
            .zip(lengths)
            .map(|(prompt, length)| prompt.length + length)
            .collect();
        let states = self.forward(tokens, &positions, place);
        place.advance();
        states
    }
}

impl Decoder for CpuLlama {
    fn vocabulary_size(&self) -> usize {
        self.config.vocabulary_size
    }

    fn start_token(&self) -> Option<u32> {
        None
    }

    fn max_positions(&self) -> Option<usize> {
        Some(self.config.max_positions)
    }

    fn read(&self, tokens: &[u32]) -> Result<Prompt> {
        check_tokens(tokens, self.config.vocabulary_size, self.max_positions())?;
        let mut cache = self.cache(tokens.len());
        let mut last = Rows::new(1, self.config.model_width);
        for (index, chunk) in tokens.chunks(CHUNK).enumerate() {
            let first = index * CHUNK;
            let positions: Vec<usize> = (first..first + chunk.len()).collect();
            let hidden = self.forward(chunk, &positions, &mut Place::Prompt(&mut cache));
            let mut row = vec![0.0; self.config.model_width];
            hidden.copy_row(chunk.len() - 1, &mut row);
            last.set_row(0, &row);
        }
        cache.set_len(tokens.len());
        let mut logits = Rows::default();
        self.output.multiply(&last, &mut logits);
        Ok(Prompt {
            memory: PromptMemory::Cpu(Arc::new(cache)),
            length: tokens.len(),
            logits: Some(Arc::new(logits)),
        })
    }

    fn new_cache(&self, capacity: usize) -> decode::Cache {
        decode::Cache::Cpu(self.cache(capacity))
    }

    fn bytes_per_token(&self) -> usize {
        let config = &self.config;
        Cache::bytes_per_token(config.n_layers, config.n_kv_heads, config.head_width)
    }

    fn step(&self, rows: &mut [StepRow<'_>], logits: &mut Rows) {
        let mut states = Rows::default();
        self.advance(rows, &mut states);
        self.logits(&states, logits);
    }
}

impl CpuModel for CpuLlama {
    fn advance(&self, rows: &mut [StepRow<'_>], states: &mut Rows) {
        let tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        *states = self.continued(&tokens, &mut Place::Rows(rows));
    }

    fn peek(&self, rows: &[PeekRow<'_>], states: &mut Rows) {
        let tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        *states = self.continued(&tokens, &mut Place::Peeks(rows));
    }

    fn logits(&self, states: &Rows, logits: &mut Rows) {
        self.output.multiply(states, logits);
    }
}

pub(super) fn embedding_row(embedding: &Array, token: u32) -> &[f32] {
    let width = embedding.shape[1];
    &embedding.data[token as usize * width..][..width]
}

impl Layer {
    fn load(config: &LlamaConfig, source: &Tensors, index: usize) -> Result<Self> {
        let width = config.model_width;
        let n_query = config.n_heads * config.head_width;
        let n_key = config.n_kv_heads * config.head_width;
        let take = |part: &str, shape: &[usize]| {
            source.take(&format!("model.layers.{index}.{part}"), shape)
        };
        let weight = |part: &str, n_out, n_in| take(&format!("{part}.weight"), &[n_out, n_in]);
        let wide = config.feed_forward_width;
        let bias =
            |part: &str, n_out| Ok::<_, Error>(take(&format!("{part}.bias"), &[n_out])?.data);
        Ok(Self {
            attention_norm: take("input_layernorm.weight", &[width])?.data,
            inputs: Matrix::pack(&[
                weight("self_attn.q_proj", n_query, width)?,
                weight("self_attn.k_proj", n_key, width)?,
                weight("self_attn.v_proj", n_key, width)?,
            ]),
            bias: config
                .attention_bias
                .then(|| {
                    Ok::<_, Error>([
                        bias("self_attn.q_proj", n_query)?,
                        bias("self_attn.k_proj", n_key)?,
                        bias("self_attn.v_proj", n_key)?,
                    ])
                })
                .transpose()?,
            attention_output: Matrix::pack(&[weight("self_attn.o_proj", width, n_query)?]),
            feed_forward_norm: take("post_attention_layernorm.weight", &[width])?.data,
            gate_and_up: Matrix::pack(&[
                weight("mlp.gate_proj", wide, width)?,
                weight("mlp.up_proj", wide, width)?,
            ]),
            down: Matrix::pack(&[weight("mlp.down_proj", width, wide)?]),
        })
    }
}

/// Queries, keys and values of rows, row after row.
struct HeadRows {
    query_width: usize,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    attended: Vec<f32>,
    rows: Rows,
}

impl HeadRows {
    fn new(config: &LlamaConfig, n_rows: usize) -> Self {
        let query_width = config.n_heads * config.head_width;
        let key_width = config.n_kv_heads * config.head_width;
        Self {
            query_width,
            queries: vec![0.0; n_rows * query_width],
            keys: vec![0.0; n_rows * key_width],
            values: vec![0.0; n_rows * key_width],
            attended: vec![0.0; n_rows * query_width],
            rows: Rows::new(n_rows, query_width),
        }
    }

    /// Takes the parts of `projected`, adds biases, and rotates queries and keys.
    fn split(
        &mut self,
        config: &LlamaConfig,
        layer: &Layer,
        projected: &Rows,
        positions: &[usize],
        rotation: &(Vec<f32>, Vec<f32>),
    ) {
        let parts = [&mut self.queries, &mut self.keys, &mut self.values];
        let mut first_panel = 0;
        for (index, part) in parts.into_iter().enumerate() {
            let width = part.len() / positions.len();
            let n_panels = width.div_ceil(PANEL);
            for ((row, part), position) in part.chunks_exact_mut(width).enumerate().zip(positions) {
                let pieces = projected.row(row).skip(first_panel).take(n_panels);
                for (out, piece) in part.chunks_mut(PANEL).zip(pieces) {
                    out.copy_from_slice(&piece[..out.len()]);
                }
                if let Some(bias) = &layer.bias {
                    for (out, bias) in part.iter_mut().zip(&bias[index]) {
                        *out += bias;
                    }
                }
                if index < 2 {
                    rotate(part, config.head_width, *position, rotation);
                }
            }
            first_panel += n_panels;
        }
    }
}

fn rotate(
    heads: &mut [f32],
    width: usize,
    position: usize,
    (cosines, sines): &(Vec<f32>, Vec<f32>),
) {
    let half = width / 2;
    let cosines = &cosines[position * half..][..half];
    let sines = &sines[position * half..][..half];
    for head in heads.chunks_exact_mut(width) {
        let (first, second) = head.split_at_mut(half);
        for (((first, second), cosine), sine) in
            first.iter_mut().zip(second).zip(cosines).zip(sines)
        {
            (*first, *second) = (
                *first * cosine - *second * sine,
                *second * cosine + *first * sine,
            );
        }
    }
}

/// By libtorch, so that the angles are rounded as everywhere else.
fn rotation(config: &LlamaConfig) -> (Vec<f32>, Vec<f32>) {
    let n = config.max_positions;
    let frequencies = llama::frequencies(config, Device::Cpu);
    let positions = tch::Tensor::arange(n as i64, (Kind::Float, Device::Cpu)).unsqueeze(-1);
    let angles = positions * frequencies;
    let list = |tensor: tch::Tensor| {
        let mut values = vec![0.0; n * config.head_width / 2];
        let n = values.len();
        tensor.copy_data(&mut values, n);
        values
    };
    (list(angles.cos()), list(angles.sin()))
}
