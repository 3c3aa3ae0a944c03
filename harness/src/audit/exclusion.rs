//! Leaving out the problems that an audit found broken.

use std::collections::BTreeMap;

use super::record::{AuditRecord, TestsState};
use crate::problem::{Problem, ProblemId, WhichTests};
use crate::store::TestsDigest;
use crate::verdict::Grader;

/// Problems that an audit knows, and those of them that decide nothing.
#[derive(Clone, Debug)]
pub struct BrokenProblems {
    records: BTreeMap<ProblemId, AuditRecord>,
}

/// What leaving out came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExclusionSummary {
    /// No reference passes.
    pub n_unsolved: usize,
    /// No tests, or tests that contradict each other.
    pub n_bad_tests: usize,
    /// Not in the audit, and therefore kept.
    pub n_unknown: usize,
}

impl ExclusionSummary {
    pub fn n_excluded(&self) -> usize {
        self.n_unsolved + self.n_bad_tests
    }
}

impl BrokenProblems {
    pub fn new(records: impl IntoIterator<Item = AuditRecord>) -> Self {
        let records = records.into_iter();
        Self {
            records: records
                .map(|record| (record.problem.clone(), record))
                .collect(),
        }
    }

    /// Whether the problem is broken for all of `graders`; `None` where the audit does not
    /// know it.
    pub fn is_broken(&self, problem: &ProblemId, graders: &[Grader]) -> Option<bool> {
        Some(self.records.get(problem)?.is_broken(graders))
    }

    /// Removes broken problems.
    ///
    /// # Errors
    /// The first problem whose tests are others than those that were audited.
    pub fn exclude(
        &self,
        problems: &mut Vec<Problem>,
        graders: &[Grader],
    ) -> Result<ExclusionSummary, ProblemId> {
        let mut summary = ExclusionSummary::default();
        let mut kept = Vec::with_capacity(problems.len());
        for problem in std::mem::take(problems) {
            match self.records.get(&problem.id) {
                None => summary.n_unknown += 1,
                Some(record) => {
                    let tests = TestsDigest::new(&problem, WhichTests::Hidden).to_string();
                    if tests != record.tests_sha256 {
                        return Err(problem.id);
                    }
                    if record.is_broken(graders) {
                        *match record.tests {
                            TestsState::Sound => &mut summary.n_unsolved,
                            TestsState::Empty | TestsState::Contradictory => {
                                &mut summary.n_bad_tests
                            }
                        } += 1;
                        continue;
                    }
                }
            }
            kept.push(problem);
        }
        *problems = kept;
        Ok(summary)
    }
}
