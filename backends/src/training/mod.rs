//! Training in a process of its own: what the harness and the trainer tell each other.

pub mod protocol;
mod trainer;

pub use trainer::Trainer;
