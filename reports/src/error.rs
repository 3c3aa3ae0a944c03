//! What can go wrong while a report is made.

use std::path::PathBuf;

/// Trouble with writing or drawing; records themselves cannot be wrong here.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot create folder `{}`", path.display())]
    CreateFolder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{}`, line {line}: {detail}", path.display())]
    Record {
        path: PathBuf,
        line: usize,
        detail: String,
    },
    #[error("cannot read the run in `{}`", path.display())]
    Run {
        path: PathBuf,
        source: harness::Error,
    },
    #[error("cannot make the page: {0}")]
    Page(String),
    #[error("cannot draw plot `{plot}`: {reason}")]
    Draw { plot: String, reason: String },
    #[error("cannot render table `{table}` as {format}: {reason}")]
    Render {
        table: String,
        format: &'static str,
        reason: String,
    },
}
