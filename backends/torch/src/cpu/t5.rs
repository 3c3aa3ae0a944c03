//! T5, row by row. The same formulas as in `crate::t5`.

use std::sync::Arc;

use super::attention::{Heads, RelativeBias, View, attend};
use super::cache::Cache;
use super::llama::embedding_row;
use super::math::{Gate, add, apply_gate, normalize};
use super::matrix::Matrix;
use super::model::CpuModel;
use super::place::{Place, memory_of};
use super::rows::{PANEL, Rows};
use crate::checkpoint::{Activation, Array, T5Config, Tensors};
use crate::decode::{self, Decoder, PeekRow, Prompt, PromptMemory, StepRow, check_tokens};
use crate::error::Result;
use crate::t5::{self, BiasDirection, bucket_of_distance};

/// A T5 model for decoding.
pub struct CpuT5 {
    config: T5Config,
    heads: Heads,
    embedding: Array,
    encoder: Stack,
    decoder: Stack,
    output: Matrix,
}

struct Stack {
    layers: Vec<Layer>,
    bias: RelativeBias,
    norm: Vec<f32>,
}

struct Layer {
    attention_norm: Vec<f32>,
    /// Queries, keys and values.
    inputs: Matrix,
    attention_output: Matrix,
    cross: Option<Cross>,
    feed_forward_norm: Vec<f32>,
    /// One matrix, or gate and input.
    feed_forward_input: Matrix,
    feed_forward_output: Matrix,
}

struct Cross {
    norm: Vec<f32>,
    query: Matrix,
    /// Of the encoder's states; used once for each prompt.
    keys_and_values: Matrix,
    output: Matrix,
}

impl CpuT5 {
    /// Loads and packs the weights.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over.
    pub fn load(config: &T5Config, source: &Tensors) -> Result<Self> {
        let shape = [config.vocabulary_size, config.model_width];
        let embedding = source.take("shared.weight", &shape)?;
        let output = if config.tied {
            Matrix::pack(std::slice::from_ref(&embedding))
        } else {
            Matrix::pack(&[source.take("lm_head.weight", &shape)?])
        };
        let encoder = Stack::load(config, source, BiasDirection::Bidirectional)?;
        let decoder = Stack::load(config, source, BiasDirection::Causal)?;
        source.finish(t5::may_be_left(config))?;
        Ok(Self {
            heads: Heads {
                n_heads: config.n_heads,
                n_kv_heads: config.n_heads,
                width: config.head_width,
                scale: 1.0,
            },
            config: config.clone(),
            embedding,
            encoder,
            decoder,
            output,
        })
    }

    fn cache(&self, capacity: usize) -> Cache {
        let n_layers = self.config.n_decoder_layers;
        Cache::new(n_layers, self.heads.n_heads, self.heads.width, capacity)
    }

    fn embed(&self, tokens: &[u32]) -> Rows {
        let mut x = Rows::new(tokens.len(), self.config.model_width);
        for (row, token) in tokens.iter().enumerate() {
            x.set_row(row, embedding_row(&self.embedding, *token));
        }
        x
    }

    fn normalize(&self, x: &Rows, weight: &[f32]) -> Rows {
        let mut normal = Rows::default();
        let epsilon = self.config.norm_epsilon as f32;
        normalize(x, self.config.model_width, weight, epsilon, &mut normal);
        normal
    }

    fn feed_forward(&self, layer: &Layer, x: &mut Rows) {
        let normal = self.normalize(x, &layer.feed_forward_norm);
        let (mut wide, mut gated) = (Rows::default(), Rows::default());
        layer.feed_forward_input.multiply(&normal, &mut wide);
        let gate = match self.config.activation {
            Activation::Relu => Gate::Relu,
            Activation::GatedGelu => Gate::Gelu,
        };
        apply_gate(gate, &wide, &mut gated);
        add_product(x, &layer.feed_forward_output, &gated);
    }

    /// Encoder states behind the last norm.
    fn encode(&self, tokens: &[u32]) -> Rows {
        let mut x = self.embed(tokens);
        let inner = self.heads.n_heads * self.heads.width;
        // One layer's keys and values at a time.
        let mut cache = Cache::new(1, self.heads.n_heads, self.heads.width, tokens.len());
        for layer in &self.encoder.layers {
            let normal = self.normalize(&x, &layer.attention_norm);
            let [queries, keys, values] = product_parts(&layer.inputs, &normal, inner);
            put_all(&mut cache, 0, &keys, &values, inner);
            let views: Vec<View<'_>> = (0..tokens.len())
                .map(|position| View {
                    shared: Some((&cache.layers[0], tokens.len())),
                    own: None,
                    tail: None,
                    position,
                })
                .collect();
            let mut attended = vec![0.0; queries.len()];
            let bias = Some(&self.encoder.bias);
            attend(self.heads, &queries, &views, bias, &mut attended);
            add_product(&mut x, &layer.attention_output, &rows_of(&attended, inner));
            self.feed_forward(layer, &mut x);
        }
        self.normalize(&x, &self.encoder.norm)
    }

    /// Decoder states as the output sees them.
    fn decode(&self, tokens: &[u32], place: &mut Place<'_, '_>) -> Rows {
        let inner = self.heads.n_heads * self.heads.width;
        let positions = place.lengths();
        let mut x = self.embed(tokens);
        for (index, layer) in self.decoder.layers.iter().enumerate() {
            let normal = self.normalize(&x, &layer.attention_norm);
            let [queries, keys, values] = product_parts(&layer.inputs, &normal, inner);
            place.put(index, &positions, &keys, &values);
            let own = place.views(index, &positions, (&keys, &values), false);
            let mut attended = vec![0.0; queries.len()];
            let bias = Some(&self.decoder.bias);
            attend(self.heads, &queries, &own, bias, &mut attended);
            drop(own);
            add_product(&mut x, &layer.attention_output, &rows_of(&attended, inner));
            if let Some(cross) = &layer.cross {
                let normal = self.normalize(&x, &cross.norm);
                let [queries] = product_parts(&cross.query, &normal, inner);
                let shared: Vec<View<'_>> = place
                    .prompts()
                    .into_iter()
                    .map(|prompt| View {
                        shared: Some((&memory_of(prompt).layers[index], prompt.length)),
                        own: None,
                        tail: None,
                        position: 0,
                    })
                    .collect();
                attend(self.heads, &queries, &shared, None, &mut attended);
                add_product(&mut x, &cross.output, &rows_of(&attended, inner));
            }
            self.feed_forward(layer, &mut x);
        }
        let mut states = self.normalize(&x, &self.decoder.norm);
        if self.config.tied {
            let scale = (self.config.model_width as f32).sqrt().recip();
            for value in states.data_mut() {
                *value *= scale;
            }
        }
        place.advance();
        states
    }
}

impl Decoder for CpuT5 {
    fn vocabulary_size(&self) -> usize {
        self.config.vocabulary_size
    }

    fn start_token(&self) -> Option<u32> {
        Some(self.config.decoder_start_token)
    }

    fn max_positions(&self) -> Option<usize> {
        None
    }

    fn read(&self, tokens: &[u32]) -> Result<Prompt> {
        check_tokens(tokens, self.config.vocabulary_size, None)?;
        let states = self.encode(tokens);
        let mut cache = self.cache(tokens.len());
        let inner = self.heads.n_heads * self.heads.width;
        for (index, layer) in self.decoder.layers.iter().enumerate() {
            if let Some(cross) = &layer.cross {
                let [keys, values] = product_parts(&cross.keys_and_values, &states, inner);
                put_all(&mut cache, index, &keys, &values, inner);
            }
        }
        cache.set_len(tokens.len());
        Ok(Prompt {
            memory: PromptMemory::Cpu(Arc::new(cache)),
            length: tokens.len(),
            logits: None,
        })
    }

    fn new_cache(&self, capacity: usize) -> decode::Cache {
        decode::Cache::Cpu(self.cache(capacity))
    }

    fn bytes_per_token(&self) -> usize {
        let n_layers = self.config.n_decoder_layers;
        Cache::bytes_per_token(n_layers, self.heads.n_heads, self.heads.width)
    }

    fn step(&self, rows: &mut [StepRow<'_>], logits: &mut Rows) {
        let mut states = Rows::default();
        self.advance(rows, &mut states);
        self.logits(&states, logits);
    }
}

impl CpuModel for CpuT5 {
    fn advance(&self, rows: &mut [StepRow<'_>], states: &mut Rows) {
        let tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        *states = self.decode(&tokens, &mut Place::Rows(rows));
    }

    fn peek(&self, rows: &[PeekRow<'_>], states: &mut Rows) {
        let tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        *states = self.decode(&tokens, &mut Place::Peeks(rows));
    }

    fn logits(&self, states: &Rows, logits: &mut Rows) {
        self.output.multiply(states, logits);
    }
}

/// `x += rows Wᵀ`.
fn add_product(x: &mut Rows, matrix: &Matrix, rows: &Rows) {
    let mut product = Rows::default();
    matrix.multiply(rows, &mut product);
    add(x, &product);
}

/// A product with matrices of `width` outputs each that were packed together, row after row.
fn product_parts<const N: usize>(matrix: &Matrix, x: &Rows, width: usize) -> [Vec<f32>; N] {
    let mut product = Rows::default();
    matrix.multiply(x, &mut product);
    let n_panels = width.div_ceil(PANEL);
    std::array::from_fn(|index| {
        let mut part = vec![0.0; x.n_rows() * width];
        for (row, out) in part.chunks_exact_mut(width).enumerate() {
            let pieces = product.row(row).skip(index * n_panels);
            for (out, piece) in out.chunks_mut(PANEL).zip(pieces) {
                out.copy_from_slice(&piece[..out.len()]);
            }
        }
        part
    })
}

fn rows_of(values: &[f32], width: usize) -> Rows {
    let mut rows = Rows::new(values.len() / width, width);
    for (row, values) in values.chunks_exact(width).enumerate() {
        rows.set_row(row, values);
    }
    rows
}

fn put_all(cache: &mut Cache, layer: usize, keys: &[f32], values: &[f32], width: usize) {
    let rows = keys.chunks_exact(width).zip(values.chunks_exact(width));
    for (position, (keys, values)) in rows.enumerate() {
        cache.layers[layer].put(position, keys, values);
    }
}

impl Stack {
    fn load(config: &T5Config, source: &Tensors, direction: BiasDirection) -> Result<Self> {
        let (name, n_layers) = match direction {
            BiasDirection::Bidirectional => ("encoder", config.n_encoder_layers),
            BiasDirection::Causal => ("decoder", config.n_decoder_layers),
        };
        let layers = (0..n_layers)
            .map(|index| Layer::load(config, source, &format!("{name}.block.{index}"), direction))
            .collect::<Result<_>>()?;
        let bias_name =
            format!("{name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        let table = source.take(&bias_name, &[config.n_position_buckets, config.n_heads])?;
        // From here on all distances are in the last bucket.
        let n = config.max_position_distance + 1;
        let (before, behind) = bucket_of_distance(config, direction, n);
        let by_head = |buckets: &[i64]| {
            (0..config.n_heads)
                .map(|head| {
                    buckets
                        .iter()
                        .map(|bucket| table.data[*bucket as usize * config.n_heads + head])
                        .collect()
                })
                .collect()
        };
        let norm_name = format!("{name}.final_layer_norm.weight");
        Ok(Self {
            layers,
            bias: RelativeBias::new(by_head(&before), by_head(&behind)),
            norm: source.take(&norm_name, &[config.model_width])?.data,
        })
    }
}

impl Layer {
    fn load(
        config: &T5Config,
        source: &Tensors,
        name: &str,
        direction: BiasDirection,
    ) -> Result<Self> {
        let width = config.model_width;
        let inner = config.n_heads * config.head_width;
        let wide = config.feed_forward_width;
        let take = |part: &str, shape: &[usize]| {
            source.take(&format!("{name}.layer.{part}.weight"), shape)
        };
        let norm = |index: usize| {
            Ok::<_, crate::Error>(take(&format!("{index}.layer_norm"), &[width])?.data)
        };
        let cross = match direction {
            BiasDirection::Bidirectional => None,
            BiasDirection::Causal => Some(Cross {
                norm: norm(1)?,
                query: Matrix::pack(&[take("1.EncDecAttention.q", &[inner, width])?]),
                keys_and_values: Matrix::pack(&[
                    take("1.EncDecAttention.k", &[inner, width])?,
                    take("1.EncDecAttention.v", &[inner, width])?,
                ]),
                output: Matrix::pack(&[take("1.EncDecAttention.o", &[width, inner])?]),
            }),
        };
        let last = if cross.is_some() { 2 } else { 1 };
        let dense =
            |part: &str, shape: [usize; 2]| take(&format!("{last}.DenseReluDense.{part}"), &shape);
        Ok(Self {
            attention_norm: norm(0)?,
            inputs: Matrix::pack(&[
                take("0.SelfAttention.q", &[inner, width])?,
                take("0.SelfAttention.k", &[inner, width])?,
                take("0.SelfAttention.v", &[inner, width])?,
            ]),
            attention_output: Matrix::pack(&[take("0.SelfAttention.o", &[width, inner])?]),
            cross,
            feed_forward_norm: norm(last)?,
            feed_forward_input: match config.activation {
                Activation::Relu => Matrix::pack(&[dense("wi", [wide, width])?]),
                Activation::GatedGelu => {
                    Matrix::pack(&[dense("wi_0", [wide, width])?, dense("wi_1", [wide, width])?])
                }
            },
            feed_forward_output: Matrix::pack(&[dense("wo", [width, wide])?]),
        })
    }
}
