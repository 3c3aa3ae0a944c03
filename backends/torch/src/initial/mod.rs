//! New models: sizes by name, and random weights as `transformers` draws them.

mod preset;
mod weights;

pub use preset::{Architecture, Preset, Sizes, SpecialIds};
pub use weights::{InitialWeights, Spread};
