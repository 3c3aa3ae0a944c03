//! A child process that runs a model, and speaks JSON Lines ([`protocol`]).
//!
//! [`Process`] generates candidates with one; [`Model`] is a started child that can also be
//! asked for scores, numbers of tokens, and training. [`Desk`] asks one many things at a time, for
//! the authors and critics of strategies. Children are killed with the harness
//! where [`ProcessOptions::guard`] names a program that calls [`guard::main`].

pub(crate) mod child;
mod desk;
mod error;
mod generator;
pub mod guard;
mod model;
pub mod protocol;
mod strategy;

pub use child::let_threads_sleep;
pub use desk::Desk;
pub use error::ProcessError;
pub use generator::Process;
pub use model::{Model, ProcessOptions};
pub use strategy::{ChildAuthor, ChildCritic};
