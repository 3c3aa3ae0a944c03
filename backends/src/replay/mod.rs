//! Recorded candidates in every form in which people publish them.

mod json;
mod matching;
mod recorded;

mod format;
mod source;

mod generator;
mod report;

pub use format::Format;
pub(crate) use format::RECOGNIZED;
pub use generator::{Replay, source_records};
pub use report::{ReplayReport, ReplaySource, Unmatched};
