//! The dataset's own solutions as candidates.

use harness::candidate::{Candidate, CandidateId, Code};
use harness::contract::{Generator, PluginError};
use harness::problem::Problem;

/// Offers the reference solutions that problems carry, in their order.
///
/// On a sound dataset all of them pass; where a problem has none it offers none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Generator for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn generate(&mut self, problem: &Problem, n: usize) -> Result<Vec<Candidate>, PluginError> {
        Ok((0..)
            .zip(problem.reference_solutions.iter().take(n))
            .map(|(index, program)| Candidate {
                id: CandidateId {
                    problem: problem.id.clone(),
                    index,
                },
                code: Code::Program(program.clone()),
                provenance: self.provenance(),
            })
            .collect())
    }
}
