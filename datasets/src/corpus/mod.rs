//! Texts to pretrain on, of folders with Python files (CodeRL §3.2).
//!
//! The paper takes the Python part of a crawl of GitHub that somebody else filtered by licence; this
//! makes such data of whatever folders are at hand. A file is kept if its licence is one of the
//! paper's, if it is of a reasonable size, written by people, parses, and is no copy or near copy
//! of one before it. What was dropped is counted with the reason; where each text comes from, and
//! under which licence, is recorded.
//!
//! A corpus is a function of the files and the settings: the number of threads changes nothing.

mod build;
mod files;
mod license;
mod near;
mod provenance;
mod quality;
mod record;
mod terms;

pub use build::{Corpus, CorpusSettings, build};
pub use license::Family;
pub use quality::{Bounds, Reason};
pub use record::{Counted, Lengths, Source, Stats, write, write_texts};
