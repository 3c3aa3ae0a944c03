//! Judging into memory.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::problem::{ProblemId, WhichTests};
use harness::runner::{BatchJudge, BatchRequest, Submission};
use harness::store::VerdictCache;
use harness::verdict::{Grader, Judged, Judgement, Outcome, Unjudged};

use crate::fixture::{context, problems};

fn submission(problem: &ProblemId, program: &str) -> Submission {
    Submission {
        problem: problem.clone(),
        program: program.to_owned(),
    }
}

/// A program passes that says so.
fn judged(program: &str) -> Judged {
    let outcome = match program {
        "pass" => Outcome::PassedTests,
        _ => Outcome::FailedTests,
    };
    Judged {
        judgement: Judgement::Judged {
            outcome,
            cause: None,
            tests: Vec::new(),
            n_tests: 0,
        },
        fuel: 1,
    }
}

#[test]
fn equal_programs_are_judged_once_and_remembered() {
    let problems = problems(2);
    let context = context();
    let folder = tempfile::tempdir().unwrap();
    let (cache, _) = VerdictCache::open(folder.path()).unwrap();
    let cancel = AtomicBool::new(false);
    let n_judged = AtomicUsize::new(0);
    let batch = BatchJudge::new(BatchRequest {
        problems: &problems,
        grader: Grader::Strict,
        tests: WhichTests::Hidden,
        context: &context,
        cache: Some(&cache),
        workers: NonZeroUsize::new(2).unwrap(),
        cancel: &cancel,
    })
    .unwrap();
    let (a, b) = (&problems[0].id, &problems[1].id);
    let submissions = [
        submission(a, "pass"),
        submission(b, "fail"),
        submission(&ProblemId::new("none"), "pass"),
        submission(a, "pass"),
    ];
    let judge = || {
        batch.judge(&submissions, |_, program| {
            n_judged.fetch_add(1, Ordering::Relaxed);
            Ok(judged(program))
        })
    };
    let outcomes = |judgements: Vec<Option<Judgement>>| -> Vec<Option<Outcome>> {
        judgements
            .iter()
            .map(|judgement| judgement.as_ref().and_then(Judgement::outcome))
            .collect()
    };
    let expected = [
        Some(Outcome::PassedTests),
        Some(Outcome::FailedTests),
        None,
        Some(Outcome::PassedTests),
    ];
    assert_eq!(outcomes(judge()), expected);
    assert_eq!(n_judged.load(Ordering::Relaxed), 2);
    assert_eq!(outcomes(judge()), expected);
    assert_eq!(n_judged.load(Ordering::Relaxed), 2, "the cache has them");

    let other = [submission(a, "third")];
    cancel.store(true, Ordering::Relaxed);
    assert_eq!(
        batch.judge(&other, |_, program| Ok(judged(program))),
        [None]
    );
}

#[test]
fn trouble_is_tried_again_and_is_nobodys_fault() {
    let problems = problems(1);
    let context = context();
    let cancel = AtomicBool::new(false);
    let batch = BatchJudge::new(BatchRequest {
        problems: &problems,
        grader: Grader::Strict,
        tests: WhichTests::Hidden,
        context: &context,
        cache: None,
        workers: NonZeroUsize::MIN,
        cancel: &cancel,
    })
    .unwrap();
    let n_tries = AtomicUsize::new(0);
    let submissions = [submission(&problems[0].id, "pass")];
    let found = batch.judge(&submissions, |_, program| {
        match n_tries.fetch_add(1, Ordering::Relaxed) {
            0 => Err("the worker died".into()),
            1 => panic!("a bug"),
            _ => Ok(judged(program)),
        }
    });
    assert_eq!(
        found[0].as_ref().and_then(Judgement::outcome),
        Some(Outcome::PassedTests)
    );
    let found = batch.judge(&submissions, |_, _| Err("out of memory".into()));
    let Some(Judgement::Unjudged {
        reason: Unjudged::Infrastructure { detail },
    }) = &found[0]
    else {
        panic!("{found:?}")
    };
    assert_eq!(detail, "out of memory");
}
