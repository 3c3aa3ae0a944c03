//! The model that a checkpoint holds, ready to decode.

use super::llama::CpuLlama;
use super::model::CpuModel;
use super::t5::CpuT5;
use crate::checkpoint::{Config, Tensors};
use crate::error::Result;

/// Loads the weights of a checkpoint for decoding.
///
/// # Errors
/// Tensors that are missing, of another shape, unreadable or left over.
pub fn load(config: &Config, tensors: &Tensors) -> Result<Box<dyn CpuModel>> {
    Ok(match config {
        Config::T5(config) => Box::new(CpuT5::load(config, tensors)?),
        Config::Llama(config) => Box::new(CpuLlama::load(config, tensors)?),
    })
}
