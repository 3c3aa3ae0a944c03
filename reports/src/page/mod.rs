//! A report as one HTML file: everything in it, nothing loaded, readable from disk.
//!
//! `write.rs` puts the file together and forbids what it does not hold; `html.rs` escapes;
//! `problems.rs` and `chunk.rs` are what the script in `assets/` reads. The script makes text of
//! what it shows, never markup.

mod chunk;
mod html;
mod model;
mod problems;
mod run;
mod write;

pub use model::{Block, Page, PageRun, Section};
pub use run::run_page;
pub use write::write_page;
