//! Low-rank updates of the linear layers of a decoder-only model (Hu et al. 2021), in the layout
//! of PEFT: `adapter_model.safetensors` and `adapter_config.json`.
//!
//! The weights below stay as they are; a layer gives `x Wᵀ + (α / r) x Aᵀ Bᵀ`. A begins as
//! `torch.nn.Linear` does (Kaiming), B as zero, so that the model begins as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::training::LoraSettings;
use serde_json::{Number, Value, json};
use tch::{Device, Kind};

use super::actor::arrays;
use super::checkpoint::{write_file, write_tensors};
use crate::checkpoint::{Array, SafetensorsFile, Tensors};
use crate::error::{Error, Result};
use crate::llama::{LOW_RANK_LAYERS, Llama};
use crate::parameters::Parameters;
use crate::random::{seed_for, uniform};

/// Folder of an adapter, in that of the model which has it merged.
pub(super) const FOLDER: &str = "adapter";
const WEIGHTS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";
/// What PEFT puts before the names of layers.
const PREFIX: &str = "base_model.model.";

/// The updates of a model, which hold its only weights that learn.
pub(super) struct Adapter {
    /// `….lora_A.weight` `[r, n_in]` and `….lora_B.weight` `[n_out, r]`.
    pub(super) parameters: Parameters,
    settings: LoraSettings,
}

impl Adapter {
    /// Gives `model` new updates.
    pub(super) fn new(
        model: &mut Llama,
        settings: &LoraSettings,
        seed: u64,
        device: Device,
    ) -> Result<Self> {
        Self::build(model, settings, device, |name, shape| {
            let n = shape.iter().product::<usize>();
            if name.ends_with("lora_B.weight") {
                return Ok(vec![0.0; n]);
            }
            let seed = seed_for(seed, name);
            let bound = (shape[1] as f64).sqrt().recip();
            let number = |index| ((uniform(seed, index) * 2.0 - 1.0) * bound) as f32;
            Ok((0..n as u64).map(number).collect())
        })
    }

    /// Gives `model` the updates in `folder`.
    ///
    /// # Errors
    /// A file that cannot be read, or holds other tensors.
    pub(super) fn load(
        model: &mut Llama,
        settings: &LoraSettings,
        folder: &Path,
        device: Device,
    ) -> Result<Self> {
        let path = folder.join(WEIGHTS);
        let tensors = Tensors::new(&path, vec![Box::new(SafetensorsFile::open(&path)?)])?;
        Self::build(model, settings, device, |name, shape| {
            Ok(tensors.take(&format!("{PREFIX}{name}"), shape)?.data)
        })
    }

    fn build(
        model: &mut Llama,
        settings: &LoraSettings,
        device: Device,
        mut numbers: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let mut parameters = Parameters::new(device, Kind::Float);
        let rank = settings.rank as usize;
        model.add_low_rank(rank, settings.alpha / rank as f64, &mut |name, shape| {
            parameters.insert(name, shape, &numbers(name, shape)?)
        })?;
        Ok(Self {
            parameters,
            settings: settings.clone(),
        })
    }

    /// Adds the updates to the weights of the layers that have them.
    pub(super) fn merge(&self, weights: &mut BTreeMap<String, Array>) {
        let scale = self.settings.alpha / f64::from(self.settings.rank);
        let tensors: BTreeMap<&str, _> = self.parameters.iter().collect();
        for (name, a) in &tensors {
            let Some(layer) = name.strip_suffix(".lora_A.weight") else {
                continue;
            };
            let b = tensors[format!("{layer}.lora_B.weight").as_str()];
            let change = tch::no_grad(|| b.matmul(a) * scale).to_device(Device::Cpu);
            let mut numbers = vec![0.0_f32; change.numel()];
            change.contiguous().copy_data(&mut numbers, change.numel());
            let weight = weights
                .get_mut(&format!("{layer}.weight"))
                .expect("updates are of layers of the model");
            for (weight, change) in weight.data.iter_mut().zip(numbers) {
                *weight += change;
            }
        }
    }

    /// Writes the folder that PEFT loads. `base` is what the updates are of.
    pub(super) fn write(&self, folder: &Path, base: &Path) -> Result<()> {
        fs::create_dir(folder).map_err(Error::write(folder))?;
        let tensors = arrays(&self.parameters).into_iter();
        let tensors = tensors.map(|(name, array)| (format!("{PREFIX}{name}"), array));
        write_tensors(&folder.join(WEIGHTS), &tensors.collect())?;
        let alpha = self.settings.alpha;
        let alpha = if alpha.fract() == 0.0 {
            Number::from(alpha as i64)
        } else {
            Number::from_f64(alpha).expect("settings are finite")
        };
        let config: Value = json!({
            "base_model_name_or_path": base,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "lora_alpha": alpha,
            "lora_dropout": 0.0,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.settings.rank,
            "target_modules": LOW_RANK_LAYERS,
            "task_type": "CAUSAL_LM",
            "use_rslora": false,
        });
        let text = serde_json::to_string_pretty(&config).expect("plain data");
        write_file(&folder.join(CONFIG), text.as_bytes())
    }
}
