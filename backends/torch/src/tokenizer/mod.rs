//! Text to token ids and back, by the `tokenizers` crate.

mod byte_level;
mod chat;
mod describe;
mod files;
mod load;
mod train;

pub use chat::ChatTemplate;
pub use load::{Tokenizer, vocabulary};
pub use train::{Recipe, train};

pub(crate) use files::write_files;
