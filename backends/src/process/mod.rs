//! A child process that runs a model, and speaks JSON Lines.

pub mod protocol;
