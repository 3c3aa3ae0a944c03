//! From logits to candidates.

mod beam;
mod engine;
mod random;
mod request;
mod sampler;
mod stop;

pub use engine::{Engine, Event, Limits};
pub(crate) use random::uniform;
pub use request::{Candidate, Finish, Request};
pub use sampler::log_probability;
