//! T5 and Llama models: checkpoints, tokenizers, forward passes and decoding.
pub mod checkpoint;
pub mod cpu;
pub mod decode;
mod error;
pub mod layers;
pub mod llama;
pub mod parameters;
pub mod places;
pub mod serve;
pub mod t5;
pub mod tokenizer;
pub mod train;
pub use error::{Error, Result};
