//! What plug-ins implement. The harness owns looping, retries, seeds and progress; a
//! plug-in does one thing once.

use crate::candidate::{Candidate, Provenance};
use crate::execution::{Execution, Grants, Limits, Question, Reply, Step};
use crate::problem::Problem;

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
/// - The same request gives the same candidates.
pub trait Generator {
    /// Name for provenance and reports.
    fn name(&self) -> &str;

    /// Candidates for one problem.
    ///
    /// # Errors
    /// Unreadable or malformed sources, naming file, row and key.
    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError>;

    /// What is put into the provenance of each candidate.
    fn provenance(&self) -> Provenance {
        Provenance {
            backend: self.name().to_owned(),
            ..Provenance::default()
        }
    }
}
