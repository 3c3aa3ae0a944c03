//! From logits to candidates.

mod beam;
mod engine;
mod request;
mod sampler;
mod stop;

pub use engine::{Engine, Event, Limits};
pub use request::{Candidate, Finish, Request};
pub use sampler::log_probability;
