//! The generated suite: short chains of simple operations as problems in the forms of APPS and
//! MBPP, with tests and reference programs, for models so small that they know nothing else.
//!
//! `docs/micro-suite.md` describes it. Everything follows from a seed, and rows go through the
//! same readers as files do.

mod data;
mod random;

mod list_operations;
mod operation;
mod scalar_operations;

mod chain;

mod cases;
mod inputs;

mod program;
mod statement;

mod row;

mod problem;
mod suite;

pub(crate) use suite::{APPS, MBPP, apps, mbpp};
pub use suite::{Settings, WrittenFile, write};
