//! Training.

pub mod pretrain;
