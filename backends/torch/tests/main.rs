//! One binary, so that libtorch is linked once.

mod bad_checkpoints;
mod decoding;
mod device;
mod fixture;
mod golden;
mod gradients;
mod guiding;
mod losses;
mod new_models;
mod serving;
mod serving_critic;
mod tokenizing;
mod training;
mod training_golden;
mod writing;
