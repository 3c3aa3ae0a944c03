//! What a model reads, and how a problem becomes that.

mod template;
mod text;

pub use template::{MBPP_END, MBPP_SHOTS, PromptError, Template};
pub use text::{Message, Prompt, Role};
