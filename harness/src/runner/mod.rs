//! Scheduling, parallelism, events, resume.

mod batch;
mod event;
mod generate;
mod score;
mod verify;
mod work;

pub use batch::{BatchJudge, BatchRequest, Submission};
pub use event::{Event, Listener, ScoreSummary};
pub use generate::{Generate, GenerateEvent, GenerateSummary, generate};
pub(crate) use score::worker_pool;
pub use score::{Arrival, Score, score, score_arriving};
pub use verify::{Aspect, VerdictDifference, Verification};
pub use work::Work;
