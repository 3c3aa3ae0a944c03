//! The report of a study: rows under rows, each a mean over seeds, beside the control and beside
//! the paper.

mod figures;
mod input;
mod page;
mod paper;
mod tables;
mod write;

pub use figures::{outcome_bars, over_k, over_rows};
pub use input::{RowRun, Spent, StageFolder, StudyDataset, StudyInput, StudyRow};
pub use paper::{PaperRow, check_paper, paper_rows};
pub use tables::{
    StudyTables, budget_table, levels_table, outcomes_table, paper_listing, paper_table,
    results_table, seeds_table,
};
pub use write::write_study;
