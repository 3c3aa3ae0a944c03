//! Sampling and nothing else, for as many tokens as another run used.

use super::course::{Order, Slot, State, Wish, write};
use super::record::RoundKind;
use super::settings::Draws;
use super::tools::{Course, Stop, Task, Tools};
use crate::problem::ProblemId;

/// The programs that a plain run of the same seed has, as many as `draws` says.
///
/// # Errors
/// What tools stop for; a problem without a budget.
pub fn plain(
    draws: &Draws,
    run_seed: u64,
    tasks: &[Task],
    tools: &mut Tools<'_>,
) -> Result<Vec<Result<Course, String>>, Stop> {
    let states = drawn(draws, run_seed, tasks, tools, Wish::default())?;
    Ok(all_of(states))
}

/// Each with the programs of its last round.
pub(super) fn all_of(states: Vec<State<'_>>) -> Vec<Result<Course, String>> {
    states
        .into_iter()
        .map(|state| {
            let chosen = state.places();
            state.finish(&chosen)
        })
        .collect()
}

/// States after their first round, which is guided where that is wished for.
pub(super) fn drawn<'t>(
    draws: &Draws,
    run_seed: u64,
    tasks: &'t [Task],
    tools: &mut Tools<'_>,
    wish: Wish,
) -> Result<Vec<State<'t>>, Stop> {
    let mut states: Vec<State<'t>> = tasks
        .iter()
        .map(|task| State::new(task, run_seed))
        .collect();
    let mut limits = Vec::new();
    for task in tasks {
        limits.push(match draws {
            Draws::Fixed(_) => 0,
            Draws::Budget(budgets) => *budgets.get(&task.problem).ok_or_else(|| {
                let problem = &task.problem;
                Stop::Failed(format!("no budget for problem `{problem}`").into())
            })?,
        });
    }
    loop {
        let mut orders = Vec::new();
        for (index, state) in states.iter().enumerate() {
            let present = state.programs().len();
            let n = match draws {
                _ if state.is_in_trouble() => 0,
                Draws::Fixed(n) => (*n as usize).saturating_sub(present),
                Draws::Budget(_) => more(state, limits[index]),
            };
            let range = present..present + n;
            let slots: Vec<Slot> = range
                .filter_map(|index| u32::try_from(index).ok())
                .map(|index| Slot {
                    index,
                    parent: None,
                })
                .collect();
            if !slots.is_empty() {
                orders.push(Order {
                    state: index,
                    prompt: state.task.prompt.clone(),
                    prefix: None,
                    slots,
                });
            }
        }
        if orders.is_empty() {
            break;
        }
        let kind = match wish.guidance {
            Some(_) => RoundKind::Guided,
            None => RoundKind::Plain,
        };
        write(&mut states, orders, (0, kind), &mut *tools.actor, wish)?;
    }
    if let Draws::Budget(_) = draws {
        for (state, limit) in states.iter_mut().zip(limits) {
            state.cut(limit);
        }
    }
    Ok(states)
}

/// Programs drawn at a time, until it is known how long they are.
const FIRST: u64 = 8;
const MOST: u64 = 64;

/// How many more programs to draw for a budget of `limit` tokens. Does not change which are kept.
fn more(state: &State<'_>, limit: u64) -> usize {
    let n = state.programs().len() as u64;
    if n == 0 {
        return usize::try_from(FIRST.min(limit.max(1))).unwrap_or(1);
    }
    let spent = state.budget.actor_tokens.max(n);
    if spent >= limit {
        return 0;
    }
    let wanted = (limit - spent) * n / spent;
    usize::try_from(wanted.clamp(1, MOST)).unwrap_or(1)
}

impl State<'_> {
    /// Keeps the programs from the first on that cost no more than `limit` tokens together, and
    /// at least one. The others were drawn to find out where that is, and count for nothing.
    fn cut(&mut self, limit: u64) {
        let Some(round) = self.rounds.first_mut() else {
            return;
        };
        let mut spent = 0;
        let mut kept = 0;
        for program in &round.programs {
            // As in `more`, a program costs something.
            let cost = u64::from(program.written.n_tokens).max(1);
            if kept > 0 && spent + cost > limit {
                break;
            }
            spent += cost;
            kept += 1;
        }
        round.programs.truncate(kept);
        let tokens = round
            .programs
            .iter()
            .map(|it| u64::from(it.written.n_tokens));
        self.budget.actor_tokens = tokens.sum();
        // One request would have done.
        let first = round.programs.first().map(|it| &it.written);
        let prompts = first.map(|it| (it.n_prompt_tokens, it.n_critic_prompt_tokens));
        let (prompt, critics) = prompts.unwrap_or_default();
        self.budget.prompt_tokens = u64::from(prompt);
        if round.kind == RoundKind::Guided {
            let read = round.programs.iter();
            let read: u64 = read.map(|it| u64::from(it.written.n_critic_tokens)).sum();
            self.budget.critic_passes = kept as u64;
            self.budget.critic_tokens = u64::from(critics) + read;
        }
    }
}

/// For messages.
impl Draws {
    /// Whether each of `problems` can be drawn for.
    pub fn covers(&self, problem: &ProblemId) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Budget(budgets) => budgets.contains_key(problem),
        }
    }
}
