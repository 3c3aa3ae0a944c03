//! Decoding on a CPU: the forward pass of the models in `llama` and `t5` without gradients,
//! for rows that each stand somewhere else.
//!
//! A step takes a token for each of many rows and returns logits. Rows of one prompt share its
//! keys and values; each has a cache of its own for what it generated.
//!
//! Why not libtorch here: every number that this module computes for a row is computed from
//! that row alone, in an order that does not depend on the other rows, on their number or on
//! the number of threads. A candidate is therefore the same in a batch of 1 and in a batch of
//! 200, bit by bit. Products of libtorch take other paths for other sizes. They are also
//! slower here, as weights are packed once and results stay in the layout in which the next
//! product reads them (`matrix`).

mod attention;
mod cache;
mod critic;
mod llama;
mod load;
mod math;
mod matrix;
mod model;
mod place;
mod rows;
mod t5;

pub use cache::Cache;
pub use critic::CpuCritic;
pub use llama::CpuLlama;
pub use load::load;
pub(crate) use math::{exp, vectorized};
pub use model::CpuModel;
pub(crate) use rows::PANEL;
pub use rows::Rows;
pub use t5::CpuT5;
