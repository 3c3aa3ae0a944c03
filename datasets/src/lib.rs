//! Readers for APPS, MBPP, HumanEval and EvalPlus in the forms in which they are published.
//!
//! Everything ends as a [`harness::problem::Dataset`]: rows become problems or are listed as
//! skipped with a reason, and the two add up to the rows there were. The foreign formats
//! stay in this package; problems carry no fields that their source does not have.

mod error;

mod builtin;
mod catalog;
mod hub;
mod opening;
mod record;

#[cfg(feature = "fetch")]
pub mod fetch;

mod apps;
mod evalplus;
mod form;
mod human_eval;
mod literal;
mod mbpp;
mod mbpp_inputs;
pub mod micro;
mod numpy_shim;
mod own;

pub mod corpus;
pub mod example_tests;

mod parquet_rows;
mod python_text;
mod reading;
mod rows;
pub mod show;

#[cfg(test)]
mod test_data;

pub use builtin::builtin;
pub use catalog::{HubSource, KNOWN, Known, Places, default_split, known, open};
pub use error::Error;
pub use hub::HubSettings;
pub use record::{FetchedFile, Record};
