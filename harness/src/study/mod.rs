//! A study: one file that says which checkpoints are made, how they are judged, and what is
//! compared; and the graph of commands that follows from it.
//!
//! `document.rs` reads TOML with lines and order, `read.rs` makes a [`Study`] of it, `ablation.rs`
//! the variants of its grids, `plan.rs` a [`Plan`] of commands that need one another. `state.rs`
//! says what of a plan is done, from records of [`crate::store::StudyDirectory`]. Nothing here
//! starts a process or knows what a command does: which options there are is told by a
//! [`Catalog`].

mod ablation;
mod catalog;
mod document;
mod files;
mod plan;
mod read;
mod state;
mod types;

pub use catalog::{Catalog, CommandSpec, OptionKind};
pub use files::{StudyFile, StudyFiles};
pub use plan::{InPlace, Judged, Piece, Plan, PlannedStage, plan};
pub use read::{Overrides, read_study};
pub use state::{Change, StageRecord, StageResult, StageStatus, changes, status};
pub use types::{
    Checkpoint, DatasetChoice, Figure, FigureKind, FigureSeries, Options, Row, Setting, Stage,
    Strategy, Study, StudyMetrics, StudyOption, TableChoice, matches,
};
