//! A model that is trained, of either family.

use std::collections::BTreeMap;

use harness::training::Device as DeviceSetting;
use tch::{Device, Kind, Tensor};

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
}

enum Model {
    T5(T5),
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
            Config::T5(config) => Model::T5(T5::load(config, tensors, &mut parameters)?),
            Config::Llama(config) => Model::Llama(Llama::load(config, tensors, &mut parameters)?),
        };
        Ok(Self {
            config: config.clone(),
            parameters,
            model,
        })
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

    /// Weights as they are now, by their published names.
    pub fn arrays(&self) -> BTreeMap<String, Array> {
        arrays(&self.parameters)
    }
}

pub(super) fn arrays(parameters: &Parameters) -> BTreeMap<String, Array> {
    parameters
        .iter()
        .map(|(name, tensor)| {
            let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float);
            let shape: Vec<usize> = tensor.size().iter().map(|size| *size as usize).collect();
            let mut data = vec![0.0; tensor.numel()];
            tensor.contiguous().copy_data(&mut data, tensor.numel());
            (name.to_owned(), Array { shape, data })
        })
        .collect()
}

/// States `[B, L, D]` at `positions` `[N]` into `B × L`: `[N, D]`.
pub(super) fn pick(states: &Tensor, positions: &Tensor) -> Tensor {
    let width = *states.size().last().expect("states have a width");
    states.reshape([-1, width]).index_select(0, positions)
}
