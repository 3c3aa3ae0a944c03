//! A child process that runs a model, and speaks JSON Lines ([`protocol`]).
//!
//! [`Process`] generates candidates with one; [`Model`] is a started child that can also be
//! asked for scores, numbers of tokens, and training. Children are killed with the harness
//! where [`ProcessOptions::guard`] names a program that calls [`guard::main`].

pub(crate) mod child;
mod error;
mod generator;
pub mod guard;
mod model;
pub mod protocol;

pub use error::ProcessError;
pub use generator::Process;
pub use model::{Model, ProcessOptions};
