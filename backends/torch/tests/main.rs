//! One binary, so that libtorch is linked once.

mod bad_checkpoints;
mod decoding;
mod fixture;
mod golden;
mod gradients;
mod new_models;
mod serving;
mod serving_critic;
mod tokenizing;
mod writing;
