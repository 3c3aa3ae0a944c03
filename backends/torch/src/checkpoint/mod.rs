//! Checkpoints on disk: configuration, named tensors, and where the tokenizer lies.

mod config;
mod gguf;
mod gguf_dequantize;
mod gguf_names;
mod open;
mod pickle;
mod pytorch;
mod safetensors;
mod tensors;

pub use config::{Activation, Config, LlamaConfig, Rope, T5Config};
pub use open::{Checkpoint, Format, TokenizerSource};
pub use tensors::{Array, Tensors};

pub(crate) use gguf::{Metadata, Value};
pub(crate) use safetensors::SafetensorsFile;
