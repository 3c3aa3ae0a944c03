//! From logits to candidates.

mod beam;
mod engine;
mod guide;
mod request;
mod sampler;
mod stop;

pub use engine::{Engine, Event, Limits};
pub use guide::{Guide, check_vocabulary};
pub use request::{Candidate, Finish, Guided, Request};
pub use sampler::log_probability;
