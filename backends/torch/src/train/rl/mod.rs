//! Actor-critic reinforcement learning (paper §3.3, Eqs. 2–10), offline from a file of samples
//! or online in rounds of sampling, judging and updates; and its relatives.
//!
//! For every token of a sample there is an advantage `A_t = (r(W) - b) q̂_t`. What r, b and q̂ are
//! says [`Algorithm`]; what is done with A_t is one loss each in `loss.rs`.
//!
//! Differs from CodeRL:
//! - An update follows the sum of L_ce and L_rl unless asked to alternate. The released trainer
//!   takes turns within an update and so halves both.
//! - Samples whose advantage is 0 are not computed, though they count in the mean.
//! - L_ce has as many reference programs an update as L_rl has samples.

mod advantage;
mod collapse;
mod offline;
mod online;
mod trainer;
mod update;
mod validation;

pub(super) use trainer::{
    Trainer, needs_critic, needs_reference, restore_critic, updates_per_round,
};
