//! A model that is trained, of either family.

use std::collections::BTreeMap;
use std::path::Path;

use harness::training::{LoraSettings, Precision, TrainingSettings};
use tch::{Device, Kind, Tensor};

use super::adapter::{self, Adapter};
use super::batch::Batch;
use super::loss;
use crate::checkpoint::{Array, Checkpoint, Config};
use crate::device;
use crate::error::{Error, Result};
use crate::layers::Mode;
use crate::llama::Llama;
use crate::parameters::Parameters;
use crate::segments::{Activations, Segments};
use crate::t5::T5;

/// A model and its weights.
pub struct Actor {
    pub config: Config,
    pub parameters: Parameters,
    model: Model,
    adapter: Option<Adapter>,
    activations: Activations,
}

/// How a model is computed. What it learns does not depend on it, but for rounding.
#[derive(Clone, Copy, Debug)]
pub struct Computing {
    pub device: Device,
    pub precision: Precision,
    pub activations: Activations,
}

impl Computing {
    /// In float32 and with all activations.
    pub fn on(device: Device) -> Self {
        Self {
            device,
            precision: Precision::Float32,
            activations: Activations::Kept,
        }
    }

    /// # Errors
    /// A device that is not here.
    pub(super) fn of(settings: &TrainingSettings) -> Result<Self> {
        Ok(Self {
            device: device::find(settings.device)?,
            precision: settings.precision,
            activations: match settings.gradient_checkpointing {
                true => Activations::Recomputed,
                false => Activations::Kept,
            },
        })
    }

    /// Weights are float32 whatever products are computed in.
    pub(super) fn parameters(self) -> Parameters {
        Parameters::new(self.device, Kind::Float).computed_in(device::kind(self.precision))
    }
}

enum Model {
    T5(Box<T5>),
    Llama(Llama),
}

impl Actor {
    /// Loads weights, in float32.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over.
    pub fn load(checkpoint: &Checkpoint, computing: Computing) -> Result<Self> {
        Self::with_parameters(checkpoint, computing.parameters(), computing.activations)
    }

    /// As [`Actor::load`], with parameters that hold other tensors of the checkpoint already.
    pub(super) fn with_parameters(
        checkpoint: &Checkpoint,
        mut parameters: Parameters,
        activations: Activations,
    ) -> Result<Self> {
        let tensors = &checkpoint.tensors;
        let model = match &checkpoint.config {
            Config::T5(config) => Model::T5(Box::new(T5::load(config, tensors, &mut parameters)?)),
            Config::Llama(config) => Model::Llama(Llama::load(config, tensors, &mut parameters)?),
        };
        Ok(Self {
            config: checkpoint.config.clone(),
            parameters,
            model,
            adapter: None,
            activations,
        })
    }

    /// Freezes the weights and adds low-rank updates: those of a model folder, else new ones.
    ///
    /// # Errors
    /// An encoder-decoder, or a folder that holds no such updates.
    pub(super) fn adapt(
        &mut self,
        settings: &LoraSettings,
        seed: u64,
        folder: Option<&Path>,
    ) -> Result<()> {
        let device = self.device();
        let Model::Llama(model) = &mut self.model else {
            return Err(Error::request(
                "low-rank updates are for decoder-only models, and this one is an \
                 encoder-decoder; leave `lora.rank` at 0",
            ));
        };
        self.adapter = Some(match folder {
            Some(folder) => Adapter::load(model, settings, &folder.join(adapter::FOLDER), device)?,
            None => Adapter::new(model, settings, seed, device)?,
        });
        Ok(())
    }

    /// The weights that learn.
    pub(super) fn learning(&self) -> &Parameters {
        match &self.adapter {
            Some(adapter) => &adapter.parameters,
            None => &self.parameters,
        }
    }

    pub(super) fn require_gradients(&mut self) {
        match &mut self.adapter {
            Some(adapter) => adapter.parameters.require_gradients(),
            None => self.parameters.require_gradients(),
        }
    }

    /// Writes low-rank updates into a model folder, where there are any.
    pub(super) fn write_adapter(&self, folder: &Path, base: &Path) -> Result<()> {
        match &self.adapter {
            Some(adapter) => adapter.write(&folder.join(adapter::FOLDER), base),
            None => Ok(()),
        }
    }

    pub(super) fn device(&self) -> Device {
        self.parameters.device()
    }

    /// States `[B, L, D]` of everything that the decoder reads, without gradients.
    pub(super) fn states(&self, batch: &Batch) -> Tensor {
        let segments = &mut Segments::plain(Mode::Evaluate);
        tch::no_grad(|| self.states_in(segments, batch, Mode::Evaluate))
    }

    fn states_in<'a>(&'a self, segments: &mut Segments<'a>, batch: &Batch, mode: Mode) -> Tensor {
        match &self.model {
            Model::T5(model) => {
                let source = batch.source.as_ref().expect("a batch for T5 has sources");
                let mask = source.mask.as_ref();
                let encoded = model.encode_in(segments, &source.tokens, mask, mode);
                let (encoded, mask) = match &source.rows {
                    None => (encoded, source.mask.as_ref().map(Tensor::shallow_clone)),
                    Some(rows) => {
                        let mask = mask.map(|mask| mask.index_select(0, rows));
                        let rows = rows.shallow_clone();
                        let encoded = segments
                            .run(&[&encoded], move |inputs| inputs[0].index_select(0, &rows));
                        (encoded, mask)
                    }
                };
                let source = (&encoded, mask.as_ref());
                model.decode_in(segments, &batch.inputs, None, source, mode)
            }
            Model::Llama(model) => model.forward_in(segments, &batch.inputs, None),
        }
    }

    /// Adds the gradients of what `loss` makes of the states of a batch; returns the loss.
    pub(super) fn backward(&self, batch: &Batch, loss: impl FnOnce(&Tensor) -> Tensor) -> f64 {
        let mut segments = Segments::new(self.activations, Mode::Train);
        let states = self.states_in(&mut segments, batch, Mode::Train);
        let loss = loss(&states);
        drop(states);
        segments.backward(&loss);
        loss.double_value(&[])
    }

    /// Logits `[N, V]` of the target tokens, of the states of a batch.
    pub(super) fn logits(&self, states: &Tensor, batch: &Batch) -> Tensor {
        let states = pick(states, &batch.predicts);
        let logits = match &self.model {
            Model::T5(model) => model.logits(&states),
            Model::Llama(model) => model.logits(&states),
        };
        logits.to_kind(Kind::Float)
    }

    /// log p of the target tokens `[N]`, without gradients.
    pub(super) fn log_probs(&self, batch: &Batch) -> Tensor {
        tch::no_grad(|| {
            let log_probs = loss::log_softmax(&self.logits(&self.states(batch), batch));
            loss::of_labels(&log_probs, &batch.labels)
        })
    }

    /// Weights as they are now, by their published names; with low-rank updates added.
    pub fn arrays(&self) -> BTreeMap<String, Array> {
        let mut arrays = arrays(&self.parameters);
        if let Some(adapter) = &self.adapter {
            adapter.merge(&mut arrays);
        }
        arrays
    }
}

pub(super) fn arrays(parameters: &Parameters) -> BTreeMap<String, Array> {
    parameters
        .iter()
        .map(|(name, tensor)| (name.to_owned(), array(tensor)))
        .collect()
}

pub(super) fn array(tensor: &Tensor) -> Array {
    let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float);
    let shape = tensor.size().iter().map(|size| *size as usize).collect();
    let mut data = vec![0.0; tensor.numel()];
    tensor.contiguous().copy_data(&mut data, tensor.numel());
    Array { shape, data }
}

/// States `[B, L, D]` at `positions` `[N]` into `B × L`: `[N, D]`.
pub(super) fn pick(states: &Tensor, positions: &Tensor) -> Tensor {
    let width = *states.size().last().expect("states have a width");
    states.reshape([-1, width]).index_select(0, positions)
}
