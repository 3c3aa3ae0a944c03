//! What is stored in a run directory, one record a line.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::candidate::{Candidate, CandidateId};
use crate::contract::GenerationTrouble;
use crate::problem::{Difficulty, Problem, ProblemId, SkippedProblem, Split, WhichTests};
use crate::verdict::{Grader, Verdict};

/// One line of a record file.
pub trait Record: Serialize + DeserializeOwned {
    /// Unique within a file, and the order of a finished file.
    type Id: Ord + Clone;

    fn id(&self) -> Self::Id;
}

/// What reports need to know of a problem, so that they do without the dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemSummary {
    pub id: ProblemId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<Difficulty>,
    pub n_hidden_tests: usize,
    pub n_example_tests: usize,
}

impl From<&Problem> for ProblemSummary {
    fn from(problem: &Problem) -> Self {
        Self {
            id: problem.id.clone(),
            split: problem.split,
            difficulty: problem.difficulty,
            n_hidden_tests: problem.tests.n_hidden(),
            n_example_tests: problem.tests.n_example(),
        }
    }
}

/// A try at judging that failed for no fault of the candidate.
///
/// Without a time, so that the same troubles leave the same file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfrastructureEvent {
    pub candidate: CandidateId,
    pub grader: Grader,
    pub tests: WhichTests,
    /// From 1.
    pub attempt: u32,
    pub detail: String,
}

/// A try at generating that failed. Without a time, as [`InfrastructureEvent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationEvent {
    pub problem: ProblemId,
    /// The first candidate of those that were tried.
    pub index: u32,
    /// From 1.
    pub attempt: u32,
    /// Whether it was the last.
    pub gave_up: bool,
    pub detail: String,
}

/// What makes a [`GenerationEvent`] one of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GenerationEventId {
    pub problem: ProblemId,
    pub index: u32,
    pub attempt: u32,
    pub gave_up: bool,
}

impl From<&GenerationTrouble> for GenerationEvent {
    fn from(trouble: &GenerationTrouble) -> Self {
        let GenerationTrouble {
            problem,
            index,
            attempt,
            gave_up,
            detail,
        } = trouble.clone();
        Self {
            problem,
            index,
            attempt,
            gave_up,
            detail,
        }
    }
}

impl Record for GenerationEvent {
    type Id = GenerationEventId;

    fn id(&self) -> GenerationEventId {
        GenerationEventId {
            problem: self.problem.clone(),
            index: self.index,
            attempt: self.attempt,
            gave_up: self.gave_up,
        }
    }
}

impl Record for ProblemSummary {
    type Id = ProblemId;

    fn id(&self) -> ProblemId {
        self.id.clone()
    }
}

impl Record for SkippedProblem {
    /// Rows without a readable id may share what stands in for it.
    type Id = (String, String);

    fn id(&self) -> (String, String) {
        (self.id.clone(), self.reason.clone())
    }
}

impl Record for Candidate {
    type Id = CandidateId;

    fn id(&self) -> CandidateId {
        self.id.clone()
    }
}

impl Record for Verdict {
    type Id = (CandidateId, Grader);

    fn id(&self) -> (CandidateId, Grader) {
        (self.candidate.clone(), self.grader)
    }
}

impl Record for InfrastructureEvent {
    type Id = (CandidateId, Grader, WhichTests, u32);

    fn id(&self) -> Self::Id {
        (
            self.candidate.clone(),
            self.grader,
            self.tests,
            self.attempt,
        )
    }
}
