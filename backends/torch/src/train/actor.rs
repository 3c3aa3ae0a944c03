//! A model that is trained, of either family.

use std::collections::BTreeMap;
use std::path::Path;

use harness::training::{Device as DeviceSetting, LoraSettings};
use tch::{Device, Kind, Tensor};

use super::adapter::{self, Adapter};
use super::batch::Batch;
use crate::checkpoint::{Array, Checkpoint, Config, Tensors};
use crate::error::{Error, Result};
use crate::layers::Mode;
use crate::llama::Llama;
use crate::parameters::Parameters;
use crate::t5::T5;

/// A model and its weights.
pub struct Actor {
    pub config: Config,
    pub parameters: Parameters,
    model: Model,
    adapter: Option<Adapter>,
}

enum Model {
    T5(Box<T5>),
    Llama(Llama),
}

/// The device that a setting names.
///
/// # Errors
/// No such device here.
pub(super) fn device(setting: DeviceSetting) -> Result<Device> {
    match setting {
        DeviceSetting::Cpu => Ok(Device::Cpu),
        DeviceSetting::Cuda if tch::Cuda::is_available() => Ok(Device::Cuda(0)),
        DeviceSetting::Cuda => Err(Error::request(
            "device `cuda` was asked for, and libtorch finds none; use `cpu`",
        )),
    }
}

impl Actor {
    /// Loads weights in float32.
    ///
    /// # Errors
    /// Tensors that are missing, of another shape, or left over.
    pub fn load(checkpoint: &Checkpoint, device: Device) -> Result<Self> {
        let parameters = Parameters::new(device, Kind::Float);
        Self::with_parameters(&checkpoint.config, &checkpoint.tensors, parameters)
    }

    /// As [`Actor::load`], with parameters that hold other tensors of the checkpoint already.
    pub(super) fn with_parameters(
        config: &Config,
        tensors: &Tensors,
        mut parameters: Parameters,
    ) -> Result<Self> {
        let model = match config {
            Config::T5(config) => Model::T5(Box::new(T5::load(config, tensors, &mut parameters)?)),
            Config::Llama(config) => Model::Llama(Llama::load(config, tensors, &mut parameters)?),
        };
        Ok(Self {
            config: config.clone(),
            parameters,
            model,
            adapter: None,
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

    /// States `[B, L, D]` of everything that the decoder reads.
    pub fn states(&self, batch: &Batch, mode: Mode) -> Tensor {
        match &self.model {
            Model::T5(model) => {
                let (source, mask) = batch.source.as_ref().expect("a batch for T5 has sources");
                let encoded = model.encode(source, mask.as_ref(), mode);
                let inputs_mask = Some(&batch.inputs_mask);
                model.decode(&batch.inputs, inputs_mask, &encoded, mask.as_ref(), mode)
            }
            Model::Llama(model) => model.forward(&batch.inputs, Some(&batch.inputs_mask)),
        }
    }

    /// Logits `[N, V]` of the target tokens.
    pub fn target_logits(&self, batch: &Batch, mode: Mode) -> Tensor {
        let states = pick(&self.states(batch, mode), &batch.predicts);
        let logits = match &self.model {
            Model::T5(model) => model.logits(&states),
            Model::Llama(model) => model.logits(&states),
        };
        logits.to_kind(Kind::Float)
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
