//! Checkpoints on disk: configuration, named tensors, and where the tokenizer lies.

mod config;
mod config_file;
mod gguf;
mod gguf_dequantize;
mod gguf_names;
mod open;
mod pickle;
mod pytorch;
mod safetensors;
mod tensors;
mod write;

pub use config::{Activation, Config, LlamaConfig, Rope, T5Config};
pub use open::{Checkpoint, Format, TokenizerSource};
pub use tensors::{Array, Tensors};
pub use write::{Existing, TensorSource, write_directory};

pub(crate) use gguf::{Metadata, Value};
pub(crate) use safetensors::SafetensorsFile;
pub(crate) use write::write_json;
