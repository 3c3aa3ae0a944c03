//! Formats of a [`crate::Table`].

mod csv;
mod json;
mod latex;
mod markdown;
mod terminal;

pub use csv::csv;
pub use json::json;
pub use latex::latex;
pub use markdown::{markdown, markdown_excerpt};
pub use terminal::terminal;

pub(crate) use markdown::{escape as escape_markdown, note as markdown_note};
