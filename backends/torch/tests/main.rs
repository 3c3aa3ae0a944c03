//! One binary, so that libtorch is linked once.

mod bad_checkpoints;
mod decoding;
mod fixture;
mod golden;
mod gradients;
mod serving;
mod tokenizing;
