//! Tables, plots and pages made from stored records.
//!
//! A report is a function of [`ReportInput`]: the same records give the same bytes. Every
//! table exists once, as a [`Table`], and is rendered to Markdown, LaTeX, CSV, JSON or the
//! terminal; every plot comes with the table of its data. Only `page` and learning curves read
//! the directories of runs and trainings; nothing here prints.

mod error;
mod gate;
mod input;
mod table;

pub mod page;
pub mod plot;
pub mod render;
pub mod study;
pub mod tables;
pub mod tensorboard;

mod summary;
mod write;

pub use error::ReportError;
pub use gate::{GateInput, JunitProblems, RuleResult, gate_junit, gate_summary, gate_table};
pub use input::{CompareInput, ComparedRun, ComparedSide, Judging, ReportInput};
pub use table::{Cell, Column, ColumnKind, Row, Table};
pub use write::{
    write_comparison, write_overlap, write_report, write_report_with_page, write_training_report,
};
