//! T5 and Llama on a device.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};

use super::batch::{Batch, Row};
use super::groups::Stack;
use super::slab::{Shape, Slab, Slot, locked};
use crate::checkpoint::{Config, Tensors};
use crate::cpu::{PANEL, Rows};
use crate::decode::{Cache, Decoder, Prompt, PromptMemory, StepRow, check_tokens};
use crate::error::Result;
use crate::layers::Mode;
use crate::llama::Llama;
use crate::parameters::Parameters;
use crate::t5::T5;

/// Keys and values of a prompt that was read.
pub(crate) struct DevicePrompt {
    pub(super) id: u64,
    pub(super) length: usize,
    /// For each layer keys and values, `[1, H, P, K]` each.
    layers: Mutex<Vec<(Tensor, Tensor)>>,
}

impl DevicePrompt {
    pub(super) fn layers(&self) -> MutexGuard<'_, Vec<(Tensor, Tensor)>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A model on a device.
pub struct DeviceModel {
    config: Config,
    shape: Shape,
    /// Of scores.
    scale: f64,
    inner: Mutex<Inner>,
    slab: Arc<Mutex<Slab>>,
    n_prompts: AtomicU64,
}

struct Inner {
    net: Net,
    /// Of the step before.
    stack: Option<Stack>,
    /// What scores get by distance `[H, n]`, as far as it was asked for.
    bias: Option<Tensor>,
}

enum Net {
    T5(Box<T5>),
    Llama(Llama),
}

impl DeviceModel {
    /// Loads the weights in an element type: `Float` or `BFloat16`.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over; a device without room for them.
    pub fn load(config: &Config, source: &Tensors, device: Device, kind: Kind) -> Result<Self> {
        let mut parameters = Parameters::new(device, kind);
        let (net, [n_layers, n_heads, head_width], scale) = match config {
            Config::T5(config) => (
                Net::T5(Box::new(T5::load(config, source, &mut parameters)?)),
                [config.n_decoder_layers, config.n_heads, config.head_width],
                1.0,
            ),
            Config::Llama(config) => (
                Net::Llama(Llama::load(config, source, &mut parameters)?),
                [config.n_layers, config.n_kv_heads, config.head_width],
                (config.head_width as f64).sqrt().recip(),
            ),
        };
        let shape = Shape {
            n_layers,
            n_heads,
            head_width,
            kind,
            device,
        };
        Ok(Self {
            config: config.clone(),
            shape,
            scale,
            inner: Mutex::new(Inner {
                net,
                stack: None,
                bias: None,
            }),
            slab: Arc::new(Mutex::new(Slab::new(shape))),
            n_prompts: AtomicU64::new(0),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self, tokens: impl Iterator<Item = u32>) -> Tensor {
        let tokens: Vec<i64> = tokens.map(i64::from).collect();
        Tensor::from_slice(&tokens).to_device(self.shape.device)
    }

    fn prompt_of(row: &StepRow<'_>) -> Arc<DevicePrompt> {
        match &row.prompt.memory {
            PromptMemory::Device(prompt) => Arc::clone(prompt),
            PromptMemory::Cpu(_) => panic!("a prompt that this model has read"),
        }
    }

    /// Logits `[N, V]` of one token for each row.
    fn logits(&self, rows: &mut [StepRow<'_>]) -> Tensor {
        // By slots, so that rows whose slots lie side by side are read where they lie.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|at| slot(rows[*at].cache).index());
        let prompts: Vec<Arc<DevicePrompt>> = rows.iter().map(Self::prompt_of).collect();
        let batch: Vec<Row<'_>> = order
            .iter()
            .map(|at| Row {
                slot: slot(rows[*at].cache).index(),
                length: rows[*at].cache.len(),
                prompt: &prompts[*at],
            })
            .collect();
        let tokens = self.ids(order.iter().map(|at| rows[*at].token));
        let mut inner = self.inner();
        let Inner { net, stack, bias } = &mut *inner;
        let mut slab = locked(&self.slab);
        let place = (self.shape.kind, self.shape.device);
        let memory = (&mut *slab, stack);
        let logits = match net {
            Net::T5(net) => {
                let longest = batch.iter().map(|row| row.length + 1).max().unwrap_or(0);
                let known = bias.as_ref().map_or(0, |bias| bias.size()[1] as usize);
                if known < longest {
                    *bias = Some(net.bias_by_distance((2 * longest).max(64)));
                }
                let mut batch = Batch::new(&batch, memory, place, self.scale, bias.as_ref());
                net.logits(&net.rows(&tokens, &mut batch))
            }
            Net::Llama(net) => {
                // Positions go on from the prompt.
                let positions = batch.iter();
                let positions: Vec<i64> = positions
                    .map(|row| (row.prompt.length + row.length) as i64)
                    .collect();
                let positions = Tensor::from_slice(&positions).to_device(self.shape.device);
                let mut batch = Batch::new(&batch, memory, place, self.scale, None);
                let states = net.rows(&tokens, &positions, &mut |layer, query, key, value| {
                    batch.both(layer, query, key, value)
                });
                net.logits(&states)
            }
        };
        for row in rows.iter_mut() {
            slot_mut(row.cache).advance();
        }
        let mut places = vec![0_i64; order.len()];
        for (place, at) in order.iter().enumerate() {
            places[*at] = place as i64;
        }
        let places = Tensor::from_slice(&places).to_device(self.shape.device);
        logits.index_select(0, &places)
    }

    /// Keys and values of a prompt by layer, and logits `[1, V]` of what follows it where the
    /// model has read it as its own text.
    fn read_prompt(&self, tokens: &[u32]) -> (Vec<(Tensor, Tensor)>, Option<Tensor>) {
        let ids = self.ids(tokens.iter().copied());
        match &self.inner().net {
            Net::T5(net) => {
                let states = net.encode(&ids.unsqueeze(0), None, Mode::Evaluate);
                (net.cross_memory(&states), None)
            }
            Net::Llama(net) => {
                let n = tokens.len() as i64;
                let positions = Tensor::arange(n, (Kind::Int64, self.shape.device));
                let mut layers = Vec::new();
                let states = net.rows(&ids, &positions, &mut |_, query, key, value| {
                    // `[N, H, K]` to `[1, H, N, K]`
                    let [query, key, value] =
                        [query, key, value].map(|it| it.transpose(0, 1).unsqueeze(0).contiguous());
                    let is_shared = query.size()[1] != key.size()[1];
                    let attended = Tensor::scaled_dot_product_attention(
                        &query,
                        &key,
                        &value,
                        None::<&Tensor>,
                        0.0,
                        true,
                        Some(self.scale),
                        is_shared,
                    );
                    layers.push((key, value));
                    attended.squeeze_dim(0).transpose(0, 1)
                });
                let logits = net.logits(&states.narrow(0, n - 1, 1));
                (layers, Some(logits))
            }
        }
    }
}

impl Decoder for DeviceModel {
    fn vocabulary_size(&self) -> usize {
        match &self.config {
            Config::T5(config) => config.vocabulary_size,
            Config::Llama(config) => config.vocabulary_size,
        }
    }

    fn start_token(&self) -> Option<u32> {
        match &self.config {
            Config::T5(config) => Some(config.decoder_start_token),
            Config::Llama(_) => None,
        }
    }

    fn max_positions(&self) -> Option<usize> {
        match &self.config {
            Config::T5(_) => None,
            Config::Llama(config) => Some(config.max_positions),
        }
    }

    fn read(&self, tokens: &[u32]) -> Result<Prompt> {
        check_tokens(tokens, self.vocabulary_size(), self.max_positions())?;
        let (layers, logits) = tch::no_grad(|| self.read_prompt(tokens));
        let logits = logits.map(|logits| {
            let mut rows = Rows::default();
            copy(&logits, &mut rows);
            Arc::new(rows)
        });
        Ok(Prompt {
            memory: PromptMemory::Device(Arc::new(DevicePrompt {
                id: self.n_prompts.fetch_add(1, Ordering::Relaxed),
                length: tokens.len(),
                layers: Mutex::new(layers),
            })),
            length: tokens.len(),
            logits,
        })
    }

    fn new_cache(&self, capacity: usize) -> Cache {
        Cache::Device(Slot::new(&self.slab, capacity))
    }

    fn bytes_per_token(&self) -> usize {
        let shape = self.shape;
        2 * shape.n_layers * shape.n_heads * shape.head_width * shape.kind.elt_size_in_bytes()
    }

    fn step(&self, rows: &mut [StepRow<'_>], logits: &mut Rows) {
        if !rows.is_empty() {
            copy(&tch::no_grad(|| self.logits(rows)), logits);
        }
    }
}

/// Copies `[N, V]` from a device, into the panels of `rows`.
fn copy(tensor: &Tensor, rows: &mut Rows) {
    let (n, width) = tensor.size2().expect("logits have two dimensions");
    rows.reset(n as usize, width as usize);
    let padded = rows.n_panels() as i64 * PANEL as i64;
    let panels = tch::no_grad(|| {
        tensor
            .to_kind(Kind::Float)
            .constant_pad_nd([0, padded - width])
            .view([n, -1, PANEL as i64])
            .transpose(0, 1)
            .contiguous()
            .to_device(Device::Cpu)
    });
    let data = rows.data_mut();
    let n_values = data.len();
    panels.copy_data(data, n_values);
}

fn slot(cache: &Cache) -> &Slot {
    match cache {
        Cache::Device(slot) => slot,
        Cache::Cpu(_) => panic!("a cache that this model has made"),
    }
}

fn slot_mut(cache: &mut Cache) -> &mut Slot {
    match cache {
        Cache::Device(slot) => slot,
        Cache::Cpu(_) => panic!("a cache that this model has made"),
    }
}
