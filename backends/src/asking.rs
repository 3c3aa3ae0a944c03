//! What backends with a model have in common: how problems are put to it, and what is made of
//! its answers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use harness::candidate::{Candidate, CandidateId, Provenance};
use harness::contract::{Demand, ForProblem, Generated, Generator, PluginError};
use harness::decoding::Decoding;
use harness::problem::{Problem, ProblemId};
use harness::prompt::{Prompt, PromptStyle};
use harness::seed::candidate_seed;
use harness::strategy::Prefix;

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

    /// The decoding for each of `problems`.
    pub(crate) fn decodings(&self, problems: &[Problem]) -> BTreeMap<ProblemId, Decoding> {
        let decodings = problems.iter().map(|problem| {
            let decoding = self.decoding(problem);
            (problem.id.clone(), decoding)
        });
        decodings.collect()
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

/// Leaves room for `prefix`, and at least one token for the rest: a continued program is as long as
/// any other at most.
pub(crate) fn leave_room(decoding: &mut Decoding, prefix: &Prefix) {
    let n = u32::try_from(prefix.tokens.len()).unwrap_or(u32::MAX);
    decoding.max_new_tokens = decoding.max_new_tokens.saturating_sub(n).max(1);
}

/// How asking has gone so far. Shared by threads.
#[derive(Debug, Default)]
pub(crate) struct Luck {
    failures_in_a_row: AtomicU32,
    has_succeeded: AtomicBool,
}

impl Luck {
    pub(crate) fn succeeded(&self) {
        self.has_succeeded.store(true, Ordering::Relaxed);
        self.failures_in_a_row.store(0, Ordering::Relaxed);
    }

    /// How many have failed in a row, where these are as many as end it.
    pub(crate) fn failed(&self) -> Option<u32> {
        let n = 1 + self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
        (n >= MAX_FAILURES_IN_A_ROW).then_some(n)
    }

    /// The same for a request that was refused. A prompt may be too long; but if nothing ever went
    /// well, it is not that.
    pub(crate) fn refused(&self) -> Option<u32> {
        match self.has_succeeded.load(Ordering::Relaxed) {
            true => None,
            false => self.failed(),
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
