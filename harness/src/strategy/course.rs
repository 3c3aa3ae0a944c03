//! A problem on its way through a strategy, and what all strategies do with many of them at a
//! time: have programs written, read and run, and keep account of what that costs.

use std::collections::{BTreeMap, BTreeSet};

use super::prefix::Prefix;
use super::record::{Budget, ProgramRecord, RoundKind, RoundRecord, StrategyPath, StrategyRecord};
use super::tools::{
    Attempt, Author, Course, Critic, Criticism, Draft, ExampleJudge, Final, Reading, Stop, Task,
    Written,
};
use crate::decoding::Guidance;
use crate::prompt::Prompt;
use crate::seed::strategy_seed;
use crate::training::Feedback;

/// A problem in work.
pub(super) struct State<'t> {
    pub(super) task: &'t Task,
    run_seed: u64,
    /// The first one is plain. The programs of the last one are what there is now.
    pub(super) rounds: Vec<Round>,
    pub(super) budget: Budget,
    /// On the example tests, by text; `None` for what could not be judged.
    feedback: BTreeMap<String, Option<Feedback>>,
    criticisms: BTreeMap<String, Criticism>,
    /// Why it ended early.
    trouble: Option<String>,
}

pub(super) struct Round {
    pub(super) kind: RoundKind,
    /// In order of index.
    pub(super) programs: Vec<Program>,
}

pub(super) struct Program {
    pub(super) index: u32,
    parent: Option<u32>,
    seed_tokens: Option<u32>,
    seed: u64,
    pub(super) written: Written,
}

/// Where a program of a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// From 0.
    pub(super) round: usize,
    pub(super) index: u32,
}

/// Programs to be written for one problem from one prompt.
pub(super) struct Order {
    /// Which of the states.
    pub(super) state: usize,
    pub(super) prompt: Prompt,
    pub(super) prefix: Option<Prefix>,
    pub(super) slots: Vec<Slot>,
}

/// A program to be written.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) index: u32,
    pub(super) parent: Option<u32>,
}

/// What is wanted of programs beside their text.
#[derive(Clone, Copy, Default)]
pub(super) struct Wish {
    pub(super) log_prob: bool,
    pub(super) guidance: Option<Guidance>,
}

impl<'t> State<'t> {
    pub(super) fn new(task: &'t Task, run_seed: u64) -> Self {
        Self {
            task,
            run_seed,
            rounds: Vec::new(),
            budget: Budget::default(),
            feedback: BTreeMap::new(),
            criticisms: BTreeMap::new(),
            trouble: None,
        }
    }

    pub(super) fn is_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    /// Where the programs are that there are now.
    pub(super) fn places(&self) -> Vec<Place> {
        let round = self.rounds.len().saturating_sub(1);
        let programs = self.programs().iter();
        programs
            .map(|program| Place {
                round,
                index: program.index,
            })
            .collect()
    }

    /// What there is now.
    pub(super) fn programs(&self) -> &[Program] {
        self.rounds.last().map_or(&[], |round| &round.programs)
    }

    pub(super) fn n_rounds_of(&self, kind: RoundKind) -> u32 {
        let rounds = self.rounds.iter().filter(|round| round.kind == kind);
        u32::try_from(rounds.count()).unwrap_or(u32::MAX)
    }

    /// What became of a program on the example tests; `None` where it was not run or not judged.
    pub(super) fn feedback_of(&self, program: &Program) -> Option<&Feedback> {
        self.feedback.get(&program.written.text)?.as_ref()
    }

    pub(super) fn criticism_of(&self, program: &Program) -> Option<&Criticism> {
        self.criticisms.get(&program.written.text)
    }

    /// Programs in order of q̂(W), the best first, equal ones in order of index. All were read.
    pub(super) fn by_critic<'s>(&'s self, mut programs: Vec<&'s Program>) -> Vec<&'s Program> {
        let score = |program: &Program| self.criticism_of(program).map_or(f64::NAN, |it| it.passed);
        programs.sort_by(|a, b| {
            let [a, b] = [(score(a), a.index), (score(b), b.index)];
            b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
        });
        programs
    }

    /// How the programs that there are now came about.
    fn path(&self) -> StrategyPath {
        let any = |kind| self.n_rounds_of(kind) > 0;
        if any(RoundKind::Guided) {
            return StrategyPath::Guided;
        }
        match (any(RoundKind::Refine), any(RoundKind::Repair)) {
            (true, false) => StrategyPath::Refined,
            (true, true) => StrategyPath::RepairedAndRefined,
            (false, true) => StrategyPath::Repaired,
            (false, false) if self.task.has_examples => StrategyPath::Plain,
            (false, false) => StrategyPath::NoExamples,
        }
    }

    /// The end: `chosen` are the final candidates in their order.
    pub(super) fn finish(self, chosen: &[Place]) -> Result<Course, String> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        let path = self.path();
        let chosen_now: BTreeSet<Place> = chosen.iter().copied().collect();
        let rounds: Vec<RoundRecord> = self
            .rounds
            .iter()
            .enumerate()
            .map(|(number, round)| RoundRecord {
                kind: round.kind,
                programs: round
                    .programs
                    .iter()
                    .map(|program| {
                        let place = Place {
                            round: number,
                            index: program.index,
                        };
                        self.record_of(program, !chosen_now.contains(&place))
                    })
                    .collect(),
            })
            .collect();
        let finals = chosen
            .iter()
            .filter_map(|place| {
                let round = self.rounds.get(place.round)?;
                let program = round.programs.iter().find(|it| it.index == place.index)?;
                Some(Final {
                    text: program.written.text.clone(),
                    seed: program.seed,
                    finish: program.written.finish.clone(),
                    round: round.kind,
                    program: self.record_of(program, false),
                })
            })
            .collect();
        let plain = self.rounds.first().map_or(&[][..], |round| &round.programs);
        let plain_tokens: u64 = plain.iter().map(|it| u64::from(it.written.n_tokens)).sum();
        Ok(Course {
            finals,
            record: StrategyRecord {
                problem: self.task.problem.clone(),
                path,
                budget: self.budget,
                plain_equivalent: if plain_tokens == 0 {
                    0.0
                } else {
                    self.budget.generated() as f64 * plain.len() as f64 / plain_tokens as f64
                },
                rounds,
            },
        })
    }

    fn record_of(&self, program: &Program, with_text: bool) -> ProgramRecord {
        let feedback = self.feedback_of(program);
        ProgramRecord {
            index: program.index,
            parent: program.parent,
            seed_tokens: program.seed_tokens,
            n_tokens: program.written.n_tokens,
            outcome: feedback.map(|it| it.outcome),
            error: feedback.and_then(|it| it.error.clone()),
            critic: self.criticism_of(program).map(|it| it.passed),
            log_prob: program.written.log_prob,
            text: with_text.then(|| program.written.text.clone()),
        }
    }
}

/// Has `orders` written as round `round` of their problems: a new one, or more of the last one.
pub(super) fn write(
    states: &mut [State<'_>],
    orders: Vec<Order>,
    (round, kind): (usize, RoundKind),
    author: &mut dyn Author,
    wish: Wish,
) -> Result<(), Stop> {
    let number = u32::try_from(round).unwrap_or(u32::MAX);
    let drafts: Vec<Draft<'_>> = orders
        .iter()
        .map(|order| {
            let State { task, run_seed, .. } = &states[order.state];
            let seed = |slot: &Slot| strategy_seed(*run_seed, &task.problem, number, slot.index);
            Draft {
                problem: &task.problem,
                prompt: order.prompt.clone(),
                seeds: order.slots.iter().map(seed).collect(),
                prefix: order.prefix.clone(),
                wants_log_prob: wish.log_prob,
                guidance: wish.guidance,
            }
        })
        .collect();
    if drafts.is_empty() {
        return Ok(());
    }
    let answers = author.write(&drafts)?;
    let seeds: Vec<Vec<u64>> = drafts.into_iter().map(|draft| draft.seeds).collect();
    for ((order, seeds), answer) in orders.iter().zip(seeds).zip(answers) {
        let state = &mut states[order.state];
        match answer {
            Ok(written) if written.len() == order.slots.len() => {
                state.take(order, seeds, written, (round, kind));
            }
            Ok(written) => {
                let n = order.slots.len();
                let missing = n.saturating_sub(written.len());
                state.trouble = Some(format!("the model left out {missing} of {n} programs"));
            }
            Err(detail) => state.trouble = Some(detail),
        }
    }
    Ok(())
}

impl State<'_> {
    fn take(
        &mut self,
        order: &Order,
        seeds: Vec<u64>,
        written: Vec<Written>,
        (round, kind): (usize, RoundKind),
    ) {
        let seed_tokens = order.prefix.as_ref().map(|prefix| prefix.tokens.len());
        let budget = &mut self.budget;
        budget.prompt_tokens += written
            .first()
            .map_or(0, |it| u64::from(it.n_prompt_tokens));
        budget.seed_tokens += (seed_tokens.unwrap_or_default() * written.len()) as u64;
        let generated: u64 = written.iter().map(|it| u64::from(it.n_tokens)).sum();
        match kind {
            RoundKind::Repair => budget.repair_tokens += generated,
            RoundKind::Plain | RoundKind::Refine | RoundKind::Guided => {
                budget.actor_tokens += generated;
            }
        }
        if kind == RoundKind::Guided {
            let prompt = written.first().map_or(0, |it| it.n_critic_prompt_tokens);
            let read: u64 = written.iter().map(|it| u64::from(it.n_critic_tokens)).sum();
            budget.critic_passes += written.len() as u64;
            budget.critic_tokens += u64::from(prompt) + read;
        }
        while self.rounds.len() <= round {
            self.rounds.push(Round {
                kind,
                programs: Vec::new(),
            });
        }
        let programs = &mut self.rounds[round].programs;
        let members = order.slots.iter().zip(seeds).zip(written);
        programs.extend(members.map(|((slot, seed), written)| Program {
            index: slot.index,
            parent: slot.parent,
            seed_tokens: seed_tokens.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            seed,
            written,
        }));
        programs.sort_by_key(|program| program.index);
    }
}

/// Runs the programs that there are now of those `states` that `which` picks on their example
/// tests. What was run before is not run again.
pub(super) fn judge(
    states: &mut [State<'_>],
    which: impl Fn(&State<'_>) -> bool,
    judge: &mut dyn ExampleJudge,
) -> Result<(), Stop> {
    let wanted = distinct(states, |state| {
        if state.is_in_trouble() || !state.task.has_examples || !which(state) {
            return Vec::new();
        }
        let is_new = |it: &&Program| !state.feedback.contains_key(&it.written.text);
        state.programs().iter().filter(is_new).collect()
    });
    if wanted.is_empty() {
        return Ok(());
    }
    let attempts: Vec<Attempt<'_>> = wanted
        .iter()
        .map(|(state, text)| Attempt {
            problem: &states[*state].task.problem,
            text,
        })
        .collect();
    let found = judge.judge(&attempts)?;
    for ((state, text), feedback) in wanted.into_iter().zip(found) {
        states[state].budget.example_runs += 1;
        states[state].feedback.insert(text, feedback);
    }
    Ok(())
}

/// Has the critic read what `which` picks. What was read before is not read again.
pub(super) fn read(
    states: &mut [State<'_>],
    which: impl for<'s> Fn(&'s State<'_>) -> Vec<&'s Program>,
    critic: &mut dyn Critic,
) -> Result<(), Stop> {
    let wanted = distinct(states, |state| {
        if state.is_in_trouble() {
            return Vec::new();
        }
        let mut programs = which(state);
        programs.retain(|it| !state.criticisms.contains_key(&it.written.text));
        programs
    });
    if wanted.is_empty() {
        return Ok(());
    }
    let readings: Vec<Reading<'_>> = wanted
        .iter()
        .map(|(state, text)| Reading {
            problem: &states[*state].task.problem,
            prompt: &states[*state].task.prompt,
            text,
        })
        .collect();
    let answers = critic.read(&readings)?;
    for ((state, text), answer) in wanted.into_iter().zip(answers) {
        let state = &mut states[state];
        match answer {
            Ok(criticism) => {
                let n_tokens = criticism.n_prompt_tokens as usize + criticism.tokens.len();
                state.budget.critic_passes += 1;
                state.budget.critic_tokens += n_tokens as u64;
                state.criticisms.insert(text, criticism);
            }
            Err(detail) => state.trouble = Some(detail),
        }
    }
    Ok(())
}

/// States and texts of the programs that are picked, equal ones of a state once, in order.
fn distinct<'t>(
    states: &[State<'t>],
    pick: impl for<'s> Fn(&'s State<'t>) -> Vec<&'s Program>,
) -> Vec<(usize, String)> {
    let mut wanted = Vec::new();
    for (index, state) in states.iter().enumerate() {
        let mut seen = BTreeSet::new();
        for program in pick(state) {
            if seen.insert(&program.written.text) {
                wanted.push((index, program.written.text.clone()));
            }
        }
    }
    wanted
}
