//! Vocabulary, contracts and pure logic of the evaluation harness.
//!
//! `Problem` and `Candidate` go in; an `Executor` turns programs into `Execution`s (facts),
//! the judge turns those into `Verdict`s, and metrics turn verdicts into numbers. Nothing in
//! this package knows how a program is run, where problems come from, or how a table is
//! printed. The only I/O is in `store`.

pub mod candidate;
pub mod contract;
pub mod decoding;
mod error;
pub mod execution;
pub mod problem;
mod python_repr;
pub mod seed;
pub mod value;
pub mod verdict;

pub use error::{Difference, Error, ErrorClass, error_chain};

pub mod audit;
pub mod config;
pub mod judge;
pub mod metric;
pub mod overlap;
pub mod prompt;
pub mod reward;
pub mod runner;
pub mod store;
pub mod strategy;
pub mod study;
pub mod training;
