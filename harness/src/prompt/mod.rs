//! What a model reads, how a problem becomes that, and how the answer becomes code.

mod text;

mod answer;
mod choice;
mod repair;
mod short;
mod template;
mod user_template;

pub use answer::{AnswerForm, before_stop};
pub use choice::{PromptStyle, StyleError, TemplateChoice};
pub use repair::repair_prompt;
pub use template::{FUNCTION_END, MBPP_END, MBPP_SHOTS, PromptError, Template};
pub use text::{Message, Prompt, Role};
pub use user_template::{TemplateError, UserTemplate};
