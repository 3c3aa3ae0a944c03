//! From logits to candidates.

mod beam;
mod engine;
mod guide;
mod model;
mod request;
mod sampler;
mod stop;

pub use engine::{Engine, Event, Limits};
pub use guide::{Guide, check_vocabulary};
pub use model::{Cache, Decoder, PeekRow, Prompt, StepRow};
pub(crate) use model::{PromptMemory, check_tokens};
pub use request::{Candidate, Finish, Guided, Request};
pub use sampler::log_probability;
