//! One file a command.

mod audit;
mod cache;
mod coderl_tree;
mod compare;
mod corpus;
mod critic_score;
mod datasets;
mod doctor;
mod guest;
mod judging;
mod models;
mod prompt;
mod report;
mod sample;
mod show_config;
mod study;
mod verify;

pub(crate) use audit::audit;
pub(crate) use cache::cache;
pub(crate) use coderl_tree::{export, import};
pub(crate) use compare::compare;
pub(crate) use corpus::corpus;
pub(crate) use critic_score::critic_score;
pub(crate) use datasets::datasets;
pub(crate) use doctor::doctor;
pub(crate) use guest::guest;
pub(crate) use judging::{generate, run, score};
pub(crate) use models::models;
pub(crate) use prompt::prompt;
pub(crate) use report::report;
pub(crate) use sample::sample;
pub(crate) use show_config::show_config;
pub(crate) use study::study;
pub(crate) use verify::verify;

/// Columns for text on standard output: those of the terminal, where it says so.
pub(crate) fn terminal_width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(100)
        .clamp(60, 160)
}
