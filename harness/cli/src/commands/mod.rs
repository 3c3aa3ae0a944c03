//! One file a command.

mod audit;
mod cache;
mod coderl_tree;
mod compare;
mod corpus;
mod critic_score;
mod datasets;
mod doctor;
mod gate;
mod guest;
mod judging;
mod models;
mod overlap;
mod prompt;
mod report;
mod sample;
mod show_config;
mod study;
mod transfer;
mod verify;

use std::io::Write;

use anyhow::Result;
use reports::{Table, render};
use serde::Serialize;

pub(crate) use audit::audit;
pub(crate) use cache::cache;
pub(crate) use coderl_tree::{export, import};
pub(crate) use compare::compare;
pub(crate) use corpus::corpus;
pub(crate) use critic_score::critic_score;
pub(crate) use datasets::datasets;
pub(crate) use doctor::doctor;
pub(crate) use gate::gate;
pub(crate) use guest::guest;
pub(crate) use judging::{generate, run, score};
pub(crate) use models::models;
pub(crate) use overlap::overlap;
pub(crate) use prompt::prompt;
pub(crate) use report::report;
pub(crate) use sample::sample;
pub(crate) use show_config::show_config;
pub(crate) use study::study;
pub(crate) use transfer::transfer;
pub(crate) use verify::verify;

/// Columns for text on standard output: those of the terminal, where it says so.
pub(crate) fn terminal_width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(100)
        .clamp(60, 160)
}

/// Prints tables with a blank line between them.
pub(crate) fn print_tables(tables: &[Table]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (index, table) in tables.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write!(out, "{}", render::terminal(table, terminal_width()))?;
    }
    Ok(())
}

/// Prints one JSON value.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
