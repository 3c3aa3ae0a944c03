//! T5 and Llama models: checkpoints, tokenizers, forward passes and decoding.
pub mod checkpoint;
pub mod cpu;
pub mod decode;
pub mod device;
mod error;
pub mod initial;
pub mod layers;
pub mod llama;
pub mod parameters;
pub mod places;
mod random;
pub mod segments;
pub mod serve;
pub mod t5;
pub mod tokenizer;
pub mod train;
pub use error::{Error, Result};
