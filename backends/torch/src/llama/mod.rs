//! Llama and Qwen2: decoder-only models with rotary positions.

mod model;
mod step;

pub use model::Llama;
pub(crate) use model::{LOW_RANK_LAYERS, frequencies, may_be_left};
