//! What backends with a model have in common: how problems are put to it, and what is made of
//! its answers.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use harness::candidate::{Candidate, CandidateId, Provenance};
use harness::contract::{Demand, ForProblem, Generated, Generator, PluginError};
use harness::decoding::Decoding;
use harness::problem::{Problem, ProblemId};
use harness::prompt::{Prompt, PromptStyle};
use harness::seed::candidate_seed;

/// Problems without an answer, one after the other, after which a backend stops asking: it is
/// not the problems then.
pub(crate) const MAX_FAILURES_IN_A_ROW: u32 = 5;

/// How a model is asked.
#[derive(Clone, Debug)]
pub struct Asking {
    /// What the user called the model; goes into provenance.
    pub model: String,
    pub style: PromptStyle,
    /// Stop texts are those of each problem's template, and these.
    pub decoding: Decoding,
    /// Seed of the run, from which those of candidates are derived.
    pub run_seed: u64,
}

impl Asking {
    /// Indices of the candidates to ask for.
    ///
    /// # Errors
    /// When all there are is asked for, which of a model are endless.
    pub(crate) fn missing(&self, demand: &Demand<'_>) -> Result<Vec<u32>, PluginError> {
        if u32::try_from(demand.n).is_err() {
            return Err("a model makes as many candidates as it is asked for; say how many".into());
        }
        Ok(demand.missing())
    }

    pub(crate) fn prompt(&self, problem: &Problem) -> Result<Prompt, ForProblem> {
        self.style.prompt(problem).map_err(|error| ForProblem {
            problem: problem.id.clone(),
            source: error.into(),
        })
    }

    /// The decoding for `problem`.
    pub(crate) fn decoding(&self, problem: &Problem) -> Decoding {
        let mut decoding = self.decoding.clone();
        decoding.stop.extend(self.style.stop(problem));
        decoding
    }

    pub(crate) fn seed(&self, problem: &ProblemId, index: u32) -> u64 {
        candidate_seed(self.run_seed, problem, index)
    }

    pub(crate) fn provenance(&self, backend: &str) -> Provenance {
        Provenance {
            backend: backend.to_owned(),
            source: Some(self.model.clone()),
            ..Provenance::default()
        }
    }

    /// The candidate that `answer` holds.
    pub(crate) fn candidate(
        &self,
        problem: &Problem,
        index: u32,
        answer: &str,
        provenance: Provenance,
    ) -> Candidate {
        Candidate {
            id: CandidateId {
                problem: problem.id.clone(),
                index,
            },
            code: self.style.code(problem, answer),
            provenance,
        }
    }
}

/// Candidates of one problem from a generator that makes those of many. Trouble after which the
/// problem was given up is an error.
pub(crate) fn generate_one(
    generator: &mut dyn Generator,
    problem: &Problem,
    n: usize,
) -> Result<Vec<Candidate>, PluginError> {
    let mut made = Vec::new();
    let mut failure = None;
    let demand = Demand {
        problem,
        n,
        present: BTreeSet::new(),
    };
    generator.generate_many(&[demand], &mut |generated| {
        match generated {
            Generated::Candidates(candidates) => made.extend(candidates),
            Generated::Trouble(trouble) if trouble.gave_up => failure = Some(trouble.detail),
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    if let Some(detail) = failure {
        return Err(detail.into());
    }
    made.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(made)
}
