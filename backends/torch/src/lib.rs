//! T5 and Llama models: checkpoints, tokenizers, forward passes and decoding.
pub mod checkpoint;
pub mod cpu;
mod error;
pub mod layers;
pub mod llama;
pub mod parameters;
pub mod t5;
pub use error::{Error, Result};
