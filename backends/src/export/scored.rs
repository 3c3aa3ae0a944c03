//! Candidates beside their problems and verdicts.

use std::collections::HashMap;

use harness::candidate::{Candidate, CandidateId};
use harness::problem::{Problem, ProblemId};
use harness::verdict::{Grader, Judgement, Verdict};

use crate::error::Error;

/// A candidate, its problem, and what one grader says of it.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    pub problem: &'a Problem,
    pub candidate: &'a Candidate,
    /// `None` where the grader was not asked, or not yet.
    pub judgement: Option<&'a Judgement>,
}

/// Joins records by id, in the order of `candidates`.
///
/// # Errors
/// If a candidate belongs to none of `problems`.
pub fn join<'a>(
    problems: &'a [Problem],
    candidates: &'a [Candidate],
    verdicts: &'a [Verdict],
    grader: Grader,
) -> Result<Vec<Scored<'a>>, Error> {
    let by_id: HashMap<&ProblemId, &Problem> = problems
        .iter()
        .map(|problem| (&problem.id, problem))
        .collect();
    let judgements: HashMap<&CandidateId, &Judgement> = verdicts
        .iter()
        .filter(|verdict| verdict.grader == grader)
        .map(|verdict| (&verdict.candidate, &verdict.judgement))
        .collect();
    candidates
        .iter()
        .map(|candidate| {
            let problem =
                by_id
                    .get(&candidate.id.problem)
                    .ok_or_else(|| Error::UnknownProblem {
                        candidate: candidate.id.clone(),
                    })?;
            Ok(Scored {
                problem,
                candidate,
                judgement: judgements.get(&candidate.id).copied(),
            })
        })
        .collect()
}
