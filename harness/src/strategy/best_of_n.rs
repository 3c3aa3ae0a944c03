//! The best of what was sampled (beyond the paper).

use super::course::{Place, Program, State, Wish, judge, read};
use super::plain::drawn;
use super::settings::{BestOfN, Draws, Rank};
use super::tools::{Course, Stop, Task, Tools};
use crate::verdict::Outcome;

/// The best [`BestOfN::keep`] of the programs that `draws` asks for, the best first; equal ones in
/// order of index. Where `keep` is more than there are, all of them.
///
/// # Errors
/// What tools stop for; a missing critic.
pub fn best_of_n(
    settings: &BestOfN,
    (draws, run_seed): (&Draws, u64),
    tasks: &[Task],
    tools: &mut Tools<'_>,
) -> Result<Vec<Result<Course, String>>, Stop> {
    let wish = Wish {
        log_prob: settings.rank == Rank::LogProb,
        ..Wish::default()
    };
    let mut states = drawn(draws, run_seed, tasks, tools, wish)?;
    match settings.rank {
        Rank::LogProb => {}
        Rank::Examples => judge(&mut states, |_| true, &mut *tools.judge)?,
        Rank::Critic => {
            let critic = tools
                .critic
                .as_deref_mut()
                .ok_or_else(|| Stop::Failed("ranking by a critic needs one".into()))?;
            read(
                &mut states,
                |state| state.programs().iter().collect(),
                critic,
            )?;
        }
    }
    Ok(states
        .into_iter()
        .map(|state| {
            let mut ranked: Vec<(f64, u32)> = state
                .programs()
                .iter()
                .map(|program| (value(settings.rank, &state, program), program.index))
                .collect();
            ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            ranked.truncate(settings.keep as usize);
            let chosen = ranked
                .into_iter()
                .map(|(_, index)| Place { round: 0, index });
            let chosen: Vec<Place> = chosen.collect();
            state.finish(&chosen)
        })
        .collect())
}

/// What is unknown comes last.
fn value(rank: Rank, state: &State<'_>, program: &Program) -> f64 {
    let known = match rank {
        Rank::Critic => state.criticism_of(program).map(|it| it.passed),
        Rank::LogProb => program.written.log_prob,
        Rank::Examples => state
            .feedback_of(program)
            .map(|it| f64::from(u8::from(it.outcome == Outcome::PassedTests))),
    };
    known
        .filter(|value| !value.is_nan())
        .unwrap_or(f64::NEG_INFINITY)
}
