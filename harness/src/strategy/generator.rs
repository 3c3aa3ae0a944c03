//! A strategy as a source of candidates, so that runs, resuming and judging are as for any other.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::best_of_n::best_of_n;
use super::critic_sampling::critic_sampling;
use super::guided::guided;
use super::plain::plain;
use super::record::StrategyRecord;
use super::settings::{Draws, StrategySettings};
use super::tools::{Course, Final, Stop, Task, Tools};
use crate::candidate::{Candidate, CandidateId, Provenance, StrategyProvenance};
use crate::contract::{Demand, ForProblem, Generated, GenerationTrouble, Generator, PluginError};
use crate::problem::Problem;
use crate::prompt::PromptStyle;
use crate::store::RecordLog;

/// Candidates that are in work together, about: enough to keep a model busy.
const IN_WORK: usize = 160;

/// Problems given up one after the other, after which it stops: it is not the problems then.
const MAX_FAILURES_IN_A_ROW: u32 = 5;

/// Generates by a strategy. What it did for a problem goes to the log before its candidates do.
pub struct StrategyGenerator<'a> {
    pub settings: StrategySettings,
    pub draws: Draws,
    pub run_seed: u64,
    pub style: &'a PromptStyle,
    pub tools: Tools<'a>,
    pub log: RecordLog<StrategyRecord>,
    /// Of a plain candidate: backend and model.
    pub provenance: Provenance,
    /// The repair model as the user named it.
    pub repair_model: Option<String>,
}

impl StrategyGenerator<'_> {
    fn run(&mut self, tasks: &[Task]) -> Result<Vec<Result<Course, String>>, Stop> {
        let seed = self.run_seed;
        match (&self.settings, &self.draws) {
            (StrategySettings::CriticSampling(settings), Draws::Fixed(n)) => {
                critic_sampling(settings, (*n, seed), tasks, &mut self.tools)
            }
            (StrategySettings::CriticSampling(_), Draws::Budget(_)) => Err(Stop::Failed(
                "critic sampling draws the same number for each problem".into(),
            )),
            (StrategySettings::BestOfN(settings), draws) => {
                best_of_n(settings, (draws, seed), tasks, &mut self.tools)
            }
            (StrategySettings::Guided(guidance), draws) => {
                guided(*guidance, (draws, seed), tasks, &mut self.tools)
            }
            (StrategySettings::Plain, draws) => plain(draws, seed, tasks, &mut self.tools),
        }
    }

    fn task(&self, problem: &Problem) -> Result<Task, ForProblem> {
        let prompt = self.style.prompt(problem).map_err(|error| ForProblem {
            problem: problem.id.clone(),
            source: error.into(),
        })?;
        Ok(Task {
            problem: problem.id.clone(),
            prompt,
            has_examples: problem.tests.n_example() > 0,
        })
    }

    fn candidate(&self, problem: &Problem, index: usize, made: Final) -> Candidate {
        let mut provenance = Provenance {
            seed: Some(made.seed),
            n_tokens: Some(made.program.n_tokens),
            finish: Some(made.finish),
            ..self.provenance.clone()
        };
        if made.round == super::record::RoundKind::Repair
            && let Some(model) = &self.repair_model
        {
            provenance.source = Some(model.clone());
        }
        provenance.strategy = Some(StrategyProvenance {
            name: self.settings.name().to_owned(),
            round: made.round,
            index: made.program.index,
            parent: made.program.parent,
            seed_tokens: made.program.seed_tokens,
        });
        Candidate {
            id: CandidateId {
                problem: problem.id.clone(),
                index: u32::try_from(index).unwrap_or(u32::MAX),
            },
            code: self.style.code(problem, &made.text),
            provenance,
        }
    }

    /// Problems that are worked on together.
    fn width(&self) -> usize {
        let n = match &self.draws {
            Draws::Fixed(n) => *n as usize,
            Draws::Budget(_) => 40,
        };
        (IN_WORK / n.max(1)).clamp(1, 32)
    }
}

impl Generator for StrategyGenerator<'_> {
    fn name(&self) -> &str {
        &self.provenance.backend
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        let mut made = Vec::new();
        let mut failure = None;
        let demand = Demand {
            problem,
            n,
            present: Default::default(),
        };
        self.generate_many(&[demand], &mut |generated| {
            match generated {
                Generated::Candidates(candidates) => made.extend(candidates),
                Generated::Trouble(trouble) => failure = Some(trouble.detail),
                _ => {}
            }
            ControlFlow::Continue(())
        })?;
        match failure {
            Some(detail) => Err(detail.into()),
            None => Ok(made),
        }
    }

    /// Candidates of a problem depend on each other, so that a problem of which some are missing
    /// is done again; those that are stored stay, since they are the same.
    fn generate_many(
        &mut self,
        demands: &[Demand<'_>],
        sink: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), PluginError> {
        let mut failures_in_a_row = 0;
        for demands in demands.chunks(self.width()) {
            let by_id: BTreeMap<_, _> = demands
                .iter()
                .map(|demand| (&demand.problem.id, demand))
                .collect();
            let mut tasks = Vec::new();
            for demand in demands {
                tasks.push(self.task(demand.problem)?);
            }
            let courses = match self.run(&tasks) {
                Ok(courses) => courses,
                Err(Stop::Cancelled) => return Ok(()),
                Err(Stop::Failed(error)) => return Err(error),
            };
            for (task, course) in tasks.iter().zip(courses) {
                let demand = by_id[&task.problem];
                let told = match course {
                    Ok(course) => {
                        failures_in_a_row = 0;
                        self.log.append(&course.record)?;
                        let candidates = course.finals.into_iter().enumerate();
                        let mut candidates: Vec<Candidate> = candidates
                            .map(|(index, made)| self.candidate(demand.problem, index, made))
                            .collect();
                        candidates.retain(|it| !demand.present.contains(&it.id.index));
                        Generated::Candidates(candidates)
                    }
                    Err(detail) => {
                        failures_in_a_row += 1;
                        if failures_in_a_row == MAX_FAILURES_IN_A_ROW {
                            return Err(format!(
                                "{MAX_FAILURES_IN_A_ROW} problems failed one after the other, \
                                 the last because: {detail}"
                            )
                            .into());
                        }
                        Generated::Trouble(GenerationTrouble {
                            problem: task.problem.clone(),
                            index: 0,
                            attempt: 1,
                            gave_up: true,
                            detail,
                        })
                    }
                };
                let complete = Generated::Complete(task.problem.clone());
                if sink(told).is_break() || sink(complete).is_break() {
                    return Ok(());
                }
            }
        }
        self.log.finish()?;
        Ok(())
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }
}
