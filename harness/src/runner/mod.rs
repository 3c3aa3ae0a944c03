//! Scheduling, parallelism, events, resume.

mod event;
mod generate;
mod score;
mod work;

pub use event::{Event, Listener, ScoreSummary};
pub use generate::{GenerateSummary, generate};
pub use score::{Score, score};
pub use work::Work;
