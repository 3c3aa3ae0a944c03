//! The grader of the APPS repository as it was in 2021, mistakes included.
//!
//! Written anew from a description of its behavior. It wraps standard-input programs into a
//! function, feeds them through text buffers, and accepts an output as soon as one of a
//! cascade of ever more lenient comparisons does. Offered to reproduce published numbers;
//! the `strict` grader is the default.

mod compare;
mod rewrite;

pub(super) use compare::{OutputRule, call_result_accepted, dict_quirks, output_rule};
pub(super) use rewrite::{call_based_module, stdin_module};
