//! What plug-ins implement. The harness owns looping, retries, seeds and progress; a
//! plug-in does one thing once.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::candidate::{Candidate, Provenance};
use crate::execution::{Execution, Grants, Limits, Question, Reply, Step};
use crate::problem::{Problem, ProblemId};

/// Errors of plug-ins: whatever they are, with their chain of sources.
pub type PluginError = Box<dyn std::error::Error + Send + Sync>;

/// Runs programs in isolation.
///
/// # Contract
/// - Facts depend on the steps and the limits alone: not on load, time, place, or on what
///   ran before.
/// - A program, whatever it does, ends in an [`Execution`]. `Err` is for our own trouble:
///   the wall-clock backstop, a host out of memory, a worker that died. The caller may
///   retry on a fresh session.
pub trait Executor: Sync {
    /// Names the guest and its version; a part of the key under which verdicts are cached.
    fn fingerprint(&self) -> &str;

    /// The executor for programs that import numpy or other packages, where there is one.
    /// Without it such programs run here and find the packages missing.
    fn with_packages(&self) -> Option<&dyn Executor> {
        None
    }

    /// Starts a fresh guest.
    ///
    /// # Errors
    /// When no guest can be started, for no fault of a program.
    fn session(
        &self,
        limits: &Limits,
        grants: &Grants,
    ) -> Result<Box<dyn Session + '_>, PluginError>;
}

/// One fresh guest, used for one candidate.
pub trait Session {
    /// Performs one step with the whole budget of [`Limits::fuel`].
    ///
    /// # Errors
    /// As [`Session::run_within`].
    fn run(&mut self, step: &Step<'_>) -> Result<Execution, PluginError> {
        self.run_within(step, u64::MAX)
    }

    /// Performs one step with at most `fuel`, and at most [`Limits::fuel`]. After an ending that
    /// destroys the guest ([`crate::execution::Ending::LimitHit`],
    /// [`crate::execution::Ending::Aborted`]) every further step ends as aborted.
    ///
    /// # Errors
    /// Infrastructure trouble only.
    fn run_within(&mut self, step: &Step<'_>, fuel: u64) -> Result<Execution, PluginError> {
        self.run_answering(step, fuel, None)
    }

    /// The same for a step whose code may ask: a tester ([`Step::Test`]), which calls
    /// functions of a program in another session. Without `answer`, as for every session
    /// that holds a program to be judged, asking ends the guest.
    ///
    /// The time that an answer takes is not the asking guest's.
    ///
    /// # Errors
    /// Infrastructure trouble, and whatever `answer` returns as error.
    fn run_answering(
        &mut self,
        step: &Step<'_>,
        fuel: u64,
        answer: Option<Answer<'_>>,
    ) -> Result<Execution, PluginError>;
}

/// Answers the questions of a tester, in order.
pub type Answer<'a> = &'a mut dyn FnMut(Question) -> Result<Reply, PluginError>;

/// A source of candidates.
///
/// # Contract
/// - At most `n` candidates for each problem, indexed from 0 without gaps, in the order in
///   which the source has them.
/// - Fewer than `n` is allowed and is the caller's to notice: nothing is repeated to fill up.
/// - The same request gives the same candidates, whatever else is asked before or with it.
pub trait Generator {
    /// Name for provenance and reports.
    fn name(&self) -> &str;

    /// Candidates for one problem.
    ///
    /// # Errors
    /// Unreadable or malformed sources, naming file, row and key.
    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError>;

    /// Candidates for many problems, given to `sink` as they come, in any order. Generators
    /// that work on many at a time do so here; the others take one after the other.
    ///
    /// `sink` decides whether to go on. It is to be called several times a second, with
    /// [`Generated::Waiting`] where there is nothing else to say, and after it said no, this
    /// returns soon, without an error.
    ///
    /// # Errors
    /// What makes it useless to go on. Trouble with one problem is told to `sink`.
    fn generate_many(
        &mut self,
        demands: &[Demand<'_>],
        sink: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), PluginError> {
        for demand in demands {
            let mut candidates =
                self.generate(demand.problem, demand.n)
                    .map_err(|source| ForProblem {
                        problem: demand.problem.id.clone(),
                        source,
                    })?;
            candidates.retain(|candidate| !demand.present.contains(&candidate.id.index));
            let problem = demand.problem.id.clone();
            if sink(Generated::Candidates(candidates)).is_break()
                || sink(Generated::Complete(problem)).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// What is put into the provenance of each candidate.
    fn provenance(&self) -> Provenance {
        Provenance {
            backend: self.name().to_owned(),
            ..Provenance::default()
        }
    }
}

/// What is asked of a generator for one problem.
#[derive(Clone, Debug)]
pub struct Demand<'a> {
    pub problem: &'a Problem,
    /// Candidates with an index below this are wanted; `usize::MAX` asks for all there are.
    pub n: usize,
    /// Indices of those that are there already.
    pub present: BTreeSet<u32>,
}

impl Demand<'_> {
    /// Indices of the candidates to make, of a generator that can make as many as are asked.
    pub fn missing(&self) -> Vec<u32> {
        let end = u32::try_from(self.n).unwrap_or(u32::MAX);
        (0..end)
            .filter(|index| !self.present.contains(index))
            .collect()
    }
}

/// What a generator tells while it works on many problems.
#[derive(Clone, Debug, PartialEq)]
pub enum Generated {
    /// Candidates, of any of the problems.
    Candidates(Vec<Candidate>),
    /// No more candidates of this problem will come.
    Complete(ProblemId),
    /// A try failed.
    Trouble(GenerationTrouble),
    /// Nothing yet.
    Waiting,
}

/// A try at candidates of a problem that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationTrouble {
    pub problem: ProblemId,
    /// The first candidate of those that were tried.
    pub index: u32,
    /// From 1.
    pub attempt: u32,
    /// Whether it was the last, so that the problem stays without these candidates.
    pub gave_up: bool,
    pub detail: String,
}

/// An error and the problem at which it happened.
#[derive(Debug, thiserror::Error)]
#[error("generating candidates for problem `{problem}`")]
pub struct ForProblem {
    pub problem: ProblemId,
    #[source]
    pub source: PluginError,
}
