//! Guided decoding (beyond the paper, which names it in its conclusion): sampling in which a critic
//! has its say in each token. What that say is, is the author's affair: its engine has the
//! probabilities.

use super::course::Wish;
use super::plain::{all_of, drawn};
use super::settings::Draws;
use super::tools::{Course, Stop, Task, Tools};
use crate::decoding::Guidance;

/// As many guided programs as `draws` says, with the seeds of a plain run.
///
/// # Errors
/// What tools stop for; a problem without a budget.
pub fn guided(
    guidance: Guidance,
    (draws, run_seed): (&Draws, u64),
    tasks: &[Task],
    tools: &mut Tools<'_>,
) -> Result<Vec<Result<Course, String>>, Stop> {
    let wish = Wish {
        guidance: Some(guidance),
        ..Wish::default()
    };
    Ok(all_of(drawn(draws, run_seed, tasks, tools, wish)?))
}
