//! One file a command.

mod compare;
mod datasets;
mod doctor;
mod judging;
mod report;
mod show_config;

pub(crate) use compare::compare;
pub(crate) use datasets::datasets;
pub(crate) use doctor::doctor;
pub(crate) use judging::{generate, run, score};
pub(crate) use report::report;
pub(crate) use show_config::show_config;
