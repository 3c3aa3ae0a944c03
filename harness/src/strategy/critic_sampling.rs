//! Critic sampling (paper §3.3.4, Appendix A, Algorithm 1). `docs/critic-sampling.md` lists
//! every choice that the paper leaves open.
//!
//! N programs are sampled and run on the example tests. Where some pass (P), each of them gives
//! its best beginning, and the actor writes N programs that begin so. Where none passes, the M
//! failing programs that the critic thinks most of go to the repair model, which writes N others,
//! and the example tests decide again.
//!
//! Differs from CodeRL: Algorithm 1 goes on for ever and §4.1 stops after one repair and one
//! refine round; both numbers are settings here. When the refine rounds are used up, the refined
//! programs are final whether they still pass the example tests or not, as in the paper; or the
//! best of all rounds by example tests are ([`CriticSampling::keep_passing`]).

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::course::{Order, Place, Program, Slot, State, Wish, judge, read, write};
use super::plain::all_of;
use super::prefix::choose_prefix;
use super::record::RoundKind;
use super::settings::{CriticSampling, Cut, RepairBy};
use super::share::shares;
use super::tools::{Course, Repairer, Stop, Task, Tools};
use crate::prompt::{Prompt, repair_prompt};
use crate::verdict::Outcome;

/// What a problem needs next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Repair,
    Refine,
    Done,
}

/// The final `n` candidates of each of `tasks`, or what was wrong with that task.
///
/// # Errors
/// What tools stop for; a missing critic where programs are refined.
pub fn critic_sampling(
    settings: &CriticSampling,
    (n, run_seed): (u32, u64),
    tasks: &[Task],
    tools: &mut Tools<'_>,
) -> Result<Vec<Result<Course, String>>, Stop> {
    let mut states: Vec<State<'_>> = tasks
        .iter()
        .map(|task| State::new(task, run_seed))
        .collect();
    sample(&mut states, n, tools)?;
    judge(
        &mut states,
        |state| settings.has_use_for_tests(state),
        &mut *tools.judge,
    )?;
    loop {
        let steps: Vec<Step> = states.iter().map(|state| settings.step(state)).collect();
        if steps.iter().all(|step| *step == Step::Done) {
            break;
        }
        match tools.critic.as_deref_mut() {
            Some(critic) => read(
                &mut states,
                |state| match settings.step(state) {
                    Step::Repair => failing(state),
                    Step::Refine => passing(state),
                    Step::Done => Vec::new(),
                },
                critic,
            )?,
            None if steps.contains(&Step::Refine) => {
                return Err(Stop::Failed("refining needs a critic".into()));
            }
            None => {}
        }
        advance(settings, &steps, n, &mut states, tools)?;
        judge(
            &mut states,
            |state| settings.has_use_for_tests(state),
            &mut *tools.judge,
        )?;
    }
    if !settings.keep_passing {
        return Ok(all_of(states));
    }
    judge(
        &mut states,
        |state| state.rounds.len() > 1,
        &mut *tools.judge,
    )?;
    Ok(states
        .into_iter()
        .map(|state| {
            let best = best_by_examples(&state, n);
            state.finish(&best)
        })
        .collect())
}

/// The best `n` programs of all rounds: those that pass the example tests, in the order in which
/// they were written, and then the others, those of the last round first.
fn best_by_examples(state: &State<'_>, n: u32) -> Vec<Place> {
    let (mut passing, mut others) = (Vec::new(), Vec::new());
    for (round, members) in state.rounds.iter().enumerate() {
        let mut not_passing = Vec::new();
        for program in &members.programs {
            let index = program.index;
            let feedback = state.feedback_of(program);
            if feedback.is_some_and(|it| it.outcome == Outcome::PassedTests) {
                passing.push(Place { round, index });
            } else {
                not_passing.push(Place { round, index });
            }
        }
        others.splice(0..0, not_passing);
    }
    passing.extend(others);
    passing.truncate(n as usize);
    passing
}

impl CriticSampling {
    fn may_repair(&self, state: &State<'_>) -> bool {
        self.repair_by != RepairBy::Nobody
            && state.n_rounds_of(RoundKind::Repair) < self.repair_rounds
    }

    fn may_refine(&self, state: &State<'_>) -> bool {
        state.n_rounds_of(RoundKind::Refine) < self.refine_rounds
    }

    /// Whether anything depends on what the example tests say of the programs that there are.
    /// A refined program is final when there is nothing left to refine.
    fn has_use_for_tests(&self, state: &State<'_>) -> bool {
        let is_refined = state.n_rounds_of(RoundKind::Refine) > 0;
        self.may_refine(state) || (self.may_repair(state) && !is_refined)
    }

    fn step(&self, state: &State<'_>) -> Step {
        if state.is_in_trouble() || !self.has_use_for_tests(state) {
            return Step::Done;
        }
        if !passing(state).is_empty() {
            if self.may_refine(state) {
                return Step::Refine;
            }
        } else if self.may_repair(state) && !failing(state).is_empty() {
            return Step::Repair;
        }
        Step::Done
    }
}

/// N programs from the actor.
pub(super) fn sample(states: &mut [State<'_>], n: u32, tools: &mut Tools<'_>) -> Result<(), Stop> {
    let orders = states.iter().enumerate().map(|(index, state)| Order {
        state: index,
        prompt: state.task.prompt.clone(),
        prefix: None,
        slots: (0..n)
            .map(|index| Slot {
                index,
                parent: None,
            })
            .collect(),
    });
    write(
        states,
        orders.collect(),
        (0, RoundKind::Plain),
        &mut *tools.actor,
        Wish::default(),
    )
}

/// P: those of the programs that there are now that pass the example tests, repetitions included.
fn passing<'s>(state: &'s State<'_>) -> Vec<&'s Program> {
    with_outcome(state, |outcome| outcome == Outcome::PassedTests)
}

/// F: those that fail. What could not be judged is in neither.
fn failing<'s>(state: &'s State<'_>) -> Vec<&'s Program> {
    with_outcome(state, |outcome| outcome != Outcome::PassedTests)
}

fn with_outcome<'s>(state: &'s State<'_>, is_wanted: impl Fn(Outcome) -> bool) -> Vec<&'s Program> {
    let programs = state.programs().iter();
    programs
        .filter(|program| {
            let feedback = state.feedback_of(program);
            feedback.is_some_and(|feedback| is_wanted(feedback.outcome))
        })
        .collect()
}

/// The next round of all problems that are not done.
fn advance(
    settings: &CriticSampling,
    steps: &[Step],
    n: u32,
    states: &mut [State<'_>],
    tools: &mut Tools<'_>,
) -> Result<(), Stop> {
    // Problems may be at different rounds, and their seeds with them.
    let numbers: BTreeSet<usize> = states.iter().map(|state| state.rounds.len()).collect();
    for number in numbers {
        for (step, kind) in [
            (Step::Repair, RoundKind::Repair),
            (Step::Refine, RoundKind::Refine),
        ] {
            let mut orders = Vec::new();
            for (index, state) in states.iter().enumerate() {
                if steps[index] != step || state.rounds.len() != number || state.is_in_trouble() {
                    continue;
                }
                orders.extend(match step {
                    Step::Repair => repairs(state, index, n, settings.repair_top),
                    _ => continuations(state, index, n, settings.cut),
                });
            }
            let author = match (&mut tools.repairer, step) {
                (Repairer::Model(model), Step::Repair) => &mut **model,
                _ => &mut *tools.actor,
            };
            write(states, orders, (number, kind), author, Wish::default())?;
        }
    }
    Ok(())
}

/// N/M programs for each of the M failing programs that the critic thinks most of (Eq. 12); without
/// a critic, of the M that got furthest: those that end with a wrong answer before those that end
/// with an error, and these before those that do not compile, ties by index. Equal programs are one:
/// several of them would be the same request.
fn repairs(state: &State<'_>, index: usize, n: u32, top: u32) -> Vec<Order> {
    let mut seen = BTreeSet::new();
    let mut parents = state.by_critic(failing(state));
    if parents.iter().all(|it| state.criticism_of(it).is_none()) {
        parents.sort_by_key(|it| Reverse(state.feedback_of(it).map(|it| it.outcome)));
    }
    parents.retain(|program| seen.insert(&program.written.text));
    parents.truncate(top as usize);
    let mut next = 0;
    shares(n, parents.len())
        .into_iter()
        .zip(parents)
        .filter_map(|(share, parent)| {
            let feedback = state.feedback_of(parent)?;
            let error = feedback.error.as_deref();
            let text = &parent.written.text;
            let slots = take(&mut next, share, parent.index);
            Some(Order {
                state: index,
                prompt: repair_prompt(&state.task.prompt, text, feedback.outcome, error),
                prefix: None,
                slots,
            })
        })
        .filter(|order| !order.slots.is_empty())
        .collect()
}

/// N/|P| programs for each program that passes, which begin as the critic says (Eq. 11). Equal
/// beginnings are asked for together.
fn continuations(state: &State<'_>, index: usize, n: u32, cut: Cut) -> Vec<Order> {
    let parents = state.by_critic(passing(state));
    let mut orders: Vec<Order> = Vec::new();
    let mut next = 0;
    for (share, parent) in shares(n, parents.len()).into_iter().zip(parents) {
        let Some(criticism) = state.criticism_of(parent) else {
            continue;
        };
        let prefix = choose_prefix(&parent.written.text, criticism, cut);
        // Nothing to begin with: sampled anew.
        let prefix = (!prefix.text.is_empty()).then_some(prefix);
        let slots = take(&mut next, share, parent.index);
        match orders.iter_mut().find(|order| order.prefix == prefix) {
            Some(order) => order.slots.extend(slots),
            None => orders.push(Order {
                state: index,
                prompt: Prompt::clone(&state.task.prompt),
                prefix,
                slots,
            }),
        }
    }
    orders.retain(|order| !order.slots.is_empty());
    orders
}

/// The next `share` places, of programs made of `parent`.
fn take(next: &mut u32, share: u32, parent: u32) -> Vec<Slot> {
    let slots = (*next..*next + share).map(|index| Slot {
        index,
        parent: Some(parent),
    });
    let slots = slots.collect();
    *next += share;
    slots
}
