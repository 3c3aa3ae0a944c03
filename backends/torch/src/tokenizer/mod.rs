//! Text to token ids and back, by the `tokenizers` crate.

mod byte_level;
mod chat;
mod describe;
mod load;

pub use chat::ChatTemplate;
pub use load::Tokenizer;
