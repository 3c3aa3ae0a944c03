//! Plots as PNG and SVG, each with the table of its data.

mod canvas;
mod figure;
mod palette;
mod scale;

mod bars;
mod curve;
mod flips;
mod lines;
mod overlap;
mod shares;
mod training;

pub use bars::pass_at_1_plot;
pub use curve::pass_at_k_plot;
pub use flips::flips_plot;
pub use overlap::overlap_plot;
pub use shares::outcomes_plot;
pub use training::{METRICS, TrainingCurve, training_plot};

pub(crate) use lines::{Line, LinePlot, line_plot};
pub(crate) use shares::{Bar, Stacked, stacked_plot};

use crate::table::Table;

/// One plot in both formats.
#[derive(Clone, Debug)]
pub struct Plot {
    /// File stem.
    pub name: String,
    /// What it shows, for readers who cannot see it.
    pub alt: String,
    pub png: Vec<u8>,
    pub svg: String,
    /// The numbers drawn.
    pub data: Table,
}
