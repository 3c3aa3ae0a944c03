//! One problem: its references through the judge, and what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::answers::several_answers;
use super::conflicts::has_conflict;
use super::needs::{Need, needs};
use super::record::{AuditRecord, FuelUse, GraderAudit, Solvable, TestsState};
use super::recorder::{Observed, Recorder};
use super::run::Digests;
use crate::contract::Executor;
use crate::execution::Limits;
use crate::judge::{Judge, JudgeOptions, Judged, WhichTests};
use crate::problem::{Problem, UnitTests};
use crate::verdict::{Grader, Judgement, Unjudged};

/// A first try and two more, as for candidates.
const MAX_ATTEMPTS: u32 = 3;

/// What one reference came to.
struct ReferenceAudit {
    /// In the order of [`graders_of`].
    judged: Vec<Judged>,
    /// Under `strict`.
    observed: Observed,
    needs: BTreeSet<Need>,
}

/// The record of `problem`; `None` when cancelled meanwhile. References are judged in
/// parallel on the current thread pool.
pub(super) fn audit_problem(
    problem: &Problem,
    executor: &dyn Executor,
    limits: &Limits,
    digests: Digests,
    cancel: &AtomicBool,
) -> Option<AuditRecord> {
    let graders = graders_of(problem);
    let references = different(&problem.reference_solutions);
    let audits: Option<Vec<ReferenceAudit>> = references
        .par_iter()
        .with_max_len(1)
        .map(|program| {
            (!cancel.load(Ordering::Relaxed))
                .then(|| audit_reference(problem, program, graders, executor, limits))
        })
        .collect();
    Some(record(problem, graders, audits?, digests))
}

/// `apps-2021` has its own way with texts and calls; tests that are code know one grader.
fn graders_of(problem: &Problem) -> &'static [Grader] {
    match problem.tests {
        UnitTests::StandardInput { .. } | UnitTests::CallBased { .. } => {
            &[Grader::Strict, Grader::Apps2021]
        }
        UnitTests::Asserts { .. }
        | UnitTests::CheckFunction { .. }
        | UnitTests::Differential { .. } => &[Grader::Strict],
    }
}

/// Each program once, in order of first appearance.
fn different(programs: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let programs = programs.iter().map(String::as_str);
    programs.filter(|program| seen.insert(*program)).collect()
}

fn audit_reference(
    problem: &Problem,
    program: &str,
    graders: &[Grader],
    executor: &dyn Executor,
    limits: &Limits,
) -> ReferenceAudit {
    let mut observed = Observed::default();
    let mut needed = BTreeSet::new();
    let mut judged = Vec::with_capacity(graders.len());
    for &grader in graders {
        let (result, seen) = judge_with_retries(problem, program, grader, executor, limits);
        needed.extend(needs(program, &seen));
        if grader == Grader::Strict {
            observed = seen;
        }
        judged.push(result);
    }
    ReferenceAudit {
        judged,
        observed,
        needs: needed,
    }
}

fn judge_with_retries(
    problem: &Problem,
    program: &str,
    grader: Grader,
    executor: &dyn Executor,
    limits: &Limits,
) -> (Judged, Observed) {
    let mut attempt = 1;
    loop {
        // A recorder a try: what a broken try saw does not count.
        let recorder = Recorder::new(executor);
        let judge = Judge::new(&recorder, JudgeOptions::default());
        let judged = judge.judge(problem, program, grader, WhichTests::Hidden, limits);
        drop(judge);
        match judged {
            Ok(judged) => return (judged, recorder.into_observed()),
            Err(error) if attempt == MAX_ATTEMPTS => {
                let reason = Unjudged::Infrastructure {
                    detail: error.to_string(),
                };
                let judged = Judged {
                    judgement: Judgement::Unjudged { reason },
                    fuel: 0,
                };
                return (judged, recorder.into_observed());
            }
            Err(_) => attempt += 1,
        }
    }
}

fn record(
    problem: &Problem,
    graders: &[Grader],
    audits: Vec<ReferenceAudit>,
    digests: Digests,
) -> AuditRecord {
    let by_grader: Vec<GraderAudit> = graders
        .iter()
        .enumerate()
        .map(|(at, &grader)| {
            let mut audit = GraderAudit::new(grader);
            for reference in &audits {
                audit.add(&reference.judged[at].judgement);
            }
            audit
        })
        .collect();
    let n_tests = problem.tests.n_hidden();
    let passes_strict = by_grader[0].passed > 0;
    let mut needed: BTreeMap<Need, usize> = BTreeMap::new();
    for need in audits.iter().flat_map(|audit| &audit.needs) {
        *needed.entry(*need).or_default() += 1;
    }
    let unsupported: BTreeSet<&String> = audits
        .iter()
        .flat_map(|audit| &audit.observed.unsupported)
        .collect();
    let strict = || audits.iter().map(|audit| &audit.judged[0].judgement);
    AuditRecord {
        problem: problem.id.clone(),
        split: problem.split,
        difficulty: problem.difficulty,
        solvable: if by_grader.iter().any(|audit| audit.passed > 0) {
            Solvable::Yes
        } else if by_grader.iter().any(|audit| audit.n_judged() > 0) {
            Solvable::No
        } else {
            Solvable::Unknown
        },
        n_tests,
        n_references: audits.len(),
        tests: if n_tests == 0 {
            TestsState::Empty
        } else if !passes_strict && has_conflict(problem) {
            TestsState::Contradictory
        } else {
            TestsState::Sound
        },
        needs: needed,
        unsupported: unsupported.into_iter().cloned().collect(),
        fuel: FuelUse::of(
            audits
                .iter()
                .filter(|audit| audit.judged[0].judgement.passed())
                .flat_map(|audit| audit.observed.fuel.iter().copied())
                .collect(),
        ),
        several_answers: several_answers(&problem.statement, strict()),
        n_infrastructure: audits
            .iter()
            .filter(|audit| audit.judged.iter().any(is_infrastructure))
            .count(),
        tests_sha256: digests.tests,
        basis_sha256: digests.basis,
        graders: by_grader,
    }
}

fn is_infrastructure(judged: &Judged) -> bool {
    matches!(
        judged.judgement,
        Judgement::Unjudged {
            reason: Unjudged::Infrastructure { .. }
        }
    )
}
