//! What a page is made of.

use std::path::PathBuf;

use crate::plot::{Plot, TrainingCurve};
use crate::table::Table;

/// One self-contained HTML file.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub title: String,
    /// One line below the title; may be empty.
    pub subtitle: String,
    /// Settings and provenance, shown in this order.
    pub facts: Vec<(String, String)>,
    /// Tables, plots and words, in this order.
    pub sections: Vec<Section>,
    /// Runs whose problems and candidates can be looked at, on the same dataset: a problem is
    /// listed once. Without any there is no list.
    pub runs: Vec<PageRun>,
}

/// A part of a page with a heading of its own.
#[derive(Clone, Debug)]
pub struct Section {
    /// Unique within the page, for links: small letters, digits and hyphens.
    pub id: String,
    pub title: String,
    pub blocks: Vec<Block>,
}

/// One thing in a section.
#[derive(Clone, Debug)]
pub enum Block {
    /// Plain text; an empty line ends a paragraph, names and values stand in backticks.
    Text(String),
    Table(Table),
    Figure {
        plot: Plot,
        /// As [`Block::Text`], one paragraph; may be empty.
        caption: String,
    },
    /// Learning curves of trainings; those with the same label are seeds of one setting.
    Curves(Vec<TrainingCurve>),
}

/// A run on the page.
#[derive(Clone, Debug)]
pub struct PageRun {
    /// What readers call it; unique within the page.
    pub label: String,
    /// The run directory.
    pub directory: PathBuf,
    /// What a critic said of its programs (`critic_scores.jsonl`), to be shown over their code.
    pub critic_scores: Option<PathBuf>,
}
