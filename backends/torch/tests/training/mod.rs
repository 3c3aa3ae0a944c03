//! Whole trainings of tiny models.

mod in_process;
mod project;
mod results;

mod bad_data;
mod checkpoints;
mod computing;
mod learning;
mod low_rank;
mod repeating;
mod rounds;
mod ruin;
mod validation;
