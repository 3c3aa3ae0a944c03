//! What there is to judge, in an order that depends on nothing but the problems and the ids.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::candidate::Candidate;
use crate::error::Error;
use crate::problem::{Problem, ProblemId, WhichTests};
use crate::store::{CacheKey, KeyContext, RecordLog, TestsDigest};
use crate::verdict::{Grader, Verdict};

/// One program to judge by one grader.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    pub problem: &'a Problem,
    pub candidate: &'a Candidate,
    pub grader: Grader,
    pub tests: WhichTests,
}

impl Work<'_> {
    /// The complete program.
    pub fn program(&self) -> String {
        self.candidate.program(self.problem)
    }
}

/// Work that has one answer: the same program, tests and grader.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) key: CacheKey,
    /// In order of candidate; judged through the first.
    pub(super) members: Vec<Work<'a>>,
}

/// What `verdicts` lacks, grouped: each program once, whoever wrote it how often.
///
/// Groups with the largest budgets come first, so that no worker is left alone at the end
/// with one that takes long; among equals in order of their first member. Nothing but the
/// time that a run takes depends on the order.
pub(super) fn plan<'a>(
    problems: &'a [Problem],
    candidates: &'a [Candidate],
    graders: &[Grader],
    tests: WhichTests,
    context: &KeyContext,
    verdicts: &RecordLog<Verdict>,
) -> Result<Vec<Group<'a>>, Error> {
    let by_id: HashMap<&ProblemId, usize> = problems
        .iter()
        .enumerate()
        .map(|(index, problem)| (&problem.id, index))
        .collect();
    let mut candidates: Vec<&Candidate> = candidates.iter().collect();
    candidates.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = candidates.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(Error::RepeatedCandidate {
            id: pair[0].id.clone(),
        });
    }

    let mut open = Vec::new();
    for candidate in candidates {
        let &problem = by_id
            .get(&candidate.id.problem)
            .ok_or_else(|| Error::NoProblem {
                id: candidate.id.clone(),
            })?;
        for &grader in graders {
            if !verdicts.contains(&(candidate.id.clone(), grader)) {
                open.push((problem, candidate, grader));
            }
        }
    }

    // Tests can be large and are shared by many candidates, so they are hashed once.
    let mut used: Vec<usize> = open.iter().map(|(problem, ..)| *problem).collect();
    used.dedup();
    let digests: HashMap<usize, TestsDigest> = used
        .into_par_iter()
        .map(|problem| (problem, TestsDigest::new(&problems[problem], tests)))
        .collect();
    let keyed: Vec<(CacheKey, Work<'a>)> = open
        .into_par_iter()
        .map(|(problem, candidate, grader)| {
            let work = Work {
                problem: &problems[problem],
                candidate,
                grader,
                tests,
            };
            let key = context.key(&digests[&problem], &work.program(), grader);
            (key, work)
        })
        .collect();

    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut position: BTreeMap<CacheKey, usize> = BTreeMap::new();
    for (key, work) in keyed {
        let at = *position.entry(key).or_insert_with(|| {
            groups.push(Group {
                key,
                members: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].members.push(work);
    }
    // Stable, so that equal budgets keep their order.
    groups.sort_by_cached_key(|group| Reverse(n_budgets(&group.members[0])));
    Ok(groups)
}

/// How many budgets a piece of work may use up: one for each test, and a run has the same
/// budget for all.
fn n_budgets(work: &Work<'_>) -> usize {
    match work.tests {
        WhichTests::Hidden => work.problem.tests.n_hidden(),
        WhichTests::Example => work.problem.tests.n_example(),
    }
}
